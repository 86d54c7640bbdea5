/// Tap accumulation (kn2row): per tap, one matrix product of the pixels of
/// the source that reach the result through it with that tap's filter, added
/// straight to the result.
///
/// Windows of one row that land inside through a tap are a run of the source
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
struct Taps<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap
  let tiling: TapTiling
  let panels: FilterPanels<Compute>
  private let bandRowCount: Int
  private let bandColumnCount: Int
  private let blockPartCount: Int
  /// Whether no pixel of the result is reached through two taps.
  let reachesOnce: Bool
  /// Whether every pixel is reached, through one tap: kernels as large as the
  /// stride, and no padding.
  let reachesAll: Bool
  private let core: BLASCore

  static var algorithm: ConvolutionAlgorithm { .taps }

  init(_ request: KernelRequest) {
    map = request.map
    core = request.core
    tiling = TapTiling(
      map, core: core, computeByteCount: MemoryLayout<Compute>.stride,
      copies: TileLoader.copies(map),
      targets: request.targets?.taps ?? TapTargets())
    panels = FilterPanels(
      map, channelBlock: tiling.channelBlock, tapsPerChunk: 1,
      byDepth: true)
    bandRowCount = ceilDivide(map.targetHeight, tiling.bandRows)
    bandColumnCount = ceilDivide(map.targetWidth, tiling.bandColumns)
    let axes = [map.vertical, map.horizontal]
    reachesOnce = axes.allSatisfy {
      $0.kernel == 1 || ($0.dilation == 1 && $0.kernel <= $0.stride)
    }
    reachesAll = axes.allSatisfy {
      $0.dilation == 1 && $0.kernel == $0.stride && $0.pad == 0
        && ($0.step == 1
          ? $0.target == $0.source * $0.stride
          : ($0.target - 1) * $0.step < $0.source)
    }
    blockPartCount = ceilDivide(panels.blocksPerGroup, tiling.blocksPerTask)
  }

  static func objection(to map: ConvolutionMap) -> String? {
    // A product has at most a row of pixels, `stride` apart in the result and
    // `step` apart in the source.
    let widest = max(
      map.sourceHeight * map.sourceWidth,
      map.targetChannels.multipliedClamped(by: map.horizontal.stride),
      map.sourceChannels.multipliedClamped(by: map.horizontal.step))
    return widest > Int(Int32.max)
      ? "a matrix dimension exceeds the 32 bits of the BLAS interface" : nil
  }

  var taskCount: Int {
    map.groups * blockPartCount * map.batch * bandRowCount
      * bandColumnCount
  }

  var filterByteCount: Int { panels.byteCount }

  var filterPartCount: Int { map.groups * panels.blocksPerGroup }

  var packsOperands: Bool { core == .packed }

  var summary: String {
    "GEMM \(tiling.pixels)x\(tiling.channelBlock)x\(tiling.depthBlock), "
      + "bands of \(tiling.bandRows)x\(tiling.bandColumns), "
      + "strips of \(tiling.stripRows), \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let width = Double(tiling.channelBlock)
    let depth = Double(tiling.depthBlock)
    let rows = vertical.hits
    // Whole rows without a gap are one run.
    let merged =
      mayMerge && bandColumnCount == 1
      ? Double(min(tiling.stripRows, vertical.longestRun)) : 1
    var products = 0.0
    horizontal.forEachTap { windows, weight in
      guard windows > 0, rows > 0 else { return }
      let isWhole =
        mayMerge && Int(windows) == horizontal.source
        && horizontal.target == horizontal.source * horizontal.stride
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
    let blocks = Double(map.groups * panels.blocksPerGroup)
    let depths = Double(
      ceilDivide(map.depthPerGroup, tiling.depthBlock))
    var cost =
      Double(map.batch) * blocks * depths * products
      + model.move(Double(map.targetCount))
    if !sumsInResult {
      cost += model.load(Double(map.targetCount), map.dataFormat)
      let loads =
        Double(taskCount)
        * Double(tiling.tileRows * tiling.tileColumns * map.depthPerGroup)
      cost += model.load(loads, map.dataFormat)
    }
    // Blocks are outermost: one that fits stays in the cache.
    let block =
      map.taps * map.depthPerGroup * tiling.channelBlock
      * MemoryLayout<Compute>.stride
    let strips = ceilDivide(map.targetHeight, tiling.stripRows)
    cost += model.filter(
      map.usedWeights,
      times: block <= 1 << 20
        ? 1 : Double(map.batch * strips) * Double(bandColumnCount) / 4,
      behind: cost)
    return cost
  }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    panels.pack(
      part: part, from: StoredFilter(map, filter), into: prepared)
  }

  // MARK: Workspace

  // Two parts, each padded to a cache line: the rows of the source where they
  // are copied, the sums of a strip where they are not taken in the result.

  private var tileByteCount: Int {
    guard TileLoader.copies(map) else { return 0 }
    return byteCount(
      tiling.tileRows * tiling.tileColumns * map.depthPerGroup)
  }

  /// Whether sums are taken in the result.
  var sumsInResult: Bool {
    map.type.isCompute && map.dataFormat == .nhwc
  }

  /// Whether runs of pixels in rows beside each other may be one run.
  var mayMerge: Bool {
    map.vertical.stride == 1 && map.vertical.step == 1
      && map.horizontal.step == 1
  }

  /// Whether a task clears all channels of its band at once.
  var clearsAllChannels: Bool {
    sumsInResult && !reachesAll && map.groups == 1 && blockPartCount == 1
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

  func run(task: Int, _ memory: TileMemory) {
    var index = TaskIndex(task)
    // Neighbours in memory one after the other: groups of the same pixels, then
    // bands, then what reads another part of the filter.
    let group = index.next(map.groups)
    let columnBand = index.next(bandColumnCount)
    let rowBand = index.next(bandRowCount)
    let image = index.next(map.batch)
    let blocks = (0..<panels.blocksPerGroup)
      .part(index.rest, of: tiling.blocksPerTask)

    let rows = (0..<map.targetHeight).part(rowBand, of: tiling.bandRows)
    let columns = (0..<map.targetWidth)
      .part(columnBand, of: tiling.bandColumns)
    let source = TapSource<Compute>(
      map, tiling: tiling,
      source: memory.source,
      image: image, group: group, rows: rows, columns: columns,
      copy: memory.workspace.assumingMemoryBound(to: Compute.self))
    source.load()
    let sums = (memory.workspace + tileByteCount)
      .assumingMemoryBound(to: Compute.self)
    let result = memory.result
    if clearsAllChannels {
      clear(result, image: image, rows: rows, columns: columns)
    }
    for block in blocks {
      let panels =
        memory.first.assumingMemoryBound(to: Compute.self)
        + panels.offset(group: group, block: block)
      var row = rows.lowerBound
      while row < rows.upperBound {
        let strip = row..<min(row + tiling.stripRows, rows.upperBound)
        TapStrip(
          kernel: self, image: image,
          channels: self.panels.channels(block: block),
          group: group,
          rows: strip, columns: columns, panels: panels, source: source
        ).run(into: result, sums: sums)
        row = strip.upperBound
      }
    }
  }

  private func clear(
    _ result: MutableStoredPointer, image: Int, rows: Range<Int>,
    columns: Range<Int>
  ) {
    let channels = map.targetChannels
    for y in rows {
      let pixel =
        (image * map.targetHeight + y) * map.targetWidth
        + columns.lowerBound
      (result + pixel * channels).clear(count: columns.count * channels)
    }
  }
}

