/// How implicit GEMM cuts a problem.
struct ImplicitTiling: Sendable, Hashable {
  /// Rows of the result, of one phase and of any images, that a tile has: more
  /// than one where it has whole rows.
  let lines: Int
  /// Positions of a row's phase that a tile has, at most.
  let columns: Int
  /// Tiles that a task has one after the other, at most.
  let tilesPerTask: Int
  /// Panels of channels that a task has, at most.
  let panels: Int
  /// Whether the pixels of the source that a tile needs are copied, with zeros
  /// in place of those outside.
  let copies: Bool
  /// Whether a copy has all rows from the first to the last that lines of an
  /// image need, or for each line those of its own taps, which are fewer.
  let isDense: Bool
  /// The same of columns: all from the first to the last, or for each position
  /// those of its own taps.
  let hasDenseColumns: Bool
  /// Rows and columns of the source that are copied for a tile, at most.
  let copiedRows: Int
  let copiedColumns: Int

  /// Pixels of a tile: enough to hide reading the filter from beyond the L1
  /// cache, and few enough that what they read of the source stays in L2.
  private static let pixels = 64
  /// Positions of a small image's row, at most.
  static let smallWidth = 16
  /// Bytes of a filter that no cache keeps.
  private static let largeFilter = 16 << 20
  /// Bytes of a copy, at most, where a tile of fewer pixels has fewer.
  private static let copyBytes = 192 << 10
  /// Bytes of any copy: it is read while it is in the L2 cache.
  static let mostCopyBytes = 768 << 10
  /// Tasks that are enough for all threads.
  private static let tasks = 16

  /// - Parameters:
  ///   - tapRows: most rows of taps of a phase.
  ///   - panelCount: panels of a group.
  init(
    _ map: ConvolutionMap, tapRows: Int, panelCount: Int, copies: Bool,
    computeByteCount: Int
  ) {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let height = ceilDivide(max(1, vertical.target), vertical.stride)
    let width = ceilDivide(max(1, horizontal.target), horizontal.stride)
    let lineCount = height * max(1, map.batch)
    self.copies = copies

    func cut(_ pixels: Int) -> (lines: Int, columns: Int) {
      let parts = ceilDivide(width, pixels)
      let lines = parts > 1 ? 1 : min(lineCount, max(1, pixels / width))
      return (
        ceilDivide(lineCount, ceilDivide(lineCount, lines)),
        ceilDivide(width, parts)
      )
    }
    func copied(_ lines: Int, _ columns: Int) -> (rows: Int, columns: Int) {
      guard copies else { return (0, 0) }
      // A tile may begin within an image, and end within another; some phases
      // have a line less.
      let least = max(1, vertical.target / vertical.stride)
      let images = ceilDivide(lines - 1, least) + 1
      return (
        Self.copiedRows(vertical, lines: min(lines, height), tapRows: tapRows)
          .multipliedClamped(by: images),
        min(
          Self.denseColumns(horizontal, positions: columns),
          Self.sparseColumns(horizontal, positions: columns))
      )
    }
    func bytes(_ lines: Int, _ columns: Int) -> Int {
      let copied = copied(lines, columns)
      return copied.rows.multipliedClamped(by: copied.columns)
        .multipliedClamped(by: map.depthPerGroup * computeByteCount)
    }
    // Down to one pixel, so that whether it fits does not depend on the batch.
    // Of small images more, as many are at the border, and follow each other; and
    // more again where the filter comes from memory for each tile (7x7x512:
    // 1.12x with AVX2, one image of 12x12x1280: 1.3x).
    let isLarge =
      map.filterCount / map.groups * computeByteCount > Self.largeFilter
    var pixels =
      Self.pixels * (isLarge ? 4 : width > Self.smallWidth ? 1 : 2)
    if tapRows == 1, map.kernelWidth <= horizontal.stride {
      // One tap finds its pixels without a table, so that more of few channels
      // cost nothing, and save calls (64 channels to 16: 1.14x).
      let most = Self.copyBytes / (map.depthPerGroup * computeByteCount)
      pixels = max(
        pixels, min(4 * Self.pixels, most, lineCount * width / Self.tasks))
    }
    while pixels > 1 {
      let (lines, columns) = cut(pixels)
      let most = pixels > 8 ? Self.copyBytes : Self.mostCopyBytes
      if bytes(lines, columns) <= most { break }
      pixels /= 2
    }
    (lines, columns) = cut(pixels)
    (copiedRows, copiedColumns) = copied(lines, columns)
    isDense = Self.isDense(
      vertical, lines: min(lines, height), tapRows: tapRows)
    hasDenseColumns =
      Self.denseColumns(horizontal, positions: columns)
      <= Self.sparseColumns(horizontal, positions: columns)

    let tiles =
      map.groups * min(vertical.stride, max(1, vertical.target))
      * ceilDivide(lineCount, lines) * ceilDivide(width, columns)
    // Of few tiles, channels are shared among tasks.
    let parts = min(
      ceilDivide(panelCount, InstructionSet.mostPanels),
      ceilDivide(Self.tasks, max(1, tiles)))
    panels = ceilDivide(panelCount, max(1, parts))
    tilesPerTask = max(1, min(4, tiles / Self.tasks))
  }

  /// Why neither form of implicit GEMM can serve a map, if so: each pair of phases
  /// has a list of taps.
  static let doesNotFit =
    "the pixels that reach a few of the result do not fit into the cache"

  static func reasonAgainst(_ map: ConvolutionMap) -> String? {
    let most = 64
    return max(map.vertical.stride, map.horizontal.stride) > most
      ? "a stride is above \(most)" : nil
  }

  /// Scalars of a tile's copy.
  func copiedScalars(_ map: ConvolutionMap) -> Int {
    copiedRows.multipliedClamped(by: copiedColumns)
      .multipliedClamped(by: map.depthPerGroup)
  }

  private static func copiedRows(
    _ axis: MapAxis, lines: Int, tapRows: Int
  ) -> Int {
    isDense(axis, lines: lines, tapRows: tapRows)
      ? denseRows(axis, lines: lines) : lines.multipliedClamped(by: tapRows)
  }

  private static func isDense(
    _ axis: MapAxis, lines: Int, tapRows: Int
  ) -> Bool {
    denseRows(axis, lines: lines) <= lines.multipliedClamped(by: tapRows)
  }

  /// Columns from the first to the last that positions of all phases need.
  private static func denseColumns(_ axis: MapAxis, positions: Int) -> Int {
    axis.reach(
      positions: min(
        positions.multipliedClamped(by: axis.stride), max(1, axis.target)))
  }

  /// Those of the taps of each position alone; only a step leaves some out.
  private static func sparseColumns(_ axis: MapAxis, positions: Int) -> Int {
    axis.step == 1 ? .max : positions.multipliedClamped(by: axis.kernel)
  }

  /// Rows from the first to the last that lines of one image and phase need.
  private static func denseRows(_ axis: MapAxis, lines: Int) -> Int {
    axis.reach(positions: (lines - 1).multipliedClamped(by: axis.stride) + 1)
  }
}
