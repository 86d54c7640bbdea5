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
/// The order of a sum: taps in the order of their source positions, rows first;
/// within a tap channels ascending; cut as ``SumBlocks`` says.
///
/// Sources: Dukhan, arXiv 1907.02129 (the indirection buffer); Georganas et al.,
/// arXiv 1808.05567.
struct Implicit<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let map: ConvolutionMap
  let tiling: ImplicitTiling
  let panels: PanelFilter<Scalar>
  let rowPhases: [PhaseTaps]
  let columnPhases: [PhaseTaps]
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

  init(_ map: ConvolutionMap) {
    self.map = map
    panels = PanelFilter(map)
    rowPhases = map.vertical.phases
    columnPhases = map.horizontal.phases
    rowTapsBefore = rowPhases.tapsBefore
    columnTapsBefore = columnPhases.tapsBefore
    tiling = Self.tiling(map, rowPhases: rowPhases)
    let vertical = map.vertical
    let width = ceilDivide(map.resultWidth, map.horizontal.stride)
    lineCount = map.batch * ceilDivide(vertical.result, vertical.stride)
    lineParts = ceilDivide(lineCount, tiling.lines * tiling.tilesPerTask)
    columnParts = ceilDivide(width, tiling.columns)
    panelParts = ceilDivide(panels.panelCount, tiling.panels)

    var mostTaps = 0
    for rows in rowPhases {
      for columns in columnPhases {
        let blocks = SumBlocks(
          taps: rows.count * columns.count, depth: map.depthPerGroup)
        mostTaps = max(mostTaps, blocks.mostTaps)
      }
    }
    // Not where tiles of whole pixels are written past the caches, which short
    // sums would wait for (one channel to 256, 1x5 with a stride of 2: 1.5x).
    let streams =
      ResultTile<Scalar>.streams(map) && map.groups == 1
      && panels.panelCount <= tiling.panels
      && map.flops / 2 < Self.shortSum * Double(map.resultCount)
    sumsInResult = Scalar.isCompute && map.dataFormat == .nhwc && !streams
    let sums =
      tiling.lines
      * min(map.resultWidth, tiling.columns * map.horizontal.stride)
      * min(map.channelsPerGroup, tiling.panels * PanelFilter<Scalar>.width)
    let size = MemoryLayout<Compute>.stride
    asksForPanels = panels.groupStride * size > 1 << 20
    asksForRows =
      !tiling.copies && map.groups == 1
      && map.sourceCount * size > 512 << 10
    scratch = ImplicitScratch(
      pixels: tiling.lines * tiling.columns, taps: mostTaps,
      copyByteCount: tiling.copiedScalars(map) * size,
      sumByteCount: sumsInResult ? 0 : sums * size,
      zeroByteCount: tiling.copies
        ? 0 : min(map.depthPerGroup, SumBlocks.length) * size)
  }

  /// Terms of a sum that take less time than to read its place in memory.
  private static var shortSum: Double { 64 }

  private static func tiling(
    _ map: ConvolutionMap, rowPhases: [PhaseTaps]
  ) -> ImplicitTiling {
    ImplicitTiling(
      map, tapRows: max(1, rowPhases.map(\.count).max() ?? 0),
      panelCount: ceilDivide(map.channelsPerGroup, PanelFilter<Scalar>.width),
      copies: copies(map),
      computeByteCount: MemoryLayout<Compute>.stride)
  }

  /// Whether tiles copy: half types, to widen them; NCHW, to have channels beside
  /// each other; and few channels, so that taps beside each other are one.
  static func copies(_ map: ConvolutionMap) -> Bool {
    !Scalar.isCompute || map.dataFormat == .nchw
      || map.depthPerGroup < PanelFilter<Scalar>.width && map.taps > 1
  }

  /// Why a map cannot be served, if so.
  static func objection(to map: ConvolutionMap) -> String? {
    if let reason = ImplicitTiling.objection(to: map) { return reason }
    guard !map.isDegenerate, copies(map) else { return nil }
    let scalars = tiling(map, rowPhases: map.vertical.phases)
      .copiedScalars(map)
    return scalars
      > ImplicitTiling.mostCopyBytes / MemoryLayout<Compute>.stride
      ? "the pixels that reach a few of the result do not fit into the cache"
      : nil
  }

  var taskCount: Int {
    map.groups * rowPhases.count * lineParts * columnParts * panelParts
  }

  var packsOperands: Bool { false }

  var summary: String {
    "tiles of \(tiling.lines)x\(tiling.columns) pixels"
      + (tiling.copies ? ", copied" : "")
      + ", \(rowPhases.count)x\(columnPhases.count) phases, panels of "
      + "\(PanelFilter<Scalar>.width) channels, \(tiling.panels) a task, "
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
      ceilDivide(horizontal.result, horizontal.stride)
      <= ImplicitTiling.smallWidth
    let share = vertical.usedShare * (isSmall ? horizontal.usedShare : 1)
    let depth = Double(map.depthPerGroup)
    var products = 0.0
    for (index, rows) in rowPhases.enumerated() {
      let height = Double((vertical.result - 1 - index) / vertical.stride + 1)
      for (index, columns) in columnPhases.enumerated() {
        let width = Double(
          (horizontal.result - 1 - index) / horizontal.stride + 1)
        let taps = rows.count * columns.count
        let pixels = Double(map.batch) * height * width
        let blocks = SumBlocks(taps: taps, depth: map.depthPerGroup).count
        products += model.panels(
          pixels: pixels,
          tile: min(pixels, Double(tiling.lines * tiling.columns)),
          columns: Double(map.channelsPerGroup), panels: panels.panelCount,
          depth: Double(taps) * depth * share, blocks: Double(blocks))
        // Where each tap finds each pixel.
        products += pixels * Double(taps * panelParts + 6)
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
      cost += model.load(Double(map.resultCount), map.dataFormat)
    }
    if map.dataFormat == .nchw {
      // Short runs of many large planes wait for memory (`convbench choose`).
      func waits(_ count: Int, plane: Int) -> Double {
        2.5 * Double(count) * min(1, Double(plane) / 3000)
      }
      cost += model.transpose(
        waits(map.sourceCount, plane: map.sourceHeight * map.sourceWidth)
          + waits(map.resultCount, plane: map.resultHeight * map.resultWidth))
    }
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

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let columnPhase = part % columnPhases.count
    let rowPhase = part / columnPhases.count % rowPhases.count
    let group = part / columnPhases.count / rowPhases.count
    let (rows, columns) = (rowPhases[rowPhase], columnPhases[columnPhase])
    let filter = StoredFilter<Scalar>(map, filter)
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

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, source: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    var rest = task
    func next(_ count: Int) -> Int {
      defer { rest /= count }
      return rest % count
    }
    // Neighbours in memory one after the other.
    let group = next(map.groups)
    let columnPart = next(columnParts)
    let linePart = next(lineParts)
    let rowPhase = next(rowPhases.count)
    let panels = (0..<panels.panelCount).part(rest, of: tiling.panels)

    let vertical = map.vertical
    let height = (vertical.result - 1 - rowPhase) / vertical.stride + 1
    let lines = (0..<map.batch * height)
      .partOrEmpty(linePart, of: tiling.lines * tiling.tilesPerTask)
    var first = lines.lowerBound
    while first < lines.upperBound {
      let last = min(first + tiling.lines, lines.upperBound)
      ImplicitTile(
        kernel: self, group: group, rowPhase: rowPhase, height: height,
        lines: first..<last,
        next: last < map.batch * height
          ? last..<min(last + tiling.lines, map.batch * height) : nil,
        columnPart: columnPart, panels: panels,
        source: source.assumingMemoryBound(to: Scalar.self),
        result: result.assumingMemoryBound(to: Scalar.self),
        memory: scratch.memory(workspace)
      ).run(filter: filter)
      first = last
    }
  }
}
