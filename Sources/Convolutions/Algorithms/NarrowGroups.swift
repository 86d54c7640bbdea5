internal import CConvolutionKernels

/// Depthwise layers and narrow groups, NHWC: 1, 2, 4 or 8 channels of a group,
/// as many in as out, and at least 16 in all.
///
/// Gathers each result pixel from the pixels of the source that reach it, with
/// the channels of all groups as the vector dimension; written once. Result
/// columns `stride` apart are reached by the same taps, so a row is done phase
/// by phase; only pixels whose windows are cut off by the border go one by one.
///
/// A task owns some result rows of one image.
struct NarrowGroups<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let map: ConvolutionMap
  private let bandRows: Int
  private let bandCount: Int
  private let streams: Bool

  init(_ map: ConvolutionMap) {
    self.map = map
    // Rows of one task share rows of the source; 64 tasks are enough.
    bandRows = max(
      1,
      min(
        map.resultHeight, map.batch * map.resultHeight / 64))
    bandCount = ceilDivide(map.resultHeight, bandRows)
    streams = ResultTile<Scalar>.streams(map)
  }

  /// Why a map cannot be served, if so.
  static func objection(to map: ConvolutionMap) -> String? {
    guard map.groups > 1 else { return "there are no groups" }
    let width = map.channelsPerGroup
    guard width == map.depthPerGroup, [1, 2, 4, 8].contains(width) else {
      return "groups have not 1, 2, 4 or 8 channels, as many in as out"
    }
    return map.resultChannels < 16 ? "less than 16 channels" : nil
  }

  private var width: Int { map.channelsPerGroup }

  var taskCount: Int { map.batch * bandCount }

  var filterByteCount: Int {
    map.filterCount * MemoryLayout<Compute>.stride
  }

  var filterPartCount: Int { map.taps }

  var packsOperands: Bool { false }

  var summary: String {
    "vectors over the channels of groups of \(width), "
      + "bands of \(bandRows) rows, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    model.loops(
      map.flops / 2,
      over: Double(map.resultChannels))
  }

  // Two parts: the runs of taps that reach a pixel, of three numbers each,
  // padded to a cache line, and a row of the result, where it is streamed.

  private var runsByteCount: Int {
    Workspace.padded(3 * map.taps * MemoryLayout<Int>.stride)
  }

  private var rowCount: Int { map.resultWidth * map.resultChannels }

  var workspaceByteCount: Int {
    runsByteCount + (streams ? rowCount * MemoryLayout<Scalar>.stride : 0)
  }

  /// To `[taps, k, channels]`: the weight from output channel `k` of a group to
  /// each input channel.
  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let channels = map.resultChannels
    let filter = StoredFilter<Scalar>(map, filter)
    let panel =
      prepared.assumingMemoryBound(to: Compute.self)
      + part * width * channels
    for channel in 0..<channels {
      for k in 0..<width {
        var weight = filter.weight(
          tap: part, group: channel / width, channel: channel % width, depth: k)
        Scalar.widen(&weight, to: panel + k * channels + channel, count: 1)
      }
    }
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, source: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let channels = map.resultChannels
    let image = task / bandCount
    let rows = (0..<map.resultHeight)
      .part(task % bandCount, of: bandRows)
    let row =
      streams
      ? (workspace + runsByteCount).assumingMemoryBound(to: Scalar.self) : nil
    for y in rows {
      let place =
        result.assumingMemoryBound(to: Scalar.self)
        + (image * map.resultHeight + y) * rowCount
      GroupRow<Scalar>(
        map: map, y: y,
        filter: filter.assumingMemoryBound(to: Compute.self),
        source: source.assumingMemoryBound(to: Scalar.self)
          + image * map.sourceHeight * map.sourceWidth * channels,
        result: row ?? place,
        runs: workspace.assumingMemoryBound(to: Int.self)
      ).run()
      if let row { ResultTile.stream(row, to: place, count: rowCount) }
    }
  }
}