/// The pixels of the source that reach a band, as rows of matrices: in place
/// or widened, and transposed from NCHW, in the workspace.
struct TapSource<Compute: ComputeScalar> {
  private let map: ConvolutionMap
  private let source: StoredPointer
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
    _ map: ConvolutionMap, tiling: TapTiling,
    source: StoredPointer, image: Int, group: Int,
    rows: Range<Int>, columns: Range<Int>, copy: UnsafeMutablePointer<Compute>
  ) {
    self.map = map
    self.source = source
    self.image = image
    self.group = group
    bandRows = rows
    self.copy = TileLoader.copies(map) ? copy : nil
    dense = tiling.isDense
    tapRows = tiling.tapRows
    touchedRows = map.vertical.sources(touching: rows)
    touchedColumns = map.horizontal.sources(touching: columns)
    stride =
      self.copy == nil ? map.sourceChannels : map.depthPerGroup
  }

  /// Fills the copy, if there is one.
  func load() {
    guard copy != nil else { return }
    if dense {
      load(touchedRows, at: 0)
    } else {
      let step = map.vertical.step
      for tap in 0..<map.kernelHeight {
        let run = map.vertical.run(landingIn: bandRows, tap: tap)
        if step == 1 {
          load(run.source..<run.source + run.count, at: tap * tapRows)
          continue
        }
        for index in 0..<run.count {
          let row = run.source + index * step
          load(row..<row + 1, at: tap * tapRows + index)
        }
      }
    }
  }

  private func load(_ rows: Range<Int>, at place: Int) {
    let depth = map.depthPerGroup
    let width = map.sourceWidth
    let columns = touchedColumns
    let loader = TileLoader(source: source, of: map)
    let channels = map.sourceChannels(of: group)
    guard !rows.isEmpty, !columns.isEmpty, let copy else { return }
    let destination = copy + place * columns.count * depth
    if columns.count == width {
      loader.load(
        image: image, row: rows.lowerBound, column: 0,
        count: rows.count * width, channels: channels, to: destination)
      return
    }
    for (index, row) in rows.enumerated() {
      loader.load(
        image: image, row: row, column: columns.lowerBound,
        count: columns.count, channels: channels,
        to: destination + index * columns.count * depth)
    }
  }

  /// The pixel of window `row`, `column` that tap row `tap` needs.
  func pixel(row: Int, column: Int, tap: Int) -> UnsafePointer<Compute> {
    if let copy {
      let place =
        dense
        ? row - touchedRows.lowerBound
        : tap * tapRows
          + (row - map.vertical.run(landingIn: bandRows, tap: tap).source)
          / map.vertical.step
      return UnsafePointer(
        copy
          + (place * touchedColumns.count + column - touchedColumns.lowerBound)
          * stride)
    }
    let pixel =
      (image * map.sourceHeight + row) * map.sourceWidth + column
    return (source + pixel * stride + group * map.depthPerGroup).asCompute()!
  }
}

