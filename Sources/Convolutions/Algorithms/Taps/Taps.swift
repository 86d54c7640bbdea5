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

  static func reasonAgainst(_ map: ConvolutionMap) -> String? {
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
      // Columns of NCHW a step apart are read one by one (`convbench choose --op
      // forward --layout nchw`).
      let reads =
        map.dataFormat == .nchw && map.horizontal.step > 1 ? 3.0 : 1
      cost += reads * model.load(loads, map.dataFormat)
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

  /// The rows of the source where they are copied, and the sums of a strip where
  /// they are not taken in the result.
  private func parts(
    _ scratch: inout Scratch
  ) -> (
    tile: UnsafeMutablePointer<Compute>, sums: UnsafeMutablePointer<Compute>
  ) {
    (
      scratch.next(
        TileLoader.copies(map)
          ? tiling.tileRows * tiling.tileColumns * map.depthPerGroup : 0),
      scratch.next(
        sumsInResult
          ? 0 : tiling.stripRows * tiling.bandColumns * tiling.channelBlock)
    )
  }

  var workspaceByteCount: Int { Scratch.byteCount(parts) }

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
    var scratch = Scratch(memory.workspace)
    let parts = parts(&scratch)
    let source = TapSource<Compute>(
      map, tiling: tiling,
      source: memory.source,
      image: image, group: group, rows: rows, columns: columns,
      copy: parts.tile)
    source.load()
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
        ).run(into: result, sums: parts.sums)
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
