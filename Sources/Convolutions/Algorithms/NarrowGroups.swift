/// Depthwise layers and narrow groups, NHWC: 1, 2, 4 or 8 channels of a group,
/// as many in as out, and at least 16 in all.
///
/// Gathers each result pixel from the pixels of out_backprop that reach it, with
/// the channels of all groups as the vector dimension; written once. Result
/// columns `stride` apart are reached by the same taps, so a row is done phase
/// by phase; only pixels whose windows are cut off by the border go one by one.
///
/// A task owns some result rows of one image.
struct NarrowGroups<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  private let bandRows: Int
  private let bandCount: Int
  private let streams: Bool

  init(_ geometry: Conv2DGeometry) {
    self.geometry = geometry
    // Rows of one task share rows of out_backprop; 64 tasks are enough.
    bandRows = max(
      1,
      min(
        geometry.inputHeight, geometry.batch * geometry.inputHeight / 64))
    bandCount = ceilDivide(geometry.inputHeight, bandRows)
    streams = ResultTile<Scalar>.streams(geometry)
  }

  /// Why a geometry cannot be served, if so.
  static func objection(to geometry: Conv2DGeometry) -> String? {
    guard geometry.groups > 1 else { return "there are no groups" }
    let width = geometry.channelsPerGroup
    guard width == geometry.depthPerGroup, [1, 2, 4, 8].contains(width) else {
      return "groups have not 1, 2, 4 or 8 channels, as many in as out"
    }
    return geometry.inputChannels < 16 ? "less than 16 channels" : nil
  }

  private var width: Int { geometry.channelsPerGroup }

  var taskCount: Int { geometry.batch * bandCount }

  var filterByteCount: Int {
    geometry.filterCount * MemoryLayout<Compute>.stride
  }

  var filterPartCount: Int { geometry.taps }

  var packsOperands: Bool { false }

  var summary: String {
    "vectors over the channels of groups of \(width), "
      + "bands of \(bandRows) rows, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    model.loops(
      geometry.flops / 2,
      over: Double(geometry.inputChannels))
  }

  // Two parts: the runs of taps that reach a pixel, of three numbers each,
  // padded to a cache line, and a row of the result, where it is streamed.

  private var runsByteCount: Int {
    Workspace.padded(3 * geometry.taps * MemoryLayout<Int>.stride)
  }

  private var rowCount: Int { geometry.inputWidth * geometry.inputChannels }

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
    let channels = geometry.inputChannels
    let source =
      filter.assumingMemoryBound(to: Scalar.self) + part * width * channels
    let panel =
      prepared.assumingMemoryBound(to: Compute.self)
      + part * width * channels
    if width == 1 {
      Scalar.widen(source, to: panel, count: channels)
      return
    }
    for channel in 0..<channels {
      let row = source + channel % width * channels + channel / width * width
      for k in 0..<width {
        Scalar.widen(
          row + k, to: panel + k * channels + channel, count: 1)
      }
    }
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let channels = geometry.inputChannels
    let image = task / bandCount
    let rows = (0..<geometry.inputHeight)
      .part(task % bandCount, of: bandRows)
    let row =
      streams
      ? (workspace + runsByteCount).assumingMemoryBound(to: Scalar.self) : nil
    for y in rows {
      let place =
        result.assumingMemoryBound(to: Scalar.self)
        + (image * geometry.inputHeight + y) * rowCount
      GroupRow<Scalar>(
        geometry: geometry, y: y,
        filter: filter.assumingMemoryBound(to: Compute.self),
        source: outBackprop.assumingMemoryBound(to: Scalar.self)
          + image * geometry.outputHeight * geometry.outputWidth * channels,
        result: row ?? place,
        runs: workspace.assumingMemoryBound(to: Int.self)
      ).run()
      if let row { ResultTile.stream(row, to: place, count: rowCount) }
    }
  }
}

/// One result row of ``NarrowGroups``.
private struct GroupRow<Scalar: StorageScalar> {
  let geometry: Conv2DGeometry
  let y: Int
  let filter: UnsafePointer<Scalar.Compute>
  let source: UnsafePointer<Scalar>
  let result: UnsafeMutablePointer<Scalar>
  let runs: UnsafeMutablePointer<Int>

  func run() {
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let rows = PhaseTaps(vertical, phase: y % vertical.stride)
    for phase in 0..<min(horizontal.stride, horizontal.input) {
      let columns = PhaseTaps(horizontal, phase: phase)
      let count = (horizontal.input - 1 - phase) / horizontal.stride + 1
      let inner = columns.inner(positions: count, windows: horizontal.output)
      for q in 0..<inner.lowerBound {
        gather(rows, columns, phase, q..<q + 1)
      }
      if !inner.isEmpty { gather(rows, columns, phase, inner) }
      for q in inner.upperBound..<count {
        gather(rows, columns, phase, q..<q + 1)
      }
    }
  }

  /// Pixels of a phase that are all reached by the taps that reach the first.
  private func gather(
    _ rows: PhaseTaps, _ columns: PhaseTaps, _ phase: Int, _ pixels: Range<Int>
  ) {
    let first = pixels.lowerBound
    let channels = geometry.inputChannels
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let weights = geometry.channelsPerGroup * channels
    let q = y / vertical.stride
    let tapRows = rows.indices(at: q, windows: vertical.output)
    let tapColumns = columns.indices(at: first, windows: horizontal.output)
    let longest = columns.windowStep == 1 ? 3 : 1
    var runCount = 0
    for i in tapRows {
      let row = (q + rows.window(i)) * horizontal.output
      var j = tapColumns.lowerBound
      while j < tapColumns.upperBound {
        let run = runs + 3 * runCount
        run[0] = (row + first + columns.window(j)) * channels
        run[1] =
          (rows.tap(i) * horizontal.kernel + columns.tap(j)) * weights
        run[2] = min(longest, tapColumns.upperBound - j)
        j += run[2]
        runCount += 1
      }
    }

    // The row of out_backprop below those that are read now.
    var ahead = 0
    if let last = tapRows.last {
      let row = min(q + rows.window(last) + 1, vertical.output - 1)
      ahead = (row * horizontal.output + first) * channels
    }
    let pixel = phase + first * horizontal.stride
    Scalar.gatherPixels(
      width: geometry.channelsPerGroup, source, stride: channels,
      weights: filter, stride: -columns.tapStep * weights, runs: runs,
      runCount: runCount, to: result + pixel * channels,
      stride: pixels.count > 1 ? horizontal.stride * channels : 0,
      pixels: pixels.count, channels: channels, ahead: ahead)
  }
}
