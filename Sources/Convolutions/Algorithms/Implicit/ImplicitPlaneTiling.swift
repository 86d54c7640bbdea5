/// How implicit GEMM with pixels as the vectors cuts a problem.
struct ImplicitPlaneTiling: Sendable, Hashable {
  /// Rows of the result, of each phase and of one image, that a tile has.
  let lines: Int
  /// Positions of a row's phase that a tile has, at most.
  let columns: Int
  /// Tiles that a task has one after the other, at most.
  let tilesPerTask: Int
  /// Channels that a task has, at most, and of how many sums are taken before
  /// they are stored.
  let channels: Int
  let channelsTogether: Int
  let copy: PlaneCopy
  /// Taps of a block of a sum, at most.
  let mostTaps: Int
  /// Scalars of the sums of a channel: all phases of columns of a phase of rows.
  let sumStride: Int
  /// Columns of the result that are put in order before they are transposed.
  let resultColumns: Int
  private let computeByteCount: Int

  /// Pixels of a tile, in each phase: at least, and at most where channels are
  /// few.
  private static let (leastPixels, mostPixels) = (64, 1024)
  /// Scalars of the planes that reach them, about.
  private static let scalars = 32 << 10
  /// Bytes of a copy, at most, where a tile of fewer pixels has fewer.
  private static let copyBytes = 256 << 10
  /// Bytes of the sums of some channels.
  private static let sumBytes = 96 << 10
  /// Tasks that are enough for all threads.
  private static let tasks = 16

  init(_ map: ConvolutionMap, computeByteCount: Int) {
    self.computeByteCount = computeByteCount
    let lineWidth = Workspace.alignment / computeByteCount
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let height = ceilDivide(max(1, vertical.target), vertical.stride)
    let width = ceilDivide(max(1, horizontal.target), horizontal.stride)

    func cut(_ pixels: Int) -> (lines: Int, columns: Int) {
      let parts = ceilDivide(width, pixels)
      let lines = parts > 1 ? 1 : min(height, max(1, pixels / width))
      // Whole vectors, where a row is cut.
      let columns = ceilDivide(width, parts)
      return (
        ceilDivide(height, ceilDivide(height, lines)),
        parts > 1
          ? min(width, ceilDivide(columns, lineWidth) * lineWidth) : width
      )
    }
    func copy(_ pixels: Int) -> PlaneCopy {
      let (lines, columns) = cut(pixels)
      return PlaneCopy(
        map,
        resultRows: min(
          lines.multipliedClamped(by: vertical.stride), max(1, vertical.target)),
        resultColumns: min(
          columns.multipliedClamped(by: horizontal.stride),
          max(1, horizontal.target)),
        computeByteCount: computeByteCount)
    }
    var pixels = min(
      Self.mostPixels,
      max(Self.leastPixels, Self.scalars / max(1, map.depthPerGroup)))
    var cutCopy = copy(pixels)
    // Down to a vector, so that whether it fits does not depend on the batch.
    while pixels > lineWidth {
      let most =
        pixels > Self.leastPixels / 2
        ? Self.copyBytes : ImplicitTiling.mostCopyBytes
      if cutCopy.count <= most / computeByteCount { break }
      pixels /= 2
      cutCopy = copy(pixels)
    }
    (lines, columns) = cut(pixels)
    self.copy = cutCopy

    let phases = min(horizontal.stride, max(1, horizontal.target))
    sumStride = lines.multipliedClamped(
      by: cutCopy.columns.multipliedClamped(by: phases))
    var mostTaps = 1
    for rows in vertical.phases {
      for columns in horizontal.phases {
        mostTaps = max(
          mostTaps,
          SumBlocks(
            taps: rows.count * columns.count, depth: map.depthPerGroup
          ).mostTaps)
      }
    }
    self.mostTaps = mostTaps
    let most =
      Self.sumBytes / max(1, sumStride.multipliedClamped(by: computeByteCount))
    let blockRows = InstructionSet.blockRows
    let together = max(1, most / blockRows) * blockRows

    let tiles =
      map.groups * max(1, map.batch) * ceilDivide(height, lines)
      * ceilDivide(width, columns)
    // Of few tiles, channels are shared among tasks.
    let parts = min(
      ceilDivide(map.channelsPerGroup, 2 * blockRows),
      ceilDivide(Self.tasks, max(1, tiles)))
    channels = ceilDivide(map.channelsPerGroup, max(1, parts))
    channelsTogether = min(channels, together)
    resultColumns =
      map.dataFormat == .nhwc && phases > 1 ? columns * phases : 0
    tilesPerTask = max(1, min(4, tiles / Self.tasks))
  }

  /// Runs of pixels beside each other.
  struct Shape {
    let lines: Int
    /// As many as lines, or one that has what lies between them too.
    let runs: Int
    let pixels: Int
  }

  /// Takes lines together where that takes fewer vectors.
  func shape(lines: Int, columns: Int) -> Shape {
    let pixels = (lines - 1) * copy.columns + columns
    let lineWidth = Workspace.alignment / computeByteCount
    return ceilDivide(pixels, lineWidth)
      < lines * ceilDivide(columns, lineWidth)
      ? Shape(lines: lines, runs: 1, pixels: pixels)
      : Shape(lines: lines, runs: lines, pixels: columns)
  }
}

/// The workspace of one thread.
struct ImplicitPlaneMemory<Compute> {
  /// Planes of the source.
  let copy: UnsafeMutablePointer<Compute>
  /// Sums that are not taken in the result:
  /// `[channels, column phases, lines, columns of a copy]`.
  let sums: UnsafeMutablePointer<Compute>
  /// Columns of each channel, in order, of NHWC with a stride.
  let row: UnsafeMutablePointer<Compute>
  /// For each tap where the weights of each channel of a block are.
  let weights: UnsafeMutablePointer<UnsafePointer<Compute>?>
  /// Where each tap begins in a plane; behind them, those of a single pixel.
  let offsets: UnsafeMutablePointer<Int>
  /// Where the sums of each channel of a block go.
  let results: UnsafeMutablePointer<UnsafeMutablePointer<Compute>?>

  init(_ scratch: inout Scratch, _ tiling: ImplicitPlaneTiling) {
    copy = scratch.next(tiling.copy.count)
    sums = scratch.next(tiling.channelsTogether * tiling.sumStride)
    row = scratch.next(tiling.resultColumns * tiling.channelsTogether)
    weights = scratch.next(InstructionSet.blockRows * tiling.mostTaps)
    offsets = scratch.next(2 * tiling.mostTaps)
    results = scratch.next(InstructionSet.blockRows)
  }
}
