/// Some units of tiles of one phase of one group.
struct WinogradTask<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  let kernel: Winograd<Scalar>
  let phaseIndex: Int
  let phase: WinogradPhase
  let group: Int
  let units: Range<Int>
  /// Counted within the group.
  let channels: Range<Int>
  let filter: UnsafePointer<Compute>
  let outBackprop: OutBackpropTile<Scalar>
  let result: UnsafeMutablePointer<Scalar>
  let layout: WinogradWorkspace
  let workspace: UnsafeMutablePointer<Compute>

  private var geometry: Conv2DGeometry { kernel.geometry }
  private var depth: Int { geometry.depthPerGroup }

  /// Tiles of the task before a unit.
  private func firstTile(_ unit: Int) -> Int {
    (unit - units.lowerBound) * phase.tilesPerUnit
  }

  func run() {
    for unit in units { forward(Unit(unit, phase)) }
    let count = units.count * phase.tilesPerUnit
    var first = channels.lowerBound
    while first < channels.upperBound {
      let end = min(first + Winograd<Scalar>.mostChannels, channels.upperBound)
      multiply(tiles: count, channels: first..<end)
      for unit in units { inverse(Unit(unit, phase), channels: first..<end) }
      first = end
    }
  }

  /// A run of tiles in one row of tiles of one image.
  private struct Unit {
    let index: Int
    let image: Int
    let firstRow: Int
    let firstColumn: Int
    let tiles: Int

    init(_ index: Int, _ phase: WinogradPhase) {
      self.index = index
      let (row, across) = index.quotientAndRemainder(
        dividingBy: phase.unitsAcross)
      let (image, down) = row.quotientAndRemainder(
        dividingBy: phase.tilesDown)
      let tiles = phase.tiles(across: across)
      self.image = image
      firstRow = down * phase.vertical.outputs
      firstColumn = tiles.lowerBound * phase.horizontal.outputs
      self.tiles = tiles.count
    }
  }

  // MARK: Forward

  private func forward(_ unit: Unit) {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let columns = unit.tiles * horizontal.outputs + horizontal.taps - 1
    let row = columns * depth
    let stride = WinogradWorkspace.stride(phase, channels: depth)
    let tiles = workspace + layout.tiles + firstTile(unit.index) * depth
    // An axis with one tap has no transform: the step before writes to where
    // it would.
    let half = horizontal.isPlain ? tiles : workspace + layout.half
    let source = vertical.isPlain ? half : workspace + layout.source
    load(unit, columns: columns, into: source)
    if !vertical.isPlain {
      Compute.winogradForward(
        vertical.points, source, stride: row, step: 0, to: half,
        stride: horizontal.isPlain ? stride : row, step: 0, runs: 1, count: row)
    }
    guard !horizontal.isPlain else { return }
    for p in 0..<vertical.products {
      Compute.winogradForward(
        horizontal.points, half + p * row, stride: depth,
        step: horizontal.outputs * depth,
        to: tiles + p * horizontal.products * stride, stride: stride,
        step: depth, runs: unit.tiles, count: depth)
    }
  }

  /// Copies what reaches a unit, zeros where there is no out_backprop.
  private func load(
    _ unit: Unit, columns: Int, into source: UnsafeMutablePointer<Compute>
  ) {
    let (height, width) = (geometry.outputHeight, geometry.outputWidth)
    let firstRow = unit.firstRow + phase.tapRows.window(0)
    let firstColumn = unit.firstColumn + phase.tapColumns.window(0)
    let inside = (firstColumn..<firstColumn + columns).clamped(to: 0..<width)
    for index in 0..<phase.vertical.inputs {
      let row = firstRow + index
      let place = source + index * columns * depth
      guard (0..<height).contains(row), !inside.isEmpty else {
        place.update(repeating: .zero, count: columns * depth)
        continue
      }
      let before = (inside.lowerBound - firstColumn) * depth
      let count = inside.count * depth
      place.update(repeating: .zero, count: before)
      outBackprop.loadPixels(
        first: row * width + inside.lowerBound, count: inside.count,
        image: unit.image, group: group, into: place + before)
      (place + before + count).update(
        repeating: .zero, count: columns * depth - before - count)
    }
  }

  // MARK: GEMM

  private func multiply(tiles: Int, channels: Range<Int>) {
    let width = channels.count
    let tileStride = WinogradWorkspace.stride(phase, channels: depth)
    let sumStride = WinogradWorkspace.stride(
      phase,
      channels: min(geometry.channelsPerGroup, Winograd<Scalar>.mostChannels))
    for p in 0..<phase.products {
      let tile = workspace + layout.tiles + p * tileStride
      let sums = workspace + layout.sums + p * sumStride
      var first = channels.lowerBound
      while first < channels.upperBound {
        let weights = kernel.weights(
          phase: phaseIndex, group: group, channel: first)
        let columns = weights.channels
        let panel = filter + weights.offset + p * depth * columns
        var start = 0
        while start < depth {
          let part = min(phase.depthBlock, depth - start)
          Compute.multiply(
            rows: tiles, columns: columns, depth: part,
            tile + start, stride: depth,
            panel + start * columns, stride: columns,
            accumulate: start > 0,
            into: sums + first - channels.lowerBound, stride: width)
          start += part
        }
        first += columns
      }
    }
  }

  // MARK: Inverse

  private func inverse(_ unit: Unit, channels: Range<Int>) {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let width = channels.count
    let stride = WinogradWorkspace.stride(
      phase,
      channels: min(geometry.channelsPerGroup, Winograd<Scalar>.mostChannels))
    let row = unit.tiles * horizontal.outputs * width
    let sums = workspace + layout.sums + firstTile(unit.index) * width
    let outputs = transformed(
      sums, stride: stride, row: row, tiles: unit.tiles, width: width)

    let rows = (unit.firstRow..<unit.firstRow + vertical.outputs)
      .clamped(to: 0..<phase.rows)
    let columns =
      (unit.firstColumn..<unit.firstColumn + unit.tiles * horizontal.outputs)
      .clamped(to: 0..<phase.columns)
    for (index, q) in rows.enumerated() {
      let place = outputs + index * row
      if !Compute.areFinite(place, count: columns.count * width) {
        define(
          unit.image, row: q, columns: columns, channels: channels, into: place)
      }
      store(place, unit.image, row: q, columns: columns, channels: channels)
    }
  }

  /// Products of a unit transformed back, `[outputs, row]`.
  private func transformed(
    _ sums: UnsafeMutablePointer<Compute>, stride: Int, row: Int, tiles: Int,
    width: Int
  ) -> UnsafeMutablePointer<Compute> {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let outputs = workspace + layout.outputs
    let half = vertical.isPlain ? outputs : workspace + layout.half
    if !horizontal.isPlain {
      for p in 0..<vertical.products {
        Compute.winogradInverse(
          horizontal.points, outputs: horizontal.outputs,
          sums + p * horizontal.products * stride, stride: stride, step: width,
          to: half + p * row, stride: width, step: horizontal.outputs * width,
          runs: tiles, count: width)
      }
    }
    guard !vertical.isPlain else { return horizontal.isPlain ? sums : outputs }
    Compute.winogradInverse(
      vertical.points, outputs: vertical.outputs,
      horizontal.isPlain ? sums : half,
      stride: horizontal.isPlain ? stride : row, step: 0, to: outputs,
      stride: row, step: 0, runs: 1, count: row)
    return outputs
  }

  /// Computes a run of positions by the definition.
  private func define(
    _ image: Int, row: Int, columns: Range<Int>, channels: Range<Int>,
    into sums: UnsafeMutablePointer<Compute>
  ) {
    let width = channels.count
    let pixel = workspace + layout.source
    let block = kernel.plain.channelBlock
    let blocks =
      channels.lowerBound / block..<ceilDivide(channels.upperBound, block)
    sums.update(repeating: .zero, count: columns.count * width)
    for i in phase.tapRows.indices(at: row, windows: geometry.outputHeight) {
      for (index, q) in columns.enumerated() {
        for j in phase.tapColumns.indices(at: q, windows: geometry.outputWidth)
        {
          let window =
            (row + phase.tapRows.window(i)) * geometry.outputWidth + q
            + phase.tapColumns.window(j)
          outBackprop.loadPixels(
            first: window, count: 1, image: image, group: group, into: pixel)
          let tap =
            phase.tapRows.tap(i) * geometry.kernelWidth
            + phase.tapColumns.tap(j)
          for block in blocks {
            let part = kernel.plain.channels(block: block)
            Compute.addRowCombination(
              pixel,
              filter + kernel.plain.offset(group: group, block: block)
                + tap * depth * part.count,
              stride: part.count, depth: depth,
              to: sums + index * width + part.lowerBound - channels.lowerBound,
              count: part.count)
          }
        }
      }
    }
  }

  /// Rounds a run of positions to their places in the result.
  private func store(
    _ sums: UnsafePointer<Compute>, _ image: Int, row: Int,
    columns: Range<Int>, channels: Range<Int>
  ) {
    let first = group * geometry.channelsPerGroup
    let channels =
      channels.lowerBound + first..<channels.upperBound + first
    let y = phase.rowPhase + row * geometry.vertical.stride
    let stride = geometry.horizontal.stride
    let x = phase.columnPhase + columns.lowerBound * stride
    if stride == 1 {
      ResultTile(geometry, result).store(
        sums, image: image, channels: channels, rows: y..<y + 1,
        columns: columns)
      return
    }
    if geometry.dataFormat == .nchw {
      scatter(sums, image, y: y, x: x, channels: channels, count: columns.count)
      return
    }
    let all = geometry.inputChannels
    let pixel = (image * geometry.inputHeight + y) * geometry.inputWidth + x
    Scalar.narrowRows(
      sums, stride: channels.count,
      to: result + pixel * all + channels.lowerBound, stride: stride * all,
      rows: columns.count, count: channels.count)
  }

  /// Columns of one phase of NCHW, channel by channel.
  private func scatter(
    _ sums: UnsafePointer<Compute>, _ image: Int, y: Int, x: Int,
    channels: Range<Int>, count: Int
  ) {
    let stride = geometry.horizontal.stride
    let plane = geometry.inputHeight * geometry.inputWidth
    UnsafeMutableRawPointer(workspace + layout.planes).withMemoryRebound(
      to: Scalar.self, capacity: count * channels.count
    ) { planes in
      Scalar.narrowTransposed(
        sums, rows: count, columns: channels.count, stride: channels.count,
        to: planes, stride: count)
      var place =
        result + (image * geometry.inputChannels + channels.lowerBound) * plane
        + y * geometry.inputWidth + x
      for channel in 0..<channels.count {
        let source = planes + channel * count
        for q in 0..<count { place[q * stride] = source[q] }
        place += plane
      }
    }
  }
}
