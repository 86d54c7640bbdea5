/// One axis of a phase of a result: its positions, the taps that reach them, and
/// their transform.
struct WinogradPhaseAxis: Sendable, Hashable {
  /// Position `q` is `first + q * stride` of the result.
  let first: Int
  let stride: Int
  let positions: Int
  let taps: PhaseTaps
  /// From the window of one tap to that of the next.
  let sourceStep: Int
  /// Positions that lie ``sourceStep`` apart make a lattice of their own, with
  /// dilation 1.
  let lattices: Int
  let transform: WinogradAxis
  /// Tiles of a lattice.
  let tiles: Int
  /// How rounding errors grow along the axis.
  let amplification: Double

  /// The axis of a phase, or none where a set has no loops for its taps.
  private init?(
    _ axis: MapAxis, phase: Int, _ taps: PhaseTaps, _ points: WinogradSet
  ) {
    guard points.taps.contains(taps.count) else { return nil }
    first = phase
    stride = axis.stride
    positions = (axis.target - 1 - phase) / axis.stride + 1
    self.taps = taps
    sourceStep = taps.count > 1 ? taps.sourceStep : 1
    lattices = min(sourceStep, positions)
    transform = WinogradAxis(points: points, taps: taps.count)
    let length = ceilDivide(positions, lattices)
    tiles = ceilDivide(length, transform.outputs)
    amplification = transform.amplification(positions: length)
  }

  var points: WinogradSet { transform.points }
  var isPlain: Bool { transform.isPlain }
  var inputs: Int { transform.inputs }
  var products: Int { transform.products }
  /// Positions of a tile.
  var outputs: Int { transform.outputs }
  /// From one position of a lattice to the next.
  var spacing: Int { stride * lattices }

  /// The positions of a lattice from `q` on, at most `limit`.
  func count(from q: Int, limit: Int) -> Int {
    max(0, min(limit, ceilDivide(positions - q, lattices)))
  }

  /// Those of `count` positions of a lattice from `q` on, by index, that a tap
  /// of some window reaches; the dilation is not above the source, so there are
  /// none between them that no tap does.
  func reached(from q: Int, count: Int, _ axis: MapAxis) -> Range<Int> {
    // Of a folded axis some of the last taps are none.
    let (first, end) =
      axis.step == 1
      ? (-taps.source(taps.count - 1), axis.source - taps.source(0))
      : (
        ceilDivide(-axis.pad, axis.step),
        ceilDivide(axis.source - axis.pad + axis.kernel - 1, axis.step)
      )
    let lower = min(max(0, ceilDivide(first - q, lattices)), count)
    return lower..<min(max(lower, ceilDivide(end - q, lattices)), count)
  }

  /// The axis with each set that has loops for its taps; none where no set has.
  static func candidates(
    _ axis: MapAxis, phase: Int, sets: [WinogradSet]
  ) -> [WinogradPhaseAxis] {
    let taps = PhaseTaps(axis, phase: phase)
    return sets.compactMap {
      WinogradPhaseAxis(axis, phase: phase, taps, $0)
    }
  }
}

/// One phase of the rows and columns of a result: a correlation with stride 1 of
/// the source with the filter's taps of that phase, and how Winograd cuts it.
struct WinogradPhase: Sendable, Hashable {
  let vertical: WinogradPhaseAxis
  let horizontal: WinogradPhaseAxis

  /// Tiles beside each other that are transformed together, at most.
  let tilesPerUnit: Int
  let unitsAcross: Int
  /// Such units of all images and lattices.
  let units: Int
  /// Units whose products are taken together, at most.
  let unitsPerTask: Int
  /// Parts that the channels of a group are cut into: where there are few tiles,
  /// so that there are some tasks all the same. Each reads its part of the
  /// filter once.
  let channelParts: Int
  /// Channels of such a part, at most.
  let partChannels: Int
  /// Channels of the source of one product, whose sums are then added up: as
  /// many as the accuracy and the cache allow.
  let depthBlock: Int
  /// The relative Frobenius error to expect of random data, in units of the
  /// last place.
  let expectedError: Double

