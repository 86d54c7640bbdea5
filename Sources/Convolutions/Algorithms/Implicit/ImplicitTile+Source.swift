internal import CConvolutionKernels

// What a tile reads of the source: a copy of it, or the rows that the next tile
// reads, ahead of it.

extension ImplicitTile {
  /// How the rows of a copy lie.
  struct Copy {
    /// From one row to the next, in scalars.
    let rowStride: Int
    /// From one position to the next, in pixels.
    let step: Int
    /// The pixel that rows begin with: a column of the source, which may be
    /// outside, or where columns are not dense, the first tap of a position.
    let first: Int
  }

  /// From the source rows of one line to those of the next.
  var rowStep: Int { rowTaps.step }

  /// Copies the rows that the lines need, with zeros in place of what is outside.
  func load() -> Copy {
    // Without a step all phases read the same columns; with one there is but
    // one phase.
    let taps = map.kernelWidth
    let touched =
      tiling.hasDenseColumns
      ? map.horizontal.touching(columns)
      : positions.lowerBound * taps..<positions.upperBound * taps
    let copy = Copy(
      rowStride: touched.count * map.depthPerGroup,
      step: tiling.hasDenseColumns ? map.horizontal.step : taps,
      first: touched.lowerBound)
    guard rowTaps.count > 0 else { return copy }
    var place = memory.copy
    forEachImage { image, lines in
      if tiling.isDense {
        let first = lines.lowerBound * rowStep + rowTaps.source(0)
        let count =
          (lines.count - 1) * rowStep
          + (rowTaps.count - 1) * rowTaps.sourceStep + 1
        for row in first..<first + count {
          load(row: row, image: image, columns: touched, into: place)
          place += copy.rowStride
        }
      } else {
        for line in lines {
          for tap in 0..<rowTaps.count {
            load(
              row: line * rowStep + rowTaps.source(tap), image: image,
              columns: touched, into: place)
            place += copy.rowStride
          }
        }
      }
    }
    return copy
  }

  /// The lines of each image.
  func forEachImage(_ body: (_ image: Int, _ lines: Range<Int>) -> Void) {
    var first = lines.lowerBound
    while first < lines.upperBound {
      let (image, line) = image(first)
      let count = min(height - line, lines.upperBound - first)
      body(image, line..<line + count)
      first += count
    }
  }

  private func load(
    row: Int, image: Int, columns: Range<Int>,
    into place: UnsafeMutablePointer<Compute>
  ) {
    let depth = map.depthPerGroup
    guard row >= 0, row < map.sourceHeight else {
      place.update(repeating: .zero, count: columns.count * depth)
      return
    }
    if !tiling.hasDenseColumns {
      loadTaps(row: row, image: image, into: place)
      return
    }
    let inside = columns.clamped(to: 0..<map.sourceWidth)
    guard !inside.isEmpty else {
      place.update(repeating: .zero, count: columns.count * depth)
      return
    }
    let before = (inside.lowerBound - columns.lowerBound) * depth
    let behind = (columns.upperBound - inside.upperBound) * depth
    place.update(repeating: .zero, count: before)
    TileLoader(source: source, of: map).load(
      image: image, row: row, column: inside.lowerBound, count: inside.count,
      channels: map.sourceChannels(of: group), to: place + before)
    (place + before + inside.count * depth)
      .update(repeating: .zero, count: behind)
  }

  /// Of one row the columns of the taps of each position.
  private func loadTaps(
    row: Int, image: Int, into place: UnsafeMutablePointer<Compute>
  ) {
    let depth = map.depthPerGroup
    let taps = kernel.columnPhases[0]
    let stride = taps.count * depth
    let first = positions.lowerBound
    let loader = TileLoader(source: source, of: map)
    for tap in 0..<taps.count {
      let inside = taps.positions(tap: tap, sources: map.sourceWidth)
        .clamped(to: positions)
      let to = place + tap * depth
      for q in positions where !inside.contains(q) {
        (to + (q - first) * stride)
          .update(repeating: .zero, count: depth)
      }
      guard !inside.isEmpty else { continue }
      loader.load(
        image: image, row: row,
        column: inside.lowerBound * taps.step + taps.source(tap),
        step: taps.step, count: inside.count,
        channels: map.sourceChannels(of: group),
        to: to + (inside.lowerBound - first) * stride, stride: stride)
    }
  }

  /// How far from a position's first pixel a column of taps is, in pixels.
  func columnOffset(of tap: Int, _ taps: PhaseTaps) -> Int {
    tiling.copies && !tiling.hasDenseColumns ? tap : taps.source(tap)
  }

  /// From one row of taps to the next, and from one column, in scalars.
  func tapSteps(_ copy: Copy?) -> (row: Int, column: Int) {
    guard let copy else {
      let channels = map.sourceChannels
      return (rowTaps.sourceStep &* map.sourceWidth &* channels, channels)
    }
    return (
      (tiling.isDense ? rowTaps.sourceStep : 1) &* copy.rowStride,
      map.depthPerGroup
    )
  }

  /// Memory that the next tile reads, asked for part by part beside the products:
  /// the processor does not foresee rows that lie apart.
  struct Ahead {
    var address: UnsafeRawPointer
    var left: Int
    let step: Int

    mutating func next() {
      guard left > 0 else { return }
      let count = min(step, left)
      conv_prefetch(address, count)
      address += count
      left -= count
    }
  }

  /// What tile `next` reads that this one does not: of one line, its last row of
  /// taps.
  func rowsAhead(calls: Int) -> Ahead {
    let none = Ahead(address: source.address, left: 0, step: 1)
    guard kernel.asksForRows, let next, calls > 0, rowTaps.count > 0 else {
      return none
    }
    let (image, line) = image(next.lowerBound)
    let row = line * rowStep + rowTaps.source(rowTaps.count - 1)
    let first = positions.lowerBound * map.horizontal.step
    let rows = min(next.count, height - line).multipliedClamped(by: rowStep)
    guard row >= 0, row < map.sourceHeight, rows <= map.sourceHeight - row,
      first < map.sourceWidth
    else { return none }
    let last =
      tiling.lines > 1
      ? map.sourceWidth
      : min(map.sourceWidth, first + positions.count * map.horizontal.step)
    let pixels = (rows - 1) * map.sourceWidth + last - first
    let place = (image * map.sourceHeight + row) * map.sourceWidth + first
    let bytes = map.sourceChannels * map.type.byteCount
    return Ahead(
      address: source.address + place * bytes, left: pixels * bytes,
      step: Workspace.padded(ceilDivide(pixels * bytes, calls)))
  }
}
