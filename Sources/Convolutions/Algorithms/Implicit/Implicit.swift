/// Implicit GEMM: the sum over taps and channels is taken in registers, over a
/// table of where each tap finds each pixel's channels, and written once. There
/// is no column buffer.
///
/// With a stride, positions of one phase are reached by the same taps: each phase
/// is a product of its own, with the filter's taps of that phase. Taps that fall
/// outside for all rows of a register block are skipped, single pixels outside read
/// zeros. Neither changes a bit, as blocks of the sum are counted over all taps,
/// unless a weight is not finite; then each pixel is a block of its own, and
/// meets the taps that land inside alone.
///
/// A phase of one tap that lands inside everywhere, as of 1x1 taps, has no table: its
/// rows lie evenly.
///
/// The order of a sum: taps in the order of their source positions, rows first;
/// within a tap channels ascending; cut as ``SumBlocks`` says.
///
/// Sources: Dukhan, arXiv 1907.02129 (the indirection buffer); Georganas et al.,
/// arXiv 1808.05567.
struct Implicit<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap
  let tiling: ImplicitTiling
  let panels: PanelFilter<Compute>
  let rowPhases: [PhaseTaps]
  let columnPhases: [PhaseTaps]
  /// Whether a phase of rows or columns has one tap, which lands inside at all its
  /// positions.
  let evenRows: [Bool]
  let evenColumns: [Bool]
  /// Taps of the row phases, and of the column phases, before each.
  private let rowTapsBefore: [Int]
  private let columnTapsBefore: [Int]
  /// Lines of a phase, of all images, at most.
  private let lineCount: Int
  private let lineParts: Int
  private let columnParts: Int
  private let panelParts: Int
  private let scratch: ImplicitScratch
  /// Whether sums are taken in the result.
  let sumsInResult: Bool
  /// Whether tiles ask for what is read next of the filter, or of the source:
  /// where it does not stay in the caches by itself.
  let asksForPanels: Bool
  let asksForRows: Bool
  /// Taps of a block of a sum, at most.
  var mostTaps: Int { scratch.taps }
  /// Zeros that are read in place of a pixel outside.
  var zeroCount: Int { scratch.zeroByteCount / MemoryLayout<Compute>.stride }

  static var algorithm: ConvolutionAlgorithm { .implicit }

  init(_ request: KernelRequest) throws(Conv2DError) {
    map = request.map
    panels = PanelFilter(map)
    rowPhases = map.vertical.phases
    columnPhases = map.horizontal.phases
    evenRows = rowPhases.indices.map(map.vertical.isEven)
    evenColumns = columnPhases.indices.map(map.horizontal.isEven)
    rowTapsBefore = rowPhases.tapsBefore
    columnTapsBefore = columnPhases.tapsBefore
    let size = MemoryLayout<Compute>.stride
    tiling = ImplicitTiling(
      map, tapRows: max(1, rowPhases.map(\.count).max() ?? 0),
      panelCount: panels.panelCount, copies: Self.copies(map),
      computeByteCount: size)
    guard
      !tiling.copies
        || tiling.copiedScalars(map) <= ImplicitTiling.mostCopyBytes / size
    else { throw Self.unsupported(ImplicitTiling.doesNotFit) }
    let vertical = map.vertical
    let width = ceilDivide(map.targetWidth, map.horizontal.stride)
    lineCount = map.batch * ceilDivide(vertical.target, vertical.stride)
    lineParts = ceilDivide(lineCount, tiling.lines * tiling.tilesPerTask)
    columnParts = ceilDivide(width, tiling.columns)
    panelParts = ceilDivide(panels.panelCount, tiling.panels)

    var mostTaps = 0
    for (rowPhase, rows) in rowPhases.enumerated() {
      for (columnPhase, columns) in columnPhases.enumerated()
      where !(evenRows[rowPhase] && evenColumns[columnPhase]) {
        let blocks = SumBlocks(
          taps: rows.count * columns.count, depth: map.depthPerGroup)
        mostTaps = max(mostTaps, blocks.mostTaps)
      }
    }
    // Not where tiles of whole pixels are written past the caches, which short
    // sums would wait for (one channel to 256, 1x5 with a stride of 2: 1.5x).
    let streams =
      ResultSink.streams(map) && map.groups == 1
      && panels.panelCount <= tiling.panels
      && map.flops / 2 < Self.shortSum * Double(map.targetCount)
    sumsInResult = map.type.isCompute && map.dataFormat == .nhwc && !streams
    let sums =
      tiling.lines
      * min(map.targetWidth, tiling.columns * map.horizontal.stride)
      * min(map.channelsPerGroup, tiling.panels * PanelFilter<Compute>.width)
    asksForPanels = panels.groupStride * size > 1 << 20
    asksForRows =
      !tiling.copies && map.groups == 1
      && map.sourceCount * size > 512 << 10
    let areEven = (evenRows + evenColumns).allSatisfy { $0 }
    scratch = ImplicitScratch(
      pixels: areEven ? 0 : tiling.lines * tiling.columns, taps: mostTaps,
      copyByteCount: tiling.copiedScalars(map) * size,
      sumByteCount: sumsInResult ? 0 : sums * size,
      zeroByteCount: tiling.copies || areEven
        ? 0 : min(map.depthPerGroup, SumBlocks.length) * size)
  }

  /// Terms of a sum that take less time than to read its place in memory.
  private static var shortSum: Double { 64 }

  /// Whether tiles copy: half types, to widen them; NCHW, to have channels beside
  /// each other; and few channels, so that taps beside each other are one.
  static func copies(_ map: ConvolutionMap) -> Bool {
    !map.type.isCompute || map.dataFormat == .nchw
      || map.depthPerGroup < PanelFilter<Compute>.width && map.taps > 1
  }

  static func reasonAgainst(_ map: ConvolutionMap) -> String? {
    ImplicitTiling.reasonAgainst(map)
  }

  var taskCount: Int {
    map.groups * rowPhases.count * lineParts * columnParts * panelParts
  }

  var summary: String {
    "tiles of \(tiling.lines)x\(tiling.columns) pixels"
      + (tiling.copies ? ", copied" : "")
      + ", \(rowPhases.count)x\(columnPhases.count) phases, panels of "
      + "\(PanelFilter<Compute>.width) channels, \(tiling.panels) a task, "
      + "\(taskCount) tasks"
  }

  /// Rows, columns and terms of a tile's products in the largest phase; `nil`
  /// where no tap lands inside.
  var productSize: [Int]? {
    let taps =
      (rowPhases.map(\.count).max() ?? 0)
      * (columnPhases.map(\.count).max() ?? 0)
    guard taps > 0 else { return nil }
    return [
      tiling.lines * tiling.columns, map.channelsPerGroup,
      taps * map.depthPerGroup,
    ]
  }

  func cost(_ model: CostModel) -> Double {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    // Of the taps of a phase, those that fall above or below the image take no
    // part, and of a small one those beside it.
    let isSmall =
      ceilDivide(horizontal.target, horizontal.stride)
      <= ImplicitTiling.smallWidth
    let share = vertical.usedShare * (isSmall ? horizontal.usedShare : 1)
    let depth = Double(map.depthPerGroup)
    var products = 0.0
    for (row, rows) in rowPhases.enumerated() {
      let height = Double((vertical.target - 1 - row) / vertical.stride + 1)
      for (column, columns) in columnPhases.enumerated() {
        let width = Double(
          (horizontal.target - 1 - column) / horizontal.stride + 1)
        let taps = rows.count * columns.count
        let pixels = Double(map.batch) * height * width
        let blocks = SumBlocks(taps: taps, depth: map.depthPerGroup).count
        let isEven = evenRows[row] && evenColumns[column]
        let panels = model.panels(
          pixels: pixels,
          tile: min(pixels, Double(tiling.lines * tiling.columns)),
          columns: Double(map.channelsPerGroup), panels: panels.panelCount,
          depth: Double(taps) * depth * share, blocks: Double(blocks))
        // Even rows are asked for ahead; of others a table says where each tap
        // finds each pixel (`convbench choose`).
        products +=
          isEven
          ? 0.95 * panels : panels + pixels * Double(taps * panelParts + 6)
      }
    }
    let tiles =
      Double(map.groups * rowPhases.count * columnParts)
      * (Double(lineCount) / Double(tiling.lines)).rounded(.up)
    var cost = Double(map.groups) * products
    if tiling.copies {
      cost += model.load(
        tiles * Double(panelParts) * Double(tiling.copiedScalars(map)),
        map.dataFormat)
    }
    if !sumsInResult {
      cost += model.load(Double(map.targetCount), map.dataFormat)
    }
    cost += model.planes(map)
    return cost
      + model.filter(
        map.usedWeights, times: tiles / Double(rowPhases.count), behind: cost)
  }

  // MARK: Filter

  // Groups outermost, phases in order, rows first; behind them a byte for each
  // group and phase: whether all its weights are finite.

  private var weightByteCount: Int {
    Workspace.padded(
      map.groups * panels.groupStride * MemoryLayout<Compute>.stride)
  }

  var filterByteCount: Int { weightByteCount + filterPartCount }

  var filterPartCount: Int {
    map.groups * rowPhases.count * columnPhases.count
  }

  private func place(
    group: Int, rowPhase: Int, columnPhase: Int
  ) -> (offset: Int, part: Int) {
    let before =
      rowTapsBefore[rowPhase] * columnTapsBefore.last!
      + rowPhases[rowPhase].count * columnTapsBefore[columnPhase]
    return (
      group * panels.groupStride + panels.offset(tapsBefore: before),
      (group * rowPhases.count + rowPhase) * columnPhases.count + columnPhase
    )
  }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let columnPhase = part % columnPhases.count
    let rowPhase = part / columnPhases.count % rowPhases.count
    let group = part / columnPhases.count / rowPhases.count
    let (rows, columns) = (rowPhases[rowPhase], columnPhases[columnPhase])
    let filter = StoredFilter(map, filter)
    let weights =
      prepared.assumingMemoryBound(to: Compute.self)
      + place(group: group, rowPhase: rowPhase, columnPhase: columnPhase)
      .offset
    let taps = rows.count * columns.count
    for place in 0..<taps {
      panels.pack(
        tap: rows.tap(place / columns.count) * map.kernelWidth
          + columns.tap(place % columns.count),
        place: place, of: taps, group: group, from: filter,
        channels: map.channelsPerGroup, into: weights)
    }
    prepared.storeBytes(
      of: Compute.areFinite(
        weights, count: panels.panelCount * panels.panelStride(taps: taps)),
      toByteOffset: weightByteCount + part, as: Bool.self)
  }

  /// The panels of a phase, and whether all their weights are finite.
  func weights(
    _ filter: UnsafeRawPointer, group: Int, rowPhase: Int, columnPhase: Int
  ) -> (panels: UnsafePointer<Compute>, areFinite: Bool) {
    let place = place(
      group: group, rowPhase: rowPhase, columnPhase: columnPhase)
    return (
      filter.assumingMemoryBound(to: Compute.self) + place.offset,
      filter.load(
        fromByteOffset: weightByteCount + place.part, as: Bool.self)
    )
  }

  // MARK: Workspace

  var workspaceByteCount: Int { scratch.byteCount }

  // MARK: Execution

  func run(task: Int, _ memory: TileMemory) {
    var index = TaskIndex(task)
    // Neighbours in memory one after the other.
    let group = index.next(map.groups)
    let columnPart = index.next(columnParts)
    let linePart = index.next(lineParts)
    let rowPhase = index.next(rowPhases.count)
    let panels = (0..<panels.panelCount).part(index.rest, of: tiling.panels)

    let vertical = map.vertical
    let height = (vertical.target - 1 - rowPhase) / vertical.stride + 1
    let lines = (0..<map.batch * height)
      .partOrEmpty(linePart, of: tiling.lines * tiling.tilesPerTask)
    var workspace = Scratch(memory.workspace)
    let parts: ImplicitMemory<Compute> = scratch.memory(&workspace)
    var first = lines.lowerBound
    while first < lines.upperBound {
      let last = min(first + tiling.lines, lines.upperBound)
      ImplicitTile(
        kernel: self, group: group, rowPhase: rowPhase, height: height,
        lines: first..<last,
        next: last < map.batch * height
          ? last..<min(last + tiling.lines, map.batch * height) : nil,
        columnPart: columnPart, panels: panels,
        source: memory.source,
        result: memory.result,
        memory: parts
      ).run(filter: memory.first)
      first = last
    }
  }
}
