/// Tap accumulation (kn2row): per tap, one matrix product of the pixels of
/// out_backprop that reach the result through it with that tap's filter, added
/// straight to the result.
///
/// Windows of one row that land inside through a tap are a run of out_backprop
/// pixels, and what they reach lies `stride` pixels apart: both are matrices
/// with a row stride, so strides and dilations cost nothing, no column buffer
/// is written, and taps that fall into padding are never computed.
///
/// A task owns some blocks of input channels of a band of rows and columns of
/// one image. Where sums are taken in the storage type and channels are
/// contiguous they are taken in the result itself; else in the workspace, to be
/// rounded, or transposed for NCHW, once.
///
/// Source: Anderson, Vasudevan, Keane, Gregg, arXiv 1709.03395.
struct Taps<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  let tiling: TapTiling
  let panels: FilterPanels<Scalar>
  private let bandRowCount: Int
  private let bandColumnCount: Int
  private let blockPartCount: Int
  /// Whether no pixel of the result is reached through two taps.
  let reachesOnce: Bool
  /// Whether every pixel is reached, through one tap: kernels as large as the
  /// stride, and no padding.
  let reachesAll: Bool
  private let core: BLASCore

  init(_ geometry: Conv2DGeometry, tiling: TapTiling, core: BLASCore) {
    self.geometry = geometry
    self.tiling = tiling
    self.core = core
    panels = FilterPanels(
      geometry, channelBlock: tiling.channelBlock, tapsPerChunk: 1,
      transposed: true)
    bandRowCount = ceilDivide(geometry.inputHeight, tiling.bandRows)
    bandColumnCount = ceilDivide(geometry.inputWidth, tiling.bandColumns)
    let axes = [geometry.vertical, geometry.horizontal]
    reachesOnce = axes.allSatisfy {
      $0.kernel == 1 || ($0.dilation == 1 && $0.kernel <= $0.stride)
    }
    reachesAll = axes.allSatisfy {
      $0.dilation == 1 && $0.kernel == $0.stride && $0.padBefore == 0
        && $0.input == $0.output * $0.stride
    }
    blockPartCount = ceilDivide(panels.blocksPerGroup, tiling.blocksPerTask)
  }

  /// Why a geometry cannot be served, if so.
  static func objection(to geometry: Conv2DGeometry) -> String? {
    // A product has at most a row of pixels, `stride` apart in the result.
    let widest = max(
      geometry.outputChannels, geometry.outputHeight * geometry.outputWidth)
    let step = geometry.inputChannels.multipliedReportingOverflow(
      by: geometry.horizontal.stride)
    return widest > Int(Int32.max) || step.overflow
      || step.partialValue > Int(Int32.max)
      ? "a matrix dimension exceeds the 32 bits of the BLAS interface" : nil
  }

  var taskCount: Int {
    geometry.groups * blockPartCount * geometry.batch * bandRowCount
      * bandColumnCount
  }

  var filterByteCount: Int { panels.byteCount }

  var filterPartCount: Int { geometry.groups * panels.blocksPerGroup }

  var packsOperands: Bool { core == .packed }

  var summary: String {
    "GEMM \(tiling.pixels)x\(tiling.channelBlock)x\(tiling.depthBlock), "
      + "bands of \(tiling.bandRows)x\(tiling.bandColumns), "
      + "strips of \(tiling.stripRows), \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let width = Double(tiling.channelBlock)
    let depth = Double(tiling.depthBlock)
    let rows = vertical.hits
    // Whole rows without a gap are one run.
    let merged =
      vertical.stride == 1 && bandColumnCount == 1
      ? Double(min(tiling.stripRows, vertical.output)) : 1
    var products = 0.0
    horizontal.forEachTap { windows, weight in
      guard windows > 0, rows > 0 else { return }
      let isWhole =
        Int(windows) == horizontal.output
        && horizontal.input == horizontal.output * horizontal.stride
      let runs = isWhole ? rows / merged : rows * Double(bandColumnCount)
      let pixels = rows * windows / runs
      let parts = (pixels / Double(tiling.pixels)).rounded(.up)
      products +=
        weight * runs * parts
        * (1 + 1 / width)
        * (model.product(
          rows: (pixels / parts).rounded(), columns: width, depth: depth,
          adds: !reachesOnce)
          + model.sums(pixels / parts * width))
    }
    let blocks = Double(geometry.groups * panels.blocksPerGroup)
    let depths = Double(
      ceilDivide(geometry.depthPerGroup, tiling.depthBlock))
    var cost =
      Double(geometry.batch) * blocks * depths * products
      + model.move(Double(geometry.inputCount))
    if !sumsInResult {
      cost += model.load(Double(geometry.inputCount), geometry.dataFormat)
      let loads =
        Double(taskCount)
        * Double(tiling.tileRows * tiling.tileColumns * geometry.depthPerGroup)
      cost += model.load(loads, geometry.dataFormat)
    }
    // Blocks are outermost: one that fits stays in the cache.
    let block =
      geometry.taps * geometry.depthPerGroup * tiling.channelBlock
      * MemoryLayout<Compute>.stride
    let strips = ceilDivide(geometry.inputHeight, tiling.stripRows)
    cost += model.filter(
      geometry.usedWeights,
      times: block <= 1 << 20
        ? 1 : Double(geometry.batch * strips) * Double(bandColumnCount) / 4,
      behind: cost)
    return cost
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    panels.pack(part: part, from: filter, into: prepared)
  }

  // MARK: Workspace

  // Two parts, each padded to a cache line: the rows of out_backprop where they
  // are copied, the sums of a strip where they are not taken in the result.

  private var tileByteCount: Int {
    guard OutBackpropTile<Scalar>.copies(geometry) else { return 0 }
    return byteCount(
      tiling.tileRows * tiling.tileColumns * geometry.depthPerGroup)
  }

  /// Whether sums are taken in the result.
  var sumsInResult: Bool {
    Scalar.isCompute && geometry.dataFormat == .nhwc
  }

  /// Whether a task clears all channels of its band at once.
  var clearsAllChannels: Bool {
    sumsInResult && !reachesAll && geometry.groups == 1 && blockPartCount == 1
  }

  private var sumsByteCount: Int {
    sumsInResult
      ? 0
      : byteCount(tiling.stripRows * tiling.bandColumns * tiling.channelBlock)
  }

  private func byteCount(_ scalars: Int) -> Int {
    Workspace.padded(scalars * MemoryLayout<Compute>.stride)
  }

  var workspaceByteCount: Int { tileByteCount + sumsByteCount }

  // MARK: Execution

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    var rest = task
    func next(_ count: Int) -> Int {
      defer { rest /= count }
      return rest % count
    }
    // Neighbours in memory one after the other: groups of the same pixels, then
    // bands, then what reads another part of the filter.
    let group = next(geometry.groups)
    let columnBand = next(bandColumnCount)
    let rowBand = next(bandRowCount)
    let image = next(geometry.batch)
    let blocks = (0..<panels.blocksPerGroup)
      .part(rest, of: tiling.blocksPerTask)

    let rows = (0..<geometry.inputHeight).part(rowBand, of: tiling.bandRows)
    let columns = (0..<geometry.inputWidth)
      .part(columnBand, of: tiling.bandColumns)
    let source = TapSource<Scalar>(
      geometry, tiling: tiling,
      outBackprop: outBackprop.assumingMemoryBound(to: Scalar.self),
      image: image, group: group, rows: rows, columns: columns,
      copy: workspace.assumingMemoryBound(to: Compute.self))
    source.load()
    let sums = (workspace + tileByteCount)
      .assumingMemoryBound(to: Compute.self)
    let result = result.assumingMemoryBound(to: Scalar.self)
    if clearsAllChannels {
      clear(result, image: image, rows: rows, columns: columns)
    }
    for block in blocks {
      let panels =
        filter.assumingMemoryBound(to: Compute.self)
        + panels.offset(group: group, block: block)
      var row = rows.lowerBound
      while row < rows.upperBound {
        let strip = row..<min(row + tiling.stripRows, rows.upperBound)
        TapStrip(
          kernel: self, image: image,
          channels: self.panels.channels(block: block),
          firstChannel: group * geometry.channelsPerGroup,
          rows: strip, columns: columns, panels: panels, source: source
        ).run(into: result, sums: sums)
        row = strip.upperBound
      }
    }
  }

  private func clear(
    _ result: UnsafeMutablePointer<Scalar>, image: Int, rows: Range<Int>,
    columns: Range<Int>
  ) {
    let channels = geometry.inputChannels
    for y in rows {
      let pixel =
        (image * geometry.inputHeight + y) * geometry.inputWidth
        + columns.lowerBound
      // All bits zero is +0.0.
      UnsafeMutableRawPointer(result + pixel * channels).initializeMemory(
        as: UInt8.self, repeating: 0,
        count: columns.count * channels * MemoryLayout<Scalar>.stride)
    }
  }
}

