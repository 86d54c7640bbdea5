/// How the planes that reach a tile of the result are copied, of the channels of
/// some groups, with zeros around the image, so that the border needs no care.
///
/// With a step above 1, rows and columns lie sorted by class, so that those that a
/// tap needs for positions beside each other do so too:
/// `[channels, row classes, column classes, rows, columns]`.
struct PlaneCopy: Sendable, Hashable {
  /// Classes of rows and of columns, and how many of each there are.
  private let rowClasses: Int
  private let columnClasses: Int
  private let rows: Int
  let columns: Int
  /// From one channel to the next, in scalars: an odd number of cache lines.
  let planeStride: Int
  /// Scalars of a copy, and a vector that may be read behind it.
  let count: Int

  /// Numbers that the C kernels of planes read at a time, whatever their type.
  private static var vector: Int { 16 }

  /// Of so many rows and columns of the result, wherever they begin.
  init(
    _ map: ConvolutionMap, resultRows: Int, resultColumns: Int,
    groups: Int = 1, computeByteCount: Int
  ) {
    let rows = map.vertical.reach(positions: resultRows)
    let columns = map.horizontal.reach(positions: resultColumns)
    rowClasses = min(map.vertical.step, rows)
    columnClasses = min(map.horizontal.step, columns)
    self.rows = ceilDivide(rows, rowClasses)
    self.columns = ceilDivide(columns, columnClasses)
    let line = Workspace.alignment / computeByteCount
    let scalars = rowClasses.multipliedClamped(by: self.rows)
      .multipliedClamped(by: columnClasses.multipliedClamped(by: self.columns))
    planeStride = (scalars / line + 1 | 1).multipliedClamped(by: line)
    let planes = planeStride.multipliedClamped(by: groups * map.depthPerGroup)
    count = min(planes, .max - Self.vector) + Self.vector
  }

  /// Where a row and a column lie in a plane, counted from the first.
  func place(row: Int, column: Int) -> Int {
    let part =
      row % rowClasses * columnClasses + column % columnClasses
    return (part * rows + row / rowClasses) * columns + column / columnClasses
  }

  /// Lists where rows of some planes lie, null where they are outside of the image.
  func list<Compute: ComputeScalar>(
    rows: Range<Int>, inside: Range<Int>, planes: Range<Int>,
    of copy: UnsafePointer<Compute>,
    into table: UnsafeMutablePointer<UnsafeRawPointer?>
  ) {
    for plane in planes {
      let table = table + (plane - planes.lowerBound) * rows.count
      for row in 0..<rows.count {
        let isThere = inside.contains(rows.lowerBound + row)
        let place = plane * planeStride + self.place(row: row, column: 0)
        table[row] = isThere ? UnsafeRawPointer(copy + place) : nil
      }
    }
  }

  /// What of a copy is inside the image: what is not stays zero from one tile to
  /// the next where this is the same.
  struct Inside: Equatable {
    let rows: Range<Int>
    let columns: Range<Int>
  }

  /// Copies the planes of some groups of one image.
  ///
  /// - Parameters:
  ///   - rows: of the source, inside or not, and so are `columns`.
  ///   - before: what was inside of the copy that is there, if there is one.
  /// - Returns: what is inside of this one.
  func load<Compute: ComputeScalar>(
    _ map: ConvolutionMap, _ source: StoredPointer, image: Int,
    groups: Range<Int>, rows: Range<Int>, columns: Range<Int>,
    after before: Inside?, into copy: UnsafeMutablePointer<Compute>
  ) -> Inside {
    let insideRows = rows.clamped(to: 0..<map.sourceHeight)
    let insideColumns = columns.clamped(to: 0..<map.sourceWidth)
    let (firstRow, firstColumn) = (rows.lowerBound, columns.lowerBound)
    let inside = Inside(
      rows: insideRows.lowerBound - firstRow..<insideRows.upperBound - firstRow,
      columns: insideColumns.lowerBound - firstColumn..<insideColumns
        .upperBound - firstColumn)
    if inside != before {
      copy.update(repeating: .zero, count: count)
    }
    guard !insideColumns.isEmpty else { return inside }
    let channels = map.depthPerGroup
    if rowClasses * columnClasses == 1 {
      // Whole rows without zeros beside them are one.
      let isOne =
        self.columns == map.sourceWidth
        && insideColumns.count == map.sourceWidth
      let together = isOne ? max(1, insideRows.count) : 1
      for row in stride(
        from: insideRows.lowerBound, to: insideRows.upperBound, by: together)
      {
        load(
          map, source, image: image,
          channels: groups.lowerBound * channels..<groups.upperBound * channels,
          pixel: row * map.sourceWidth + insideColumns.lowerBound,
          rounds: insideColumns.count * together, classes: 1,
          into: copy + (row - firstRow) * self.columns
            + insideColumns.lowerBound - firstColumn)
      }
      return inside
    }
    for row in insideRows {
      var column = insideColumns.lowerBound
      while column < insideColumns.upperBound {
        let rest = insideColumns.upperBound - column
        let place = self.place(
          row: row - firstRow, column: column - firstColumn)
        // Whole rounds of all classes, and single columns beside them.
        let phase = (column - firstColumn) % columnClasses
        let rounds = phase == 0 ? rest / columnClasses : 0
        load(
          map, source, image: image,
          channels: groups.lowerBound * channels..<groups.upperBound * channels,
          pixel: row * map.sourceWidth + column,
          rounds: max(1, rounds),
          classes: rounds > 0 ? columnClasses : 1, into: copy + place)
        column += max(1, rounds * columnClasses)
      }
    }
    return inside
  }

  /// Copies pixels beside each other, of so many classes in turn.
  private func load<Compute: ComputeScalar>(
    _ map: ConvolutionMap, _ source: StoredPointer, image: Int,
    channels: Range<Int>, pixel: Int, rounds: Int, classes: Int,
    into place: UnsafeMutablePointer<Compute>
  ) {
    let all = map.sourceChannels
    let plane = map.sourceHeight * map.sourceWidth
    let classStride = rows * columns
    if map.dataFormat == .nhwc {
      for c in 0..<classes {
        (source + (image * plane + pixel + c) * all + channels.lowerBound)
          .widenTransposed(
            rows: rounds, columns: channels.count, stride: classes * all,
            to: place + c * classStride, stride: planeStride)
      }
      return
    }
    let first = source + (image * all + channels.lowerBound) * plane + pixel
    if classes == 1 {
      first.widenRows(
        stride: plane, to: place, stride: planeStride, rows: channels.count,
        count: rounds)
      return
    }
    for k in 0..<channels.count {
      (first + k * plane).widenTransposed(
        rows: rounds, columns: classes, stride: classes,
        to: place + k * planeStride, stride: classStride)
    }
  }
}
