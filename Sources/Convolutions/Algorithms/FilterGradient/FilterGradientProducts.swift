internal import CConvolutionKernels

/// The filter gradient on matrix products: per tap, the pixels of the input that
/// it reads, transposed, times the pixels of out_backprop.
///
/// Pixels of a box are copied first, widened and brought to `[pixels,
/// channels]`: in order of rows, kinds of columns, columns and images, so that
/// what a tap reads for a row of windows, or for all of them, is one operand
/// whatever the stride. Taps that fall into padding are never multiplied.
///
/// With few input channels the taps of a row are folded into the channels: the
/// input is copied by windows, with zeros for padding. Where out_backprop is not
/// finite there, those zeros would count: such a box is multiplied tap by tap.
struct FilterGradientProducts<Compute: ComputeScalar>: TiledFilterGradient,
  Candidate
{
  let map: ConvolutionMap
  let tiling: FilterGradientTiling
  let folds: Bool
  let tasks: FilterGradientTasks
  private let slabs: FilterGradientTiling.Slabs

  /// Pixels of a block of a sum, but for what evening them out adds.
  private static var blockPixels: Int { 256 }

  static var algorithm: ConvolutionAlgorithm { .taps }

  init(_ request: KernelRequest) throws(Conv2DError) {
    map = request.map
    try Self.checkSteps(map)
    folds = Self.folds(map)
    tiling = FilterGradientTiling(
      map, folds: folds, computeByteCount: MemoryLayout<Compute>.stride)
    tasks = FilterGradientTasks(map, tiling)
    slabs = tiling.slabs(map, folds: folds)
    try checkWorkspace()
  }

  /// Too few channels for the rows of a product.
  private static func folds(_ map: ConvolutionMap) -> Bool {
    map.channelsPerGroup < 16 && map.kernelWidth > 1
      && map.kernelWidth * map.channelsPerGroup <= 256
  }

  var summary: String {
    "products of \(folds ? "rows of taps" : "taps"), blocks of "
      + "\(tiling.tapRows)x\(tiling.tapColumns)x\(tiling.inputs)x"
      + "\(tiling.outputs), boxes of "
      + "\(tiling.images)x\(tiling.rows)x\(tiling.columns), "
      + "\(tasks.blockCount) blocks, \(tasks.parts) parts"
  }

  func cost(_ model: CostModel) -> Double {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let (inputs, outputs) = (Double(tiling.inputs), Double(tiling.outputs))
    let blocks = Double(
      map.groups
        * ceilDivide(map.channelsPerGroup, tiling.inputs)
        * ceilDivide(map.depthPerGroup, tiling.outputs))
    let chunks = Double(tasks.blockCount) / blocks
    let images = Double(map.batch)
    let rows = inputs * (folds ? Double(tiling.tapColumns) : 1)
    var products = 0.0
    if folds {
      let depth = Double(tiling.rows * tiling.columns * tiling.images)
      let parts = (depth / 256).rounded(.up)
      products =
        vertical.hits / Double(tiling.rows)
        * Double(ceilDivide(horizontal.source, tiling.columns)) * parts
        * model.pixels(rows: rows, columns: outputs, count: depth / parts)
    } else {
      horizontal.forEachTap { windows, weight in
        guard windows > 0 else { return }
        let cuts = Double(ceilDivide(horizontal.source, tiling.columns))
        let depth = (windows / cuts).rounded(.up) * Double(tiling.images)
        let parts = (depth / 256).rounded(.up)
        products +=
          weight * vertical.hits * cuts * parts
          * model.pixels(rows: rows, columns: outputs, count: depth / parts)
      }
    }
    products *= images / Double(tiling.images) * blocks
    let box = Double(tiling.images * tiling.rows * tiling.columns)
    let pixels =
      images * Double(map.sourceHeight * map.sourceWidth)
    let boxes = blocks * chunks * pixels / box
    var loads =
      boxes
      * (model.load(Double(slabs.input), map.dataFormat)
        + model.load(Double(slabs.outBackprop), map.dataFormat))
    if map.dataFormat == .nhwc {
      // Pixels of some of the channels are runs of their own.
      loads +=
        boxes
        * model.runs(
          Double(slabs.input) / (folds ? rows : inputs) + box,
          scalars: 0)
    }
    return products + loads + model.move(2 * Double(map.filterCount))
      + partsCost(model)
  }

  // MARK: Workspace

  // The sums of a task without parts, and the copies of a box.

  var workspaceByteCount: Int {
    Scratch.byteCount {
      (
        tasks.ownSums(&$0) as UnsafeMutablePointer<Compute>,
        FilterGradientSlab<Compute>.Copies(&$0, slabs)
      )
    }
  }

  // MARK: Execution

  func run(task: Int, _ memory: TileMemory) {
    var scratch = Scratch(memory.workspace)
    let sums: UnsafeMutablePointer<Compute> = tasks.sums(
      task: task, memory, &scratch)
    let block = tasks.block(task: task)
    let slab = FilterGradientSlab<Compute>(
      map, block, channels: block.inputChannels(map),
      input: memory.target,
      outBackprop: memory.source,
      copies: .init(&scratch, slabs))
    sums.update(repeating: Compute.zero, count: block.count)
    for index in tasks.boxes(task: task) {
      let box = tasks.box(index)
      if folds {
        addWindows(slab, block, box, to: sums)
      } else {
        addPixels(slab, block, box, to: sums)
      }
    }
    tasks.finish(
      block, UnsafePointer(sums),
      to: memory.result)
  }

  private func addPixels(
    _ slab: FilterGradientSlab<Compute>, _ block: FilterBlock, _ box: PixelBox,
    to sums: UnsafeMutablePointer<Compute>
  ) {
    let (rowAxis, columnAxis) = (map.vertical, map.horizontal)
    let vertical = PixelSlabAxis(
      rowAxis, taps: block.tapRows, outputs: box.rows)
    let horizontal = PixelSlabAxis(
      columnAxis, taps: block.tapColumns, outputs: box.columns)
    slab.loadPixels(box, vertical, horizontal)
    slab.loadGradients(box)
    let (inputs, outputs) = (block.inputs.count, block.outputs.count)
    for r in block.tapRows {
      let rows = rowAxis.sources(landingIn: 0..<rowAxis.target, tap: r)
        .clamped(to: box.rows)
      guard !rows.isEmpty else { continue }
      let line = vertical.place(tap: r, output: rows.lowerBound)
      for c in block.tapColumns {
        let columns =
          columnAxis
          .sources(landingIn: 0..<columnAxis.target, tap: c)
          .clamped(to: box.columns)
        guard !columns.isEmpty else { continue }
        let place = horizontal.place(tap: c, output: columns.lowerBound)
        let pixel =
          ((line.kind * horizontal.kinds + place.kind) * vertical.count
            + line.place) * horizontal.count + place.place
        let gradient =
          (rows.lowerBound - box.rows.lowerBound) * box.columns.count
          + columns.lowerBound - box.columns.lowerBound
        // Whole rows follow each other.
        let isWhole =
          columns.count == box.columns.count
          && columns.count == horizontal.count
        let runs = isWhole ? 1 : rows.count
        let images = box.images.count
        multiply(
          rows: inputs, columns: outputs, runs: runs,
          of: columns.count * rows.count / runs * images,
          slab.pixels + pixel * images * inputs,
          run: horizontal.count * images * inputs, stride: inputs,
          slab.gradients + gradient * images * outputs,
          run: box.columns.count * images * outputs,
          to: sums + block.offset(row: r, column: c))
      }
    }
  }

  private func addWindows(
    _ slab: FilterGradientSlab<Compute>, _ block: FilterBlock, _ box: PixelBox,
    to sums: UnsafeMutablePointer<Compute>
  ) {
    let (rowAxis, columnAxis) = (map.vertical, map.horizontal)
    let vertical = PixelSlabAxis(
      rowAxis, taps: block.tapRows, outputs: box.rows)
    slab.loadWindows(box, vertical)
    slab.loadGradients(box)
    let (inputs, outputs) = (block.inputs.count, block.outputs.count)
    let window = block.tapColumns.count * inputs
    let images = box.images.count
    // Zeros times what is not finite would be NaN.
    let needsCare =
      block.tapColumns.contains {
        !columnAxis.sources(landingIn: 0..<columnAxis.target, tap: $0)
          .contains(box.columns)
      }
      && !Compute.areFinite(
        slab.gradients,
        count: images * box.rows.count * box.columns.count * outputs)
    for r in block.tapRows {
      let rows = rowAxis.sources(landingIn: 0..<rowAxis.target, tap: r)
        .clamped(to: box.rows)
      guard !rows.isEmpty else { continue }
      let line = vertical.place(tap: r, output: rows.lowerBound)
      let width = box.columns.count
      let pixel = (line.kind * vertical.count + line.place) * width
      let gradient = (rows.lowerBound - box.rows.lowerBound) * width
      if !needsCare {
        multiply(
          rows: window, columns: outputs, runs: 1,
          of: rows.count * width * images,
          slab.pixels + pixel * images * window, run: 0, stride: window,
          slab.gradients + gradient * images * outputs, run: 0,
          to: sums + block.offset(row: r, column: 0))
        continue
      }
      for c in block.tapColumns {
        let columns =
          columnAxis
          .sources(landingIn: 0..<columnAxis.target, tap: c)
          .clamped(to: box.columns)
        guard !columns.isEmpty else { continue }
        let place = columns.lowerBound - box.columns.lowerBound
        multiply(
          rows: inputs, columns: outputs, runs: rows.count,
          of: columns.count * images,
          slab.pixels + (pixel + place) * images * window + c * inputs,
          run: width * images * window, stride: window,
          slab.gradients + (gradient + place) * images * outputs,
          run: width * images * outputs,
          to: sums + block.offset(row: r, column: c))
      }
    }
  }

  /// Adds a product over runs of pixels, in blocks of so many of them.
  private func multiply(
    rows: Int, columns: Int, runs: Int, of count: Int,
    _ pixels: UnsafePointer<Compute>, run pixelRun: Int, stride: Int,
    _ gradients: UnsafePointer<Compute>, run gradientRun: Int,
    to sums: UnsafeMutablePointer<Compute>
  ) {
    let length = evenPart(count, limit: Self.blockPixels)
    let together = evenPart(runs, limit: max(1, Self.blockPixels / count))
    for run in Swift.stride(from: 0, to: runs, by: together) {
      for first in Swift.stride(from: 0, to: count, by: length) {
        Compute.kernels.pointee.multiply_pixels(
          rows, columns, min(together, runs - run),
          min(length, count - first),
          pixels + run * pixelRun + first * stride, pixelRun, stride,
          gradients + run * gradientRun + first * columns, gradientRun,
          columns, sums, columns, 1)
      }
    }
  }
}