/// One result row of ``NarrowGroups``.
private struct GroupRow<Scalar: StorageScalar> {
  let map: ConvolutionMap
  let y: Int
  let filter: UnsafePointer<Scalar.Compute>
  let source: UnsafePointer<Scalar>
  let result: UnsafeMutablePointer<Scalar>
  let runs: UnsafeMutablePointer<Int>

  func run() {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let rows = PhaseTaps(vertical, phase: y % vertical.stride)
    for phase in 0..<horizontal.phaseCount {
      let columns = PhaseTaps(horizontal, phase: phase)
      let count = (horizontal.result - 1 - phase) / horizontal.stride + 1
      let inner = columns.inner(positions: count, sources: horizontal.source)
      for q in 0..<inner.lowerBound {
        gather(rows, columns, phase, q..<q + 1)
      }
      if horizontal.step > 1 {
        gatherApart(rows, columns, phase, inner)
      } else if !inner.isEmpty {
        gather(rows, columns, phase, inner)
      }
      for q in inner.upperBound..<count {
        gather(rows, columns, phase, q..<q + 1)
      }
    }
  }

  /// Gathers pixels whose windows lie apart, some at a time, and asks meanwhile
  /// for those of the rows that the next row of the result reads beside the rows
  /// of this one: the loops ask for what lies behind their own pixels alone, and
  /// the hardware foresees no rows (a result of 8x56x56x64: 2.3 to 1.8 ms).
  private func gatherApart(
    _ rows: PhaseTaps, _ columns: PhaseTaps, _ phase: Int, _ pixels: Range<Int>
  ) {
    let vertical = map.vertical
    let q = y / vertical.stride
    let last = rows.indices(at: q, sources: vertical.source).last
    let first = last.map { q * rows.step + rows.source($0) + 1 } ?? 0
    let next = first..<max(first, min(first + rows.step, vertical.source))
    let most = 8
    for part in 0..<ceilDivide(pixels.count, most) {
      let some = pixels.part(part, of: most)
      let left = max(0, some.lowerBound * columns.step + columns.source(0))
      let right = min(map.sourceWidth, left + some.count * columns.step)
      for row in next where left < right {
        let pixel = source + (row * map.sourceWidth + left) * map.sourceChannels
        conv_prefetch(
          pixel,
          (right - left) * map.sourceChannels * MemoryLayout<Scalar>.stride)
      }
      gather(rows, columns, phase, some)
    }
  }

  /// Pixels of a phase that are all reached by the taps that reach the first.
  private func gather(
    _ rows: PhaseTaps, _ columns: PhaseTaps, _ phase: Int, _ pixels: Range<Int>
  ) {
    let first = pixels.lowerBound
    let channels = map.resultChannels
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let weights = map.channelsPerGroup * channels
    let q = y / vertical.stride
    let tapRows = rows.indices(at: q, sources: vertical.source)
    let tapColumns = columns.indices(at: first, sources: horizontal.source)
    let longest = columns.sourceStep == 1 && columns.step == 1 ? 3 : 1
    let (above, before) = (q * rows.step, first * columns.step)
    var runCount = 0
    for i in tapRows {
      let row = (above + rows.source(i)) * horizontal.source
      var j = tapColumns.lowerBound
      while j < tapColumns.upperBound {
        let run = runs + 3 * runCount
        run[0] = (row + before + columns.source(j)) * channels
        run[1] =
          (rows.tap(i) * horizontal.kernel + columns.tap(j)) * weights
        run[2] = min(longest, tapColumns.upperBound - j)
        j += run[2]
        runCount += 1
      }
    }

    // The row of the source below those that are read now.
    var ahead = 0
    if let last = tapRows.last {
      let row = min(above + rows.source(last) + 1, vertical.source - 1)
      ahead = (row * horizontal.source + before) * channels
    }
    let pixel = phase + first * horizontal.stride
    Scalar.gatherPixels(
      width: map.channelsPerGroup, source,
      stride: pixels.count > 1 ? columns.step * channels : channels,
      weights: filter, stride: -columns.tapStep * weights, runs: runs,
      runCount: runCount, to: result + pixel * channels,
      stride: pixels.count > 1 ? horizontal.stride * channels : 0,
      pixels: pixels.count, channels: channels, ahead: ahead)
  }
}
