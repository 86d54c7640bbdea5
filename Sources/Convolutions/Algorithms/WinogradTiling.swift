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
  /// Units whose products are taken together, at most.
  let unitsPerTask: Int

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
  var tasks: Int { ceilDivide(units, unitsPerTask) }

  /// The tiles of unit `index` across the image.
  func tiles(across index: Int) -> Range<Int> {
    (0..<tilesAcross).part(index, of: tilesPerUnit)
  }

  init?(
    _ geometry: Conv2DGeometry, rowPhase: Int, columnPhase: Int,
    accuracy: Accuracy, computeByteCount: Int
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

    // A task: enough tiles for a product, and no more than the caches hold of
    // them transformed; few tasks where the filter is large, as each reads it.
    let products = vertical.products * horizontal.products
    let width = min(geometry.channelsPerGroup, Winograd<Float>.mostChannels)
    let tile = products * (depth + width) * computeByteCount
    let filter =
      products * depth * geometry.channelsPerGroup * computeByteCount
    let limit = filter > 4 << 20 ? 3 << 20 : 1 << 20
    let most = max(1, min(max(16, limit / tile), 64) / tilesPerUnit)
    let tasks = max(ceilDivide(units, most), min(2, units))
    unitsPerTask = max(1, ceilDivide(units, max(1, tasks)))
  }
}