  var taps: Int { vertical.transform.taps * horizontal.transform.taps }
  var products: Int { vertical.products * horizontal.products }
  /// Tiles of a task, at most: rows of a product.
  var tilesPerTask: Int { unitsPerTask * tilesPerUnit }
  /// Columns of the source that reach a unit.
  var unitInputs: Int {
    tilesPerUnit * horizontal.outputs + horizontal.taps.count - 1
  }
  /// Columns of the phase that a unit makes, with those behind the last.
  var unitOutputs: Int { tilesPerUnit * horizontal.outputs }
  var tileTasks: Int { ceilDivide(units, unitsPerTask) }
  /// Tasks of a group.
  var tasks: Int { tileTasks * channelParts }

  /// The units of a task, by its place among the tile tasks.
  func units(task: Int) -> Range<Int> {
    (0..<units).part(task, of: unitsPerTask)
  }

  /// The tiles of unit `index` across the image.
  func tiles(across index: Int) -> Range<Int> {
    (0..<horizontal.tiles).part(index, of: tilesPerUnit)
  }

  /// - Parameters:
  ///   - map: with step 1.
  ///   - terms: of the sums of the phase, which decide what is promised.
  init(
    _ map: ConvolutionMap, rowPhase: Int, columnPhase: Int,
    accuracy: AccuracyTarget, terms: Double, computeByteCount: Int
  ) throws(Conv2DError) {
    let allowed = accuracy.mostError(terms: terms)
    guard
      let axes = Self.axes(
        map, rowPhase: rowPhase, columnPhase: columnPhase,
        accuracy: accuracy, allowed: allowed,
        computeByteCount: computeByteCount)
    else {
      throw .unsupported(
        .winograd, reason: "no exact set of points has so many taps")
    }
    (vertical, horizontal) = axes
    let depth = max(map.depthPerGroup, 1)

    // A unit: what is transformed along the rows stays in the L2 cache.
    let column =
      max(vertical.inputs, vertical.products) * depth * computeByteCount
    let across = max(1, (128 << 10) / (column * horizontal.outputs))
    unitsAcross = ceilDivide(horizontal.tiles, across)
    tilesPerUnit = ceilDivide(horizontal.tiles, unitsAcross)
    let unitsPerImage =
      vertical.lattices * horizontal.lattices * vertical.tiles * unitsAcross
    units = map.batch * unitsPerImage
    let most = max(
      1,
      Self.tilesPerTask(
        map, products: vertical.products * horizontal.products,
        computeByteCount: computeByteCount) / tilesPerUnit)
    let width = Winograd<Float>.panelWidth
    let panels = max(1, ceilDivide(map.channelsPerGroup, width))
    // Where there are few, tasks are cut from channels, or else from tiles.
    let least = panels == 1 ? min(2, units) : 1
    var tileTasks = max(1, least, ceilDivide(units, most))
    // Few tasks are a multiple of four, so that threads get as much each.
    let fewTasks = 4
    let even = ceilDivide(tileTasks, fewTasks) * fewTasks
    if tileTasks > 1, tileTasks < 4 * fewTasks,
      units * tilesPerUnit >= 12 * even
    {
      tileTasks = even
    }
    unitsPerTask = max(1, ceilDivide(units, tileTasks))
    let parts = min(panels, max(1, fewTasks / (map.groups * tileTasks)))
    partChannels = ceilDivide(panels, parts) * width
    channelParts = max(
      1, ceilDivide(map.channelsPerGroup, max(1, partChannels)))

    let amplification = vertical.amplification * horizontal.amplification
    var block = min(depth, Self.mostDepthBlock)
    while block > Self.leastDepthBlock,
      Self.error(amplification, depth: depth, block: block) > allowed
    {
      block /= 2
    }
    depthBlock = ceilDivide(depth, ceilDivide(depth, block))
    expectedError = Self.error(amplification, depth: depth, block: depthBlock)
    try accuracy.check(
      error: expectedError, terms: terms, computeByteCount: computeByteCount)
  }

