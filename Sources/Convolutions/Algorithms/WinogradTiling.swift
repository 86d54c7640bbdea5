/// One phase of the rows and columns of a result: a correlation with stride 1 of
/// out_backprop with the filter's taps of that phase, and how Winograd cuts it.
struct WinogradPhase: Sendable, Hashable {
  let rowPhase: Int
  let columnPhase: Int
  let tapRows: PhaseTaps
  let tapColumns: PhaseTaps
  let vertical: WinogradAxis
  let horizontal: WinogradAxis
  /// Positions of the phase.
  let rows: Int
  let columns: Int

  /// Tiles of a phase, `vertical.outputs` by `horizontal.outputs` positions.
  let tilesDown: Int
  let tilesAcross: Int
  /// Tiles beside each other that are transformed together, at most.
  let tilesPerUnit: Int
  let unitsAcross: Int
  /// Such units of all images.
  let units: Int
  /// Units that tasks are cut from: all, or those of one image where a row of a
  /// product may have other bits in another place, as on cores that pack.
  let unitsTogether: Int
  /// Units whose products are taken together, at most.
  let unitsPerTask: Int
  /// Parts that the channels of a group are cut into: where there are few tiles,
  /// so that there are some tasks all the same. Each reads its part of the
  /// filter once.
  let channelParts: Int
  /// Channels of such a part, at most.
  let partChannels: Int
  /// Channels of out_backprop of one product, whose sums are then added up: as
  /// many as the accuracy and the fast path for small products allow.
  let depthBlock: Int
  /// The relative Frobenius error to expect of random data, in units of the
  /// last place.
  let expectedError: Double

  var taps: Int { vertical.taps * horizontal.taps }
  var products: Int { vertical.products * horizontal.products }
  /// Tiles of a task, at most: rows of a product.
  var tilesPerTask: Int { unitsPerTask * tilesPerUnit }
  /// Columns of out_backprop that reach a unit.
  var unitInputs: Int {
    tilesPerUnit * horizontal.outputs + horizontal.taps - 1
  }
  /// Columns of the phase that a unit makes, with those behind the last.
  var unitOutputs: Int { tilesPerUnit * horizontal.outputs }
  var tileTasks: Int {
    units / max(1, unitsTogether) * ceilDivide(unitsTogether, unitsPerTask)
  }
  /// Tasks of a group.
  var tasks: Int { tileTasks * channelParts }

  /// The units of a task, by its place among the tile tasks.
  func units(task: Int) -> Range<Int> {
    let (span, part) = task.quotientAndRemainder(
      dividingBy: ceilDivide(unitsTogether, unitsPerTask))
    return (span * unitsTogether..<(span + 1) * unitsTogether)
      .part(part, of: unitsPerTask)
  }

  /// The tiles of unit `index` across the image.
  func tiles(across index: Int) -> Range<Int> {
    (0..<tilesAcross).part(index, of: tilesPerUnit)
  }

  init?(
    _ geometry: Conv2DGeometry, rowPhase: Int, columnPhase: Int,
    accuracy: Accuracy, core: BLASCore, channelBlock: Int,
    computeByteCount: Int
  ) {
    let (rowAxis, columnAxis) = (geometry.vertical, geometry.horizontal)
    tapRows = PhaseTaps(rowAxis, phase: rowPhase)
    tapColumns = PhaseTaps(columnAxis, phase: columnPhase)
    rows = (rowAxis.input - 1 - rowPhase) / rowAxis.stride + 1
    columns = (columnAxis.input - 1 - columnPhase) / columnAxis.stride + 1
    guard
      let vertical = WinogradAxis(
        taps: tapRows.count, positions: rows, accuracy: accuracy),
      let horizontal = WinogradAxis(
        taps: tapColumns.count, positions: columns, accuracy: accuracy)
    else { return nil }
    self.rowPhase = rowPhase
    self.columnPhase = columnPhase
    self.vertical = vertical
    self.horizontal = horizontal
    tilesDown = ceilDivide(rows, vertical.outputs)
    tilesAcross = ceilDivide(columns, horizontal.outputs)

    // A unit: what is transformed along the rows stays in the L2 cache.
    let depth = max(geometry.depthPerGroup, 1)
    let column =
      max(vertical.inputs, vertical.products) * depth * computeByteCount
    let across = max(1, (128 << 10) / (column * horizontal.outputs))
    unitsAcross = ceilDivide(tilesAcross, across)
    tilesPerUnit = ceilDivide(tilesAcross, unitsAcross)
    units = geometry.batch * tilesDown * unitsAcross
    unitsTogether = core == .small ? units : tilesDown * unitsAcross

    // A task: enough tiles for a product, and no more than the caches hold of
    // them transformed; few tasks where the filter is large, as each reads it.
    let products = vertical.products * horizontal.products
    let width = min(geometry.channelsPerGroup, Winograd<Float>.mostChannels)
    let tile = products * (depth + width) * computeByteCount
    let filter =
      products * depth * geometry.channelsPerGroup * computeByteCount
    let limit =
      filter > 16 << 20 ? 8 << 20 : filter > 4 << 20 ? 3 << 20 : 1 << 20
    let most = max(1, min(max(16, limit / tile), 64) / tilesPerUnit)
    let blocks = max(1, ceilDivide(geometry.channelsPerGroup, channelBlock))
    // Where there are few, tasks are cut from channels, or else from tiles.
    let least = blocks == 1 ? min(2, unitsTogether) : 1
    let tileTasks = max(1, least, ceilDivide(unitsTogether, most))
    unitsPerTask = max(1, ceilDivide(unitsTogether, tileTasks))
    let fewTasks = 4
    let parts = min(blocks, max(1, fewTasks / (geometry.groups * tileTasks)))
    partChannels = ceilDivide(blocks, parts) * channelBlock
    channelParts = max(
      1, ceilDivide(geometry.channelsPerGroup, max(1, partChannels)))

    let amplification = vertical.amplification * horizontal.amplification
    let promise =
      accuracy == .standard
      ? Self.standardError
      : Self.runningError(terms: tapRows.count * tapColumns.count * depth)
    // Of the largest task that there could be: not a matter of the batch.
    let rows = most * tilesPerUnit
    let mostDepth = min(
      256, BLASCore.smallLimit / (rows * min(64, channelBlock)))
    var block = min(depth, mostDepth)
    while block > 64,
      Self.error(amplification, depth: depth, block: block) > promise
    {
      block /= 2
    }
    depthBlock = ceilDivide(depth, ceilDivide(depth, block))
    expectedError = Self.error(amplification, depth: depth, block: depthBlock)
  }

  /// What `standard` promises, with room for other data than random, in units
  /// of the last place of `Float`.
  private static var standardError: Double { 0.9e-6 / 0x1p-24 }

  /// The error of a running sum, with room for that of the model.
  private static func runningError(terms: Int) -> Double {
    0.8 * 0.3 * Double(terms).squareRoot()
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
