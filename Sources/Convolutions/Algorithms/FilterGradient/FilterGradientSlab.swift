/// The copies of a box that the products of a block read.
struct FilterGradientSlab<Compute: ComputeScalar> {
  private let map: ConvolutionMap
  private let block: FilterBlock
  /// Input channels, counted over all groups.
  private let channels: Range<Int>
  private let source: TileLoader
  private let gradientSource: TileLoader
  private let copies: Copies

  /// The memory of the copies.
  struct Copies {
    /// Of the input, `[kinds of rows, kinds of columns, rows, columns, images,
    /// channels]`, or by windows, `[kinds of rows, rows, windows, images, tap
    /// columns, channels]`.
    let pixels: UnsafeMutablePointer<Compute>
    /// Of out_backprop, `[rows, columns, images, channels]`.
    let gradients: UnsafeMutablePointer<Compute>
    /// A row of the input, `[columns, channels]`.
    let row: UnsafeMutablePointer<Compute>

    init(_ scratch: inout Scratch, _ slabs: FilterGradientTiling.Slabs) {
      // First, as products read whole lines, of the last pixel too.
      gradients = scratch.next(slabs.outBackprop)
      pixels = scratch.next(slabs.input)
      row = scratch.next(slabs.row)
    }
  }

  init(
    _ map: ConvolutionMap, _ block: FilterBlock, channels: Range<Int>,
    input: StoredPointer, outBackprop: StoredPointer, copies: Copies
  ) {
    self.map = map
    self.block = block
    self.channels = channels
    source = TileLoader(target: input, of: map)
    gradientSource = TileLoader(source: outBackprop, of: map)
    self.copies = copies
  }

  private var copy: UnsafeMutablePointer<Compute> { copies.pixels }
  private var gradientCopy: UnsafeMutablePointer<Compute> { copies.gradients }
  private var row: UnsafeMutablePointer<Compute> { copies.row }

  var pixels: UnsafePointer<Compute> { UnsafePointer(copy) }

  var gradients: UnsafePointer<Compute> { UnsafePointer(gradientCopy) }

  func loadGradients(_ box: PixelBox) {
    let (width, images) = (box.columns.count, box.images.count)
    let channels = block.outputs.count
    if images == 1, width == map.sourceWidth {
      // Whole rows follow each other.
      gradientSource.load(
        image: box.images.lowerBound, row: box.rows.lowerBound, column: 0,
        count: box.rows.count * width, channels: block.outputs,
        to: gradientCopy, stride: channels)
      return
    }
    for y in 0..<box.rows.count {
      for image in 0..<images {
        gradientSource.load(
          image: box.images.lowerBound + image,
          row: box.rows.lowerBound + y, column: box.columns.lowerBound,
          count: width, channels: block.outputs,
          to: gradientCopy + (y * width * images + image) * channels,
          stride: images * channels)
      }
    }
  }

  func loadPixels(
    _ box: PixelBox, _ vertical: PixelSlabAxis, _ horizontal: PixelSlabAxis
  ) {
    let images = box.images.count
    let stride = images * channels.count
    for kind in 0..<vertical.kinds {
      for line in vertical.places(kind: kind) {
        let y = vertical.position(kind: kind, place: line)
        for image in 0..<images {
          let first =
            copy
            + (kind * horizontal.kinds * vertical.count + line)
            * horizontal.count * stride + image * channels.count
          loadRow(
            image: box.images.lowerBound + image, row: y, horizontal,
            to: first, stride: stride,
            kindStride: vertical.count * horizontal.count * stride)
        }
      }
    }
  }

  private func loadRow(
    image: Int, row y: Int, _ horizontal: PixelSlabAxis,
    to copy: UnsafeMutablePointer<Compute>, stride: Int, kindStride: Int
  ) {
    let step = map.horizontal.stride
    if map.dataFormat == .nhwc || step == 1 {
      for kind in 0..<horizontal.kinds {
        let places = horizontal.places(kind: kind)
        guard !places.isEmpty else { continue }
        source.load(
          image: image, row: y,
          column: horizontal.position(kind: kind, place: places.lowerBound),
          step: step, count: places.count, channels: channels,
          to: copy + kind * kindStride + places.lowerBound * stride,
          stride: stride)
      }
      return
    }
    // Columns of NCHW are transposed together, then sorted.
    var columns = map.targetWidth..<0 + map.targetWidth
    for kind in 0..<horizontal.kinds {
      let places = horizontal.places(kind: kind)
      guard !places.isEmpty else { continue }
      let lower = horizontal.position(kind: kind, place: places.lowerBound)
      let upper = horizontal.position(kind: kind, place: places.upperBound - 1)
      columns =
        columns.isEmpty
        ? lower..<upper + 1
        : min(columns.lowerBound, lower)..<max(columns.upperBound, upper + 1)
    }
    guard !columns.isEmpty else { return }
    source.load(
      image: image, row: y, column: columns.lowerBound, count: columns.count,
      channels: channels, to: row, stride: channels.count)
    for kind in 0..<horizontal.kinds {
      let places = horizontal.places(kind: kind)
      guard !places.isEmpty else { continue }
      let column = horizontal.position(kind: kind, place: places.lowerBound)
      Compute.copyRuns(
        row + (column - columns.lowerBound) * channels.count,
        outerStride: step * channels.count, innerStride: 0,
        to: copy + kind * kindStride + places.lowerBound * stride,
        outerStride: stride, innerStride: 0, outer: places.count, inner: 1,
        count: channels.count)
    }
  }

  /// Every window's row of taps, with zeros for padding.
  func loadWindows(_ box: PixelBox, _ vertical: PixelSlabAxis) {
    let axis = map.horizontal
    let (width, taps) = (channels.count, block.tapColumns.count)
    let window = taps * width
    let images = box.images.count
    let stride = images * window
    let first = axis.position(source: box.columns.lowerBound, tap: 0)
    let end = axis.position(source: box.columns.upperBound - 1, tap: taps - 1)
    let inside = max(0, first)..<max(0, first, min(axis.target, end + 1))
    row.update(repeating: Compute.zero, count: (end + 1 - first) * width)
    for kind in 0..<vertical.kinds {
      for line in vertical.places(kind: kind) {
        let y = vertical.position(kind: kind, place: line)
        for image in 0..<images {
          if !inside.isEmpty {
            source.load(
              image: box.images.lowerBound + image, row: y,
              column: inside.lowerBound, count: inside.count,
              channels: channels,
              to: row + (inside.lowerBound - first) * width, stride: width)
          }
          let isDense = axis.dilation == 1
          Compute.copyRuns(
            row, outerStride: axis.stride * width,
            innerStride: axis.dilation * width,
            to: copy + (kind * vertical.count + line) * box.columns.count
              * stride + image * window,
            outerStride: stride, innerStride: width,
            outer: box.columns.count, inner: isDense ? 1 : taps,
            count: isDense ? window : width)
        }
      }
    }
  }
}