/// The pixels of out_backprop that reach a band, as rows of matrices: in place
/// or widened, and transposed from NCHW, in the workspace.
struct TapSource<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  private let geometry: Conv2DGeometry
  private let outBackprop: UnsafePointer<Scalar>
  private let image: Int
  private let group: Int
  private let bandRows: Range<Int>
  private let copy: UnsafeMutablePointer<Compute>?
  /// All rows that touch the band, or, where there are far more of them than
  /// taps reach, those that tap row 0 reaches, then those that tap row 1 does…
  private let dense: Bool
  private let tapRows: Int
  private let touchedRows: Range<Int>
  private let touchedColumns: Range<Int>
  /// From one pixel of a row to the next.
  let stride: Int

  init(
    _ geometry: Conv2DGeometry, tiling: TapTiling,
    outBackprop: UnsafePointer<Scalar>, image: Int, group: Int,
    rows: Range<Int>, columns: Range<Int>, copy: UnsafeMutablePointer<Compute>
  ) {
    self.geometry = geometry
    self.outBackprop = outBackprop
    self.image = image
    self.group = group
    bandRows = rows
    self.copy = OutBackpropTile<Scalar>.copies(geometry) ? copy : nil
    dense = tiling.isDense
    tapRows = tiling.tapRows
    touchedRows = geometry.vertical.outputs(touching: rows)
    touchedColumns = geometry.horizontal.outputs(touching: columns)
    stride =
      self.copy == nil ? geometry.outputChannels : geometry.depthPerGroup
  }

  /// Fills the copy, if there is one.
  func load() {
    guard copy != nil else { return }
    if dense {
      load(touchedRows, at: 0)
    } else {
      for tap in 0..<geometry.kernelHeight {
        load(
          geometry.vertical.outputs(landingIn: bandRows, tap: tap),
          at: tap * tapRows)
      }
    }
  }

  private func load(_ rows: Range<Int>, at place: Int) {
    let depth = geometry.depthPerGroup
    let width = geometry.outputWidth
    let columns = touchedColumns
    let tile = OutBackpropTile(geometry, outBackprop)
    guard !rows.isEmpty, !columns.isEmpty, let copy else { return }
    let destination = copy + place * columns.count * depth
    if columns.count == width {
      tile.loadPixels(
        first: rows.lowerBound * width, count: rows.count * width,
        image: image, group: group, into: destination)
      return
    }
    for (index, row) in rows.enumerated() {
      tile.loadPixels(
        first: row * width + columns.lowerBound, count: columns.count,
        image: image, group: group,
        into: destination + index * columns.count * depth)
    }
  }

  /// The pixel of window `row`, `column` that tap row `tap` needs.
  func pixel(row: Int, column: Int, tap: Int) -> UnsafePointer<Compute> {
    if let copy {
      let place =
        dense
        ? row - touchedRows.lowerBound
        : tap * tapRows + row
          - geometry.vertical.outputs(landingIn: bandRows, tap: tap).lowerBound
      return UnsafePointer(
        copy
          + (place * touchedColumns.count + column - touchedColumns.lowerBound)
          * stride)
    }
    let pixel =
      (image * geometry.outputHeight + row) * geometry.outputWidth + column
    return Scalar.asCompute(
      outBackprop + pixel * stride + group * geometry.depthPerGroup)!
  }
}

