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
struct NarrowGroups<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap
  private let bandRows: Int
  private let bandCount: Int
  private let streams: Bool

  static var algorithm: ConvolutionAlgorithm { .narrowGroups }

  init(_ request: KernelRequest) {
    map = request.map
    // Rows of one task share rows of the source; 64 tasks are enough.
    bandRows = max(
      1,
      min(
        map.targetHeight, map.batch * map.targetHeight / 64))
    bandCount = ceilDivide(map.targetHeight, bandRows)
    streams = ResultSink.streams(map)
  }

  static func reasonAgainst(_ map: ConvolutionMap) -> String? {
    guard map.groups > 1 else { return "there are no groups" }
    let width = map.channelsPerGroup
    guard width == map.depthPerGroup, [1, 2, 4, 8].contains(width) else {
      return "groups have not 1, 2, 4 or 8 channels, as many in as out"
    }
    return map.targetChannels < 16 ? "less than 16 channels" : nil
  }

  private var width: Int { map.channelsPerGroup }

  var taskCount: Int { map.batch * bandCount }

  var filterByteCount: Int {
    map.filterCount * MemoryLayout<Compute>.stride
  }

  var filterPartCount: Int { map.taps }

  var summary: String {
    "vectors over the channels of groups of \(width), "
      + "bands of \(bandRows) rows, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    // Of sums that are read and written (`convbench choose`).
    1.25
      * model.loops(map.flops / 2, over: Double(map.targetChannels))
  }

  /// The runs of taps that reach a pixel, of three numbers each, and a row of the
  /// result, where it is streamed.
  private func parts(
    _ scratch: inout Scratch
  ) -> (runs: UnsafeMutablePointer<Int>, row: UnsafeMutablePointer<UInt8>) {
    (
      scratch.next(3 * map.taps),
      scratch.next(streams ? rowCount * map.type.byteCount : 0)
    )
  }

  private var rowCount: Int { map.targetWidth * map.targetChannels }

  var workspaceByteCount: Int { Scratch.byteCount(parts) }

  /// To `[taps, k, channels]`: the weight from output channel `k` of a group to
  /// each input channel.
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let channels = map.targetChannels
    let filter = StoredFilter(map, filter)
    let panel =
      prepared.assumingMemoryBound(to: Compute.self)
      + part * width * channels
    for channel in 0..<channels {
      for k in 0..<width {
        filter.copyWeight(
          tap: part, group: channel / width, channel: channel % width,
          depth: k, to: panel + k * channels + channel)
      }
    }
  }

  func run(task: Int, _ memory: TileMemory) {
    let channels = map.targetChannels
    let image = task / bandCount
    let rows = (0..<map.targetHeight)
      .part(task % bandCount, of: bandRows)
    var scratch = Scratch(memory.workspace)
    let parts = parts(&scratch)
    let row =
      streams ? MutableStoredPointer(parts.row, map.type) : nil
    for y in rows {
      let place =
        memory.result
        + (image * map.targetHeight + y) * rowCount
      GroupRow<Compute>(
        map: map, y: y,
        filter: memory.first.assumingMemoryBound(to: Compute.self),
        source: memory.source
          + image * map.sourceHeight * map.sourceWidth * channels,
        result: row ?? place,
        runs: parts.runs
      ).run()
      if let row {
        ResultSink.stream(row.address, to: place, count: rowCount)
      }
    }
  }
}

/// One result row of ``NarrowGroups``.
private struct GroupRow<Compute: ComputeScalar> {
  let map: ConvolutionMap
  let y: Int
  let filter: UnsafePointer<Compute>
  let source: StoredPointer
  let result: MutableStoredPointer
  let runs: UnsafeMutablePointer<Int>

  func run() {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let rows = PhaseTaps(vertical, phase: y % vertical.stride)
    for phase in 0..<horizontal.phaseCount {
      let columns = PhaseTaps(horizontal, phase: phase)
      let count = (horizontal.target - 1 - phase) / horizontal.stride + 1
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
          pixel.address,
          (right - left) * map.sourceChannels * map.type.byteCount)
      }
      gather(rows, columns, phase, some)
    }
  }

  /// Pixels of a phase that are all reached by the taps that reach the first.
  private func gather(
    _ rows: PhaseTaps, _ columns: PhaseTaps, _ phase: Int, _ pixels: Range<Int>
  ) {
    let first = pixels.lowerBound
    let channels = map.targetChannels
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
    map.type.kernels.pointee.gather_pixels(
      map.channelsPerGroup, (result + pixel * channels).address,
      pixels.count > 1 ? horizontal.stride * channels : 0, source.address,
      pixels.count > 1 ? columns.step * channels : channels, filter,
      -columns.tapStep * weights, runs, runCount, pixels.count, channels,
      ahead)
  }
}
