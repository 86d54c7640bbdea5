/// Some units of tiles of one phase of one group.
struct WinogradTask<Compute: ComputeScalar> {
  let kernel: Winograd<Compute>
  let phaseIndex: Int
  let phase: WinogradPhase
  let group: Int
  let units: Range<Int>
  /// Counted within the group.
  let channels: Range<Int>
  let filter: UnsafePointer<Compute>
  let loader: TileLoader
  let result: MutableStoredPointer
  let layout: WinogradWorkspace
  let workspace: UnsafeMutablePointer<Compute>

  var map: ConvolutionMap { kernel.map }
  /// Of the folded map.
  var depth: Int { kernel.folded.depthPerGroup }

  /// Tiles of the task before a unit.
  private func firstTile(_ unit: Int) -> Int {
    (unit - units.lowerBound) * phase.tilesPerUnit
  }

  func run() {
    for unit in units { forward(Unit(unit, phase)) }
    let count = units.count * phase.tilesPerUnit
    var first = channels.lowerBound
    while first < channels.upperBound {
      let end = min(first + Winograd<Compute>.mostChannels, channels.upperBound)
      multiply(tiles: count, channels: first..<end)
      for unit in units { inverse(Unit(unit, phase), channels: first..<end) }
      first = end
    }
  }

  /// A run of tiles in one row of tiles of one lattice of one image.
  private struct Unit {
    let index: Int
    let image: Int
    /// Positions of the phase.
    let firstRow: Int
    let firstColumn: Int
    let tiles: Int

    init(_ index: Int, _ phase: WinogradPhase) {
      let (vertical, horizontal) = (phase.vertical, phase.horizontal)
      var rest = index
      func next(_ count: Int) -> Int {
        defer { rest /= count }
        return rest % count
      }
      let tiles = phase.tiles(across: next(phase.unitsAcross))
      let down = next(vertical.tiles)
      let column = next(horizontal.lattices)
      let row = next(vertical.lattices)
      self.index = index
      image = rest
      firstRow = row + down * vertical.outputs * vertical.lattices
      firstColumn =
        column + tiles.lowerBound * horizontal.outputs * horizontal.lattices
      self.tiles = tiles.count
    }
  }

  // MARK: Forward

