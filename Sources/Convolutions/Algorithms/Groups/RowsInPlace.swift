/// Rows of a source in NCHW that are read where they lie, by vectors that reach
/// beyond their ends.
///
/// What lies beside a row belongs to other rows, and counts as zeros. Rows of which
/// a part would lie outside of the tensor are copied.
struct RowsInPlace: Sendable {
  /// What is read, and the whole row, counted from its first column.
  private let columns: Range<Int>
  /// From a column of the result to the next, in those of the source: 1 or 2.
  let step: Int
  private let height: Int
  private let width: Int
  /// Of the tensor.
  private let count: Int

  /// Fails where a vector cannot be read from a row, or more would be copied than
  /// the L1 cache holds.
  init?(_ map: ConvolutionMap) {
    let axis = map.horizontal
    guard
      map.dataFormat == .nchw, axis.step <= 2, !map.isDegenerate,
      axis.phaseCount <= (axis.step == 1 ? 2 : 1),
      // More taps pay for a copy, whose rows lie the same way everywhere.
      map.taps.multipliedClamped(by: map.depthPerGroup) <= Self.mostTaps
    else { return nil }
    let touched = axis.touching(0..<axis.target)
    // Vectors are whole, those of the second phase as many as of the first, and
    // with a step of 2 end at a column between two.
    let read = max(16, ceilDivide(axis.target, axis.phaseCount))
    let last = axis.target / axis.phaseCount
    let beyond = (read - last) * axis.step + axis.step - 1
    guard
      touched.lowerBound > -Self.mostScalars,
      touched.upperBound < Self.mostScalars - beyond,
      map.vertical.reach(positions: map.vertical.phaseCount)
        .multipliedClamped(by: map.depthPerGroup) <= Self.mostScalars
    else { return nil }
    step = axis.step
    columns =
      min(0, touched.lowerBound)..<max(axis.source, touched.upperBound + beyond)
    (height, width) = (map.sourceHeight, map.sourceWidth)
    count = map.sourceCount
    if scalarCount > Self.mostScalars { return nil }
  }

  // `convbench bench --layout nchw`, depthwise: 3x3 gains 1.1 to 2.3 in place, 5x5
  // loses 1.1 to 1.5.
  private static var mostTaps: Int { 12 }
  private static var mostScalars: Int { 1 << 15 }

  /// Of a row of zeros and the rows that are copied.
  var scalarCount: Int {
    let copies =
      ceilDivide(-columns.lowerBound, width)
      + ceilDivide(max(0, columns.upperBound - width), width)
    return (1 + min(copies, count / width)) * columns.count
  }

  /// Clears a row, of zeros or to be copied.
  func clear(_ row: MutableStoredPointer) {
    row.clear(count: columns.count)
  }

  /// Lists where rows of planes lie, inside or not; those outside are zeros, or
  /// null where those may not be used.
  func list(
    rows: Range<Int>, planes: Range<Int>, of source: StoredPointer,
    usingZeros: Bool, copies: MutableStoredPointer,
    into table: UnsafeMutablePointer<UnsafeRawPointer?>
  ) {
    let first = max(0, rows.lowerBound)
    let inside = first..<max(first, min(height, rows.upperBound))
    let outside =
      usingZeros
      ? UnsafeRawPointer((copies + -columns.lowerBound).address) : nil
    var copied = copies
    var entry = table
    for plane in planes {
      entry.update(repeating: outside, count: rows.count)
      for row in inside {
        let place = (plane &* height &+ row) &* width
        let index = row &- rows.lowerBound
        if place &+ columns.lowerBound >= 0,
          place &+ columns.upperBound <= count
        {
          entry[index] = (source + place).address
          continue
        }
        copied = copied + columns.count
        clear(copied)
        let copy = (copied + -columns.lowerBound).address
        copy.copyMemory(
          from: (source + place).address,
          byteCount: width * source.type.byteCount)
        entry[index] = UnsafeRawPointer(copy)
      }
      entry += rows.count
    }
  }
}