/// A block of channels of some rows of a band.
struct TapStrip<Compute: ComputeScalar> {
  let kernel: Taps<Compute>
  let image: Int
  let channels: Range<Int>
  let group: Int
  let rows: Range<Int>
  let columns: Range<Int>
  let panels: UnsafePointer<Compute>
  let source: TapSource<Compute>

  private var map: ConvolutionMap { kernel.map }

  func run(
    into result: MutableStoredPointer,
    sums: UnsafeMutablePointer<Compute>
  ) {
    let allChannels = map.targetChannels
    if kernel.sumsInResult {
      let pixel =
        (image * map.targetHeight + rows.lowerBound) * map.targetWidth
        + columns.lowerBound
      let destination =
        result + pixel * allChannels + group * map.channelsPerGroup
        + channels.lowerBound
      accumulate(
        into: destination.asCompute()!, stride: allChannels,
        rowStride: map.targetWidth * allChannels)
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
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let resultStep = horizontal.stride * stride
    let panelSize = map.depthPerGroup * channels.count
    for r in 0..<vertical.kernel {
      let rowRun = vertical.run(landingIn: rows, tap: r)
      guard !rowRun.isEmpty else { continue }
      for c in 0..<horizontal.kernel {
        let run = horizontal.run(landingIn: columns, tap: c)
        guard !run.isEmpty else { continue }
        let panel = panels + (r * horizontal.kernel + c) * panelSize
        let destination =
          sums + (rowRun.target - rows.lowerBound) * rowStride
          + (run.target - columns.lowerBound) * stride
        // Whole rows without a gap are one run of pixels.
        let isWhole =
          kernel.mayMerge && run.count == horizontal.source
          && rowStride == run.count * resultStep
        if isWhole {
          multiply(
            source.pixel(row: rowRun.source, column: 0, tap: r),
            panel, pixels: rowRun.count * run.count,
            into: destination, stride: resultStep)
          continue
        }
        for index in 0..<rowRun.count {
          multiply(
            source.pixel(
              row: rowRun.source + index * vertical.step, column: run.source,
              tap: r),
            panel, pixels: run.count,
            into: destination + index * vertical.stride * rowStride,
            stride: resultStep)
        }
      }
    }
  }

  /// Adds the product of a run of pixels with one panel.
  private func multiply(
    _ pixels: UnsafePointer<Compute>, _ panel: UnsafePointer<Compute>,
    pixels count: Int, into sums: UnsafeMutablePointer<Compute>, stride: Int
  ) {
    let depth = map.depthPerGroup
    let width = channels.count
    let sourceStep = map.horizontal.step * source.stride
    let parts = ceilDivide(count, kernel.tiling.pixels)
    var start = 0
    while start < depth {
      let part = min(kernel.tiling.depthBlock, depth - start)
      for index in 0..<parts {
        let first = count * index / parts
        let last = count * (index + 1) / parts
        Compute.multiply(
          rows: last - first, columns: width, depth: part,
          pixels + first * sourceStep + start, stride: sourceStep,
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
    _ sums: UnsafePointer<Compute>, into result: MutableStoredPointer
  ) {
    ResultSink(map, result).store(
      sums, image: image,
      channels: map.targetChannels(channels, of: group),
      rows: rows, columns: columns)
  }
}