/// A block of channels of some rows of a band.
struct TapStrip<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  let kernel: Taps<Scalar>
  let image: Int
  let channels: Range<Int>
  let firstChannel: Int
  let rows: Range<Int>
  let columns: Range<Int>
  let panels: UnsafePointer<Compute>
  let source: TapSource<Scalar>

  private var geometry: Conv2DGeometry { kernel.geometry }

  func run(
    into result: UnsafeMutablePointer<Scalar>,
    sums: UnsafeMutablePointer<Compute>
  ) {
    let allChannels = geometry.inputChannels
    if kernel.sumsInResult {
      let pixel =
        (image * geometry.inputHeight + rows.lowerBound) * geometry.inputWidth
        + columns.lowerBound
      let destination =
        result + pixel * allChannels + firstChannel + channels.lowerBound
      accumulate(
        into: Scalar.asCompute(destination)!, stride: allChannels,
        rowStride: geometry.inputWidth * allChannels)
    } else {
      accumulate(
        into: sums, stride: channels.count,
        rowStride: columns.count * channels.count)
      store(sums, into: result)
    }
  }

  // MARK: GEMM

  private func accumulate(
    into sums: UnsafeMutablePointer<Compute>, stride: Int, rowStride: Int
  ) {
    if !kernel.reachesAll, !kernel.clearsAllChannels {
      clear(sums, stride: stride, rowStride: rowStride)
    }
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let panelSize = geometry.depthPerGroup * channels.count
    for r in 0..<vertical.kernel {
      let outputRows = vertical.outputs(landingIn: rows, tap: r)
      guard !outputRows.isEmpty else { continue }
      let y =
        vertical.position(output: outputRows.lowerBound, tap: r)
        - rows.lowerBound
      for c in 0..<horizontal.kernel {
        let outputColumns = horizontal.outputs(landingIn: columns, tap: c)
        guard !outputColumns.isEmpty else { continue }
        let x =
          horizontal.position(output: outputColumns.lowerBound, tap: c)
          - columns.lowerBound
        let panel = panels + (r * horizontal.kernel + c) * panelSize
        let destination = sums + y * rowStride + x * stride
        // Whole rows without a gap are one run of pixels.
        let isWhole =
          vertical.stride == 1 && outputColumns.count == horizontal.output
          && rowStride == outputColumns.count * horizontal.stride * stride
        if isWhole {
          multiply(
            source.pixel(
              row: outputRows.lowerBound, column: 0, tap: r),
            panel, pixels: outputRows.count * outputColumns.count,
            into: destination, stride: horizontal.stride * stride)
          continue
        }
        for (index, row) in outputRows.enumerated() {
          multiply(
            source.pixel(row: row, column: outputColumns.lowerBound, tap: r),
            panel, pixels: outputColumns.count,
            into: destination + index * vertical.stride * rowStride,
            stride: horizontal.stride * stride)
        }
      }
    }
  }

  /// Adds the product of a run of pixels with one panel.
  private func multiply(
    _ pixels: UnsafePointer<Compute>, _ panel: UnsafePointer<Compute>,
    pixels count: Int, into sums: UnsafeMutablePointer<Compute>, stride: Int
  ) {
    let depth = geometry.depthPerGroup
    let width = channels.count
    let parts = ceilDivide(count, kernel.tiling.pixels)
    var start = 0
    while start < depth {
      let part = min(kernel.tiling.depthBlock, depth - start)
      for index in 0..<parts {
        let first = count * index / parts
        let last = count * (index + 1) / parts
        Compute.multiply(
          rows: last - first, columns: width, depth: part,
          pixels + first * source.stride + start, stride: source.stride,
          panel + start * width, stride: width,
          accumulate: !kernel.reachesOnce || start > 0,
          into: sums + first * stride, stride: stride)
      }
      start += part
    }
  }

  private func clear(
    _ sums: UnsafeMutablePointer<Compute>, stride: Int, rowStride: Int
  ) {
    let width = channels.count
    for row in 0..<rows.count {
      let start = sums + row * rowStride
      if stride == width {
        start.update(repeating: .zero, count: columns.count * width)
      } else {
        for column in 0..<columns.count {
          (start + column * stride).update(repeating: .zero, count: width)
        }
      }
    }
  }

  // MARK: Result

  private func store(
    _ sums: UnsafePointer<Compute>, into result: UnsafeMutablePointer<Scalar>
  ) {
    ResultTile(geometry, result).store(
      sums, image: image,
      channels: firstChannel + channels.lowerBound..<firstChannel
        + channels.upperBound,
      rows: rows, columns: columns)
  }
}