  private func forward(_ unit: Unit) {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let columns = unit.tiles * horizontal.outputs + horizontal.taps.count - 1
    let row = columns * depth
    let stride = WinogradWorkspace.stride(phase, channels: depth)
    let tiles = workspace + layout.tiles + firstTile(unit.index) * depth
    // An axis with one tap has no transform: the step before writes to where
    // it would.
    let half = horizontal.isPlain ? tiles : workspace + layout.half
    if vertical.isPlain {
      load(unit, columns: columns, into: half)
    } else if !forwardInPlace(
      unit, columns: columns, into: half,
      stride: horizontal.isPlain ? stride : row)
    {
      let source = workspace + layout.source
      load(unit, columns: columns, into: source)
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

  /// Transforms the columns of a unit where they lie, if its rows are inside and
  /// its pixels beside each other.
  private func forwardInPlace(
    _ unit: Unit, columns: Int, into half: UnsafeMutablePointer<Compute>,
    stride: Int
  ) -> Bool {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let row = unit.firstRow + vertical.taps.source(0)
    let last = row + (vertical.inputs - 1) * vertical.sourceStep
    guard !TileLoader.copies(map), map.groups == 1, map.classes == 1,
      horizontal.sourceStep == 1, row >= 0, last < map.sourceHeight
    else { return false }
    let column = unit.firstColumn + horizontal.taps.source(0)
    let inside = (0..<map.sourceWidth).clamped(to: column..<column + columns)
    guard !inside.isEmpty else { return false }
    let (pixels, pixelStride): (UnsafePointer<Compute>, Int) = loader.inPlace(
      image: unit.image, pixel: row * map.sourceWidth + inside.lowerBound,
      channels: 0..<depth)
    let before = (inside.lowerBound - column) * depth
    let count = inside.count * depth
    Compute.winogradForward(
      vertical.points, pixels,
      stride: vertical.sourceStep * map.sourceWidth * pixelStride, step: 0,
      to: half + before, stride: stride, step: 0, runs: 1, count: count)
    for p in 0..<vertical.products {
      let line = half + p * stride
      line.update(repeating: .zero, count: before)
      (line + before + count)
        .update(repeating: .zero, count: columns * depth - before - count)
    }
    return true
  }

  /// Copies what reaches a unit, zeros where there is no source.
  private func load(
    _ unit: Unit, columns: Int, into source: UnsafeMutablePointer<Compute>
  ) {
    for row in 0..<map.vertical.classes {
      for column in 0..<map.horizontal.classes {
        let rank = row * map.horizontal.classes + column
        load(
          unit, rowClass: row, columnClass: column, columns: columns,
          into: source + rank * map.depthPerGroup)
      }
    }
  }

  /// The same of one class of pixels.
  private func load(
    _ unit: Unit, rowClass: Int, columnClass: Int, columns: Int,
    into source: UnsafeMutablePointer<Compute>
  ) {
    let (height, width) = (map.sourceHeight, map.sourceWidth)
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let firstColumn = map.horizontal.source(
      folded: unit.firstColumn + horizontal.taps.source(0), class: columnClass)
    let step = horizontal.sourceStep * map.horizontal.step
    func place(of column: Int) -> Int {
      min(columns, max(0, ceilDivide(column - firstColumn, step)))
    }
    let inside = place(of: 0)..<place(of: max(width, firstColumn))
    for index in 0..<vertical.inputs {
      let row = map.vertical.source(
        folded: unit.firstRow + vertical.taps.source(0)
          + index * vertical.sourceStep, class: rowClass)
      let place = source + index * columns * depth
      guard (0..<height).contains(row), !inside.isEmpty else {
        clear(place, pixels: columns)
        continue
      }
      clear(place, pixels: inside.lowerBound)
      loader.load(
        image: unit.image, row: row,
        column: firstColumn + inside.lowerBound * step, step: step,
        count: inside.count, channels: map.sourceChannels(of: group),
        to: place + inside.lowerBound * depth, stride: depth)
      clear(
        place + inside.upperBound * depth, pixels: columns - inside.upperBound)
    }
  }

  /// Zeros in place of the source, in pixels of one class.
  private func clear(_ place: UnsafeMutablePointer<Compute>, pixels: Int) {
    if map.classes == 1 {
      place.update(repeating: .zero, count: pixels * depth)
      return
    }
    for pixel in 0..<pixels {
      (place + pixel * depth)
        .update(repeating: .zero, count: map.depthPerGroup)
    }
  }

  // MARK: Inverse

  private func inverse(_ unit: Unit, channels: Range<Int>) {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let width = channels.count
    let stride = WinogradWorkspace.stride(
      phase,
      channels: min(map.channelsPerGroup, Winograd<Compute>.mostChannels))
    let columns = horizontal.count(
      from: unit.firstColumn, limit: unit.tiles * horizontal.outputs)
    let rows = vertical.count(from: unit.firstRow, limit: vertical.outputs)
    guard columns > 0 else { return }
    let sums = workspace + layout.sums + firstTile(unit.index) * width
    let inResult =
      vertical.isPlain || rows < vertical.outputs
      ? nil : resultPlace(unit, channels: channels)
    let row =
      inResult == nil
      ? unit.tiles * horizontal.outputs * width
      : vertical.spacing * map.targetWidth * map.targetChannels
    let outputs = transformed(
      sums, stride: stride, tiles: unit.tiles, width: width,
      to: inResult ?? workspace + layout.outputs, stride: row,
      count: columns * width)
    // Beyond them a tile has the rounding errors of its other positions.
    let reachedRows = vertical.reached(
      from: unit.firstRow, count: rows, map.vertical)
    let reachedColumns = horizontal.reached(
      from: unit.firstColumn, count: columns, map.horizontal)
    for index in 0..<rows {
      let place = outputs + index * row
      let run = Run(
        image: unit.image, row: unit.firstRow + index * vertical.lattices,
        column: unit.firstColumn, count: columns, channels: channels)
      let reached =
        reachedRows.contains(index) ? reachedColumns : columns..<columns
      place.update(repeating: .zero, count: reached.lowerBound * width)
      (place + reached.upperBound * width).update(
        repeating: .zero, count: (columns - reached.upperBound) * width)
      if !Compute.areFinite(place, count: columns * width) {
        define(run, into: place)
      }
      if inResult == nil { store(place, run) }
    }
  }

  /// Where the result has the first position of a unit, if its rows can be
  /// transformed there.
  private func resultPlace(
    _ unit: Unit, channels: Range<Int>
  ) -> UnsafeMutablePointer<Compute>? {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    guard horizontal.spacing == 1 else { return nil }
    let y = vertical.first + unit.firstRow * vertical.stride
    let x = horizontal.first + unit.firstColumn
    return ResultSink(map, result).inPlace(
      image: unit.image, channels: map.targetChannels(channels, of: group),
      pixel: y * map.targetWidth + x)
  }

  /// Positions of a lattice beside each other.
  private struct Run {
    let image: Int
    let row: Int
    let column: Int
    let count: Int
    let channels: Range<Int>
  }

  /// Products of a unit transformed back: rows of at least `count`, `outputStride`
  /// apart, which are what was multiplied where there is no transform.
  private func transformed(
    _ sums: UnsafeMutablePointer<Compute>, stride: Int, tiles: Int,
    width: Int, to outputs: UnsafeMutablePointer<Compute>,
    stride outputStride: Int, count: Int
  ) -> UnsafeMutablePointer<Compute> {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let row = tiles * horizontal.outputs * width
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
      stride: outputStride, step: 0, runs: 1, count: count)
    return outputs
  }

  /// Computes a run of positions by the definition.
  private func define(_ run: Run, into sums: UnsafeMutablePointer<Compute>) {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let width = run.channels.count
    let pixel = workspace + layout.source
    let block = kernel.plain.channelBlock
    let blocks =
      run.channels.lowerBound
      / block..<ceilDivide(
        run.channels.upperBound, block)
    sums.update(repeating: .zero, count: run.count * width)
    let y = vertical.first + run.row * vertical.stride
    for r in (0..<map.kernelHeight).reversed() {
      guard let row = map.vertical.source(tap: r, at: y) else { continue }
      for index in 0..<run.count {
        let q = run.column + index * horizontal.lattices
        let x = horizontal.first + q * horizontal.stride
        for c in (0..<map.kernelWidth).reversed() {
          guard let column = map.horizontal.source(tap: c, at: x) else {
            continue
          }
          loader.load(
            image: run.image, row: row, column: column, count: 1,
            channels: map.sourceChannels(of: group), to: pixel)
          let tap = r * map.kernelWidth + c
          for block in blocks {
            let all = kernel.plain.channels(block: block)
            let part = all.clamped(to: run.channels)
            Compute.addRowCombination(
              pixel,
              filter + kernel.plain.offset(group: group, block: block)
                + tap * map.depthPerGroup * all.count
                + part.lowerBound - all.lowerBound,
              stride: all.count, depth: map.depthPerGroup,
              to: sums + index * width + part.lowerBound
                - run.channels.lowerBound,
              count: part.count)
          }
        }
      }
    }
  }

  /// Rounds a run of positions to their places in the result.
  private func store(_ sums: UnsafePointer<Compute>, _ run: Run) {
    let (vertical, horizontal) = (phase.vertical, phase.horizontal)
    let y = vertical.first + run.row * vertical.stride
    let x = horizontal.first + run.column * horizontal.stride
    ResultSink(map, result).store(
      sums, image: run.image,
      channels: map.targetChannels(run.channels, of: group),
      pixel: y * map.targetWidth + x, step: horizontal.spacing,
      count: run.count, scratch: workspace + layout.planes)
  }
}