  /// Tiles of a task, at most: enough for a product, and no more than the caches
  /// hold of them transformed; many where the filter is large, as each task reads
  /// it.
  private static func tilesPerTask(
    _ map: ConvolutionMap, products: Int, computeByteCount: Int
  ) -> Int {
    let depth = max(map.depthPerGroup, 1)
    let width = min(map.channelsPerGroup, Winograd<Float>.mostChannels)
    let tile = products * (depth + width) * computeByteCount
    let filter =
      products * depth * map.channelsPerGroup * computeByteCount
    let limit =
      filter > 16 << 20 ? 8 << 20 : filter > 4 << 20 ? 3 << 20 : 1 << 20
    // Fewer for very many channels, to keep a workspace within bounds.
    return max(1, min(max(min(16, (16 << 20) / tile), limit / tile), 64))
  }

  /// Channels of a product, at most: a panel's stay in the L1 cache.
  private static var mostDepthBlock: Int { 256 }

  /// Channels of a product are not cut further for the sake of accuracy.
  private static var leastDepthBlock: Int { 64 }

  /// The two transforms that take the least work, of those that keep the
  /// promise and fit the workspace, or else those that come nearest to that.
  private static func axes(
    _ map: ConvolutionMap, rowPhase: Int, columnPhase: Int,
    accuracy: AccuracyTarget, allowed: Double, computeByteCount: Int
  ) -> (WinogradPhaseAxis, WinogradPhaseAxis)? {
    let rows = WinogradPhaseAxis.candidates(
      map.vertical, phase: rowPhase, sets: accuracy.sets(axis: 0))
    let columns = WinogradPhaseAxis.candidates(
      map.horizontal, phase: columnPhase, sets: accuracy.sets(axis: 1))
    let depth = max(map.depthPerGroup, 1)
    var best: (WinogradPhaseAxis, WinogradPhaseAxis)?
    var leastScore = (
      breach: Double.infinity, excess: Int.max, work: Double.infinity
    )
    for row in rows {
      for column in columns {
        let error = error(
          row.amplification * column.amplification,
          depth: depth, block: min(depth, leastDepthBlock))
        let work = work(row, column, map, computeByteCount: computeByteCount)
        // The least of a workspace: a tile, half of it and all of it transformed.
        let tile =
          (row.inputs + row.products) * column.inputs
          + row.products * column.products
        let excess = max(
          0, tile * depth * computeByteCount - Winograd<Float>.mostWorkspace)
        let score = (max(0, error - allowed), excess, work)
        if score < leastScore { (best, leastScore) = ((row, column), score) }
      }
    }
    return best
  }

  /// What a group of channels costs, in multiply-adds of a matrix product
  /// (`convbench choose`).
  private static func work(
    _ rows: WinogradPhaseAxis, _ columns: WinogradPhaseAxis,
    _ map: ConvolutionMap, computeByteCount: Int
  ) -> Double {
    let (depth, width) = (map.depthPerGroup, map.channelsPerGroup)
    let products = rows.products * columns.products
    let lattices = rows.lattices * columns.lattices
    let tilesPerImage = lattices * rows.tiles * columns.tiles
    // Of some images: the bits of one must not depend on how many there are.
    let images = 8
    let tiles = images * tilesPerImage
    let most = tilesPerTask(
      map, products: products, computeByteCount: computeByteCount)
    let tasks = ceilDivide(tiles, most)
    let weights = Double(products * depth * width)
    // A large filter comes from memory, for each task.
    let fetch = weights * Double(computeByteCount) > 16e6 ? 32 : 0
    let multiplication = weights * Double(max(tiles, tasks * fetch))
    // A number transformed costs as much as some products, more of them for more
    // inputs, and where the tiles of the least task are beyond the L2 cache.
    let bytes = 16 * products * (depth + width) * computeByteCount
    let beyond = max(0, 1 - Double(1 << 20) / Double(max(1, bytes)))
    let lines = 1.1 * Double(rows.inputs + columns.inputs)
    let transform =
      Double(tiles) * Double(products * (depth + width))
      * (lines + 30 * beyond)
    // Of a filter that is prepared for some calls at a time.
    let preparation = weights * 24
    return multiplication + transform + preparation
  }

  /// The error of sums of blocks of channels and their sum, grown by the
  /// transforms; fitted to measurements of many sets of points within 15 %.
  private static func error(
    _ amplification: Double, depth: Int, block: Int
  ) -> Double {
    let (depth, block) = (Double(depth), Double(block))
    return amplification * (0.09 * (block + depth / block) + 1.1).squareRoot()
  }
}
