internal import CConvolutionKernels

// What a tile reads of the source: a copy of it, or the rows that the next tile
// reads, ahead of it.

extension ImplicitTile {
  /// How the rows of a copy lie.
  struct Copy {
    /// From one row to the next, in scalars.
    let rowStride: Int
    /// The column of the source that rows begin with; may be outside.
    let firstColumn: Int
  }

  /// From the source rows of one line to those of the next.
  var rowStep: Int { rowTaps.step }

  /// Copies the rows that the lines need, with zeros in place of what is outside.
  func load() -> Copy {
    let touched = map.horizontal.touching(columns)
    let copy = Copy(
      rowStride: touched.count * map.depthPerGroup,
      firstColumn: touched.lowerBound)
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
    let inside = columns.clamped(to: 0..<map.sourceWidth)
    guard !inside.isEmpty else {
      place.update(repeating: .zero, count: columns.count * depth)
      return
    }
    let before = (inside.lowerBound - columns.lowerBound) * depth
    let behind = (columns.upperBound - inside.upperBound) * depth
    place.update(repeating: .zero, count: before)
    SourceTile(map, source).loadPixels(
      first: row * map.sourceWidth + inside.lowerBound, count: inside.count,
      image: image, group: group, into: place + before)
    (place + before + inside.count * depth)
      .update(repeating: .zero, count: behind)
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
    let none = Ahead(address: UnsafeRawPointer(source), left: 0, step: 1)
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
    let bytes = map.sourceChannels * MemoryLayout<Scalar>.stride
    return Ahead(
      address: UnsafeRawPointer(source) + place * bytes, left: pixels * bytes,
      step: Workspace.padded(ceilDivide(pixels * bytes, calls)))
  }
}
