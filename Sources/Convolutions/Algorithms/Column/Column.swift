/// Blocked GEMM and col2im: the general engine.
///
/// A tile of the source pixels is multiplied with a chunk of the filter into
/// a column tile that stays in L1 or L2, and the column tile is at once added
/// to the sums of the result's band (col2im). Taps that fall into padding
/// above, below or beside a tile are not computed.
///
/// A task owns a block of input channels of a band of rows and columns of one
/// image. The result is written once, rounded once.
///
/// Source: fused col2im in the backward pass, Barrachina, Dolz, San Juan,
/// Quintana-Ortí, J. Parallel Distrib. Comput. 2022.
struct Column<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap
  let tiling: ColumnTiling
  let panels: FilterPanels<Compute>
  private let bandRowCount: Int
  private let bandColumnCount: Int
  private let largestTile: ColumnTiles<Compute>.Size
  private let core: BLASCore
  /// Whether products are our own.
  let onPanels: Bool

  static var algorithm: ConvolutionAlgorithm { .column }

  init(_ request: KernelRequest) {
    map = request.map
    core = request.core
    // OpenBLAS's packed products fall behind; its small ones are level.
    onPanels =
      request.products == .panels
      || request.products == .automatic && core == .packed
    // Products on panels pack nothing either.
    let tilingCore = onPanels ? .small : core
    let computeByteCount = MemoryLayout<Compute>.stride
    tiling = ColumnTiling(
      map, core: tilingCore, computeByteCount: computeByteCount,
      targets: request.targets?.column
        ?? ColumnTargets(computeByteCount: computeByteCount, core: tilingCore))
    panels = FilterPanels(
      map, channelBlock: tiling.channelBlock,
      tapsPerChunk: tiling.tapsPerChunk, byDepth: true)
    bandRowCount = ceilDivide(map.targetHeight, tiling.bandRows)
    bandColumnCount = ceilDivide(map.targetWidth, tiling.bandColumns)
    largestTile = ColumnTiles.largest(map, tiling, panels)
  }

  static func reasonAgainst(_ map: ConvolutionMap) -> String? {
    guard map.vertical.step == 1, map.horizontal.step == 1 else {
      return "windows of the result lie a stride apart"
    }
    let plane = map.sourceHeight * map.sourceWidth
    return max(map.sourceChannels, plane) > Int(Int32.max)
      ? "a matrix dimension exceeds the 32 bits of the BLAS interface" : nil
  }

  var taskCount: Int {
    map.groups * panels.blocksPerGroup * map.batch * bandRowCount
      * bandColumnCount
  }

  var filterByteCount: Int {
    onPanels ? panels.lineByteCount : panels.byteCount
  }

  var filterPartCount: Int { map.groups * panels.blocksPerGroup }

  var packsOperands: Bool { core == .packed && !onPanels }

  var summary: String {
    let pixels = tiling.pixels
    let chunk = tiling.tapsPerChunk * tiling.channelBlock
    return (onPanels ? "panels " : "GEMM ")
      + "\(pixels)x\(chunk)x\(tiling.depthBlock), "
      + "\(tiling.channelBlock) channels a block, "
      + "\(tiling.tapsPerChunk) of \(map.taps) taps a chunk, "
      + "bands of \(tiling.bandRows)x\(tiling.bandColumns), "
      + "\(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let rows = vertical.hits
    let kernelHeight = Double(vertical.kernel)
    // Tiles of one image: taps that fall above or below it are not computed.
    let perRow = Double(max(1, horizontal.source))
    let tileRows = tiling.crossesRows ? rows / kernelHeight : 1
    let bands = Double(bandRowCount * bandColumnCount)
    let run = max(1, tileRows / (tiling.crossesRows ? bands : 1)) * perRow
    let parts = (run / Double(tiling.pixels)).rounded(.up)
    let tiles = rows / kernelHeight * perRow / run * parts
    let pixels = (run / parts).rounded()
    let columns = Double(tiling.tapsPerChunk * tiling.channelBlock)
    let chunks = Double(map.taps) / Double(tiling.tapsPerChunk)
    let depths = Double(
      ceilDivide(map.depthPerGroup, tiling.depthBlock))
    let products =
      tiles * chunks * depths
      * model.product(
        rows: pixels, columns: columns, depth: Double(tiling.depthBlock))
    let ownProducts =
      tiles * chunks
      * model.panels(
        pixels: pixels, tile: pixels, columns: columns,
        panels: ceilDivide(Int(columns), FilterPanels<Compute>.line),
        depth: Double(map.depthPerGroup),
        blocks: Double(SumBlocks(taps: 1, depth: map.depthPerGroup).count))

    let added =
      rows * perRow * Double(horizontal.kernel) * Double(tiling.channelBlock)
    let runs =
      rows * perRow
      * (horizontal.dilation == 1 ? 1 : Double(horizontal.kernel))
    let blocks = Double(map.groups * panels.blocksPerGroup)
    let results = Double(map.targetCount)
    let loads =
      TileLoader.copies(map)
      ? Double(map.sourceCount) * Double(panels.blocksPerGroup) : 0
    // Sums wait for stores of the column tile: `convbench choose` has it 9 %
    // slower than its parts.
    let work =
      1.09 * Double(map.batch) * blocks
      * ((onPanels ? ownProducts : products)
        + model.runs(runs, scalars: added))
    return Double(taskCount) * 400 + work + model.move(3 * results)
      + model.load(results + loads, map.dataFormat)
      + model.filter(map.usedWeights, times: 1, behind: work)
  }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    if onPanels {
      panels.packLines(
        part: part, from: StoredFilter(map, filter), into: prepared)
    } else {
      panels.pack(
        part: part, from: StoredFilter(map, filter), into: prepared)
    }
  }

  // MARK: Workspace

  private struct Parts {
    /// Of the band.
    let sums: UnsafeMutablePointer<Compute>
    let columnTile: UnsafeMutablePointer<Compute>
    /// Of the source, where it is copied.
    let tile: UnsafeMutablePointer<Compute>
  }

  private func parts(_ scratch: inout Scratch) -> Parts {
    Parts(
      sums: scratch.next(
        tiling.bandRows * tiling.bandColumns * tiling.channelBlock),
      // On panels a piece begins with the panel that its first column is in.
      columnTile: scratch.next(
        largestTile.products * tiling.channelBlock
          + (onPanels ? largestTile.pixels * FilterPanels<Compute>.line : 0)),
      tile: scratch.next(
        TileLoader.copies(map) ? largestTile.pixels * map.depthPerGroup : 0))
  }

  var workspaceByteCount: Int { Scratch.byteCount(parts) }

  // MARK: Execution

  func run(task: Int, _ memory: TileMemory) {
    var index = TaskIndex(task)
    // Neighbours in memory one after the other: groups of the same pixels, then
    // bands, then what reads another part of the filter.
    let group = index.next(map.groups)
    let columnBand = index.next(bandColumnCount)
    let rowBand = index.next(bandRowCount)
    let image = index.next(map.batch)
    let block = index.rest

    var scratch = Scratch(memory.workspace)
    let parts = parts(&scratch)
    let band = ColumnBand(
      kernel: self, image: image, group: group,
      channels: panels.channels(block: block),
      tiles: ColumnTiles(
        map, tiling, panels, rowBand: rowBand, columnBand: columnBand),
      panels: memory.first.assumingMemoryBound(to: Compute.self)
        + (onPanels
          ? panels.lineOffset(group: group, block: block)
          : panels.offset(group: group, block: block)),
      loader: TileLoader(source: memory.source, of: map),
      sums: parts.sums, columnTile: parts.columnTile, tile: parts.tile)
    band.accumulate()
    band.store(into: memory.result)
  }
}
