/// Depthwise layers and narrow groups, NHWC: 1, 2, 4 or 8 channels of a group,
/// as many in as out.
///
/// Gathers each result pixel from the pixels of out_backprop that reach it, with
/// the channels of all groups as the vector dimension; written once. Result
/// columns `stride` apart are reached by the same taps, so a row is done phase
/// by phase; only pixels whose windows are cut off by the border go one by one.
///
/// A task owns one result row of one image.
struct NarrowGroups<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry

  init(_ geometry: Conv2DGeometry) {
    self.geometry = geometry
  }

  /// Why a geometry cannot be served, if so.
  static func objection(to geometry: Conv2DGeometry) -> String? {
    guard geometry.groups > 1 else { return "there are no groups" }
    let width = geometry.channelsPerGroup
    guard width == geometry.depthPerGroup, [1, 2, 4, 8].contains(width) else {
      return "groups have not 1, 2, 4 or 8 channels, as many in as out"
    }
    return nil
  }

  private var width: Int { geometry.channelsPerGroup }

  var taskCount: Int { geometry.batch * geometry.inputHeight }

  var filterByteCount: Int {
    geometry.filterCount * MemoryLayout<Compute>.stride
  }

  var filterPartCount: Int { geometry.taps }

  var packsOperands: Bool { false }

  var summary: String {
    "vectors over the channels of groups of \(width), \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    model.loops(
      geometry.flops / 2,
      over: Double(geometry.inputChannels))
  }

  /// Of each tap that reaches a pixel: where its pixel of out_backprop lies and
  /// where its weights.
  var workspaceByteCount: Int {
    2 * geometry.taps * MemoryLayout<Int>.stride
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
      prepared.assumingMemoryBound(to: Compute.self) + part * width * channels
    if width == 1 {
      Scalar.widen(source, to: panel, count: channels)
      return
    }
    for channel in 0..<channels {
      let row = source + channel % width * channels + channel / width * width
      for k in 0..<width {
        Scalar.widen(row + k, to: panel + k * channels + channel, count: 1)
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
    let image = task / geometry.inputHeight
    let row = GroupRow<Scalar>(
      geometry: geometry, y: task % geometry.inputHeight,
      filter: filter.assumingMemoryBound(to: Compute.self),
      source: outBackprop.assumingMemoryBound(to: Scalar.self)
        + image * geometry.outputHeight * geometry.outputWidth * channels,
      result: result.assumingMemoryBound(to: Scalar.self)
        + task * geometry.inputWidth * channels,
      taps: workspace.assumingMemoryBound(to: Int.self))
    let phases = min(geometry.horizontal.stride, geometry.inputWidth)
    for phase in 0..<phases { row.run(phase: phase) }
  }
}

/// One result row of ``NarrowGroups``.
private struct GroupRow<Scalar: StorageScalar> {
  let geometry: Conv2DGeometry
  let y: Int
  let filter: UnsafePointer<Scalar.Compute>
  let source: UnsafePointer<Scalar>
  let result: UnsafeMutablePointer<Scalar>
  let taps: UnsafeMutablePointer<Int>

  /// The pixels `phase`, `phase + stride`, …
  func run(phase: Int) {
    let columns = PhaseColumns(geometry.horizontal, phase: phase)
    for q in 0..<columns.inner.lowerBound { gather(columns, phase, q..<q + 1) }
    if !columns.inner.isEmpty { gather(columns, phase, columns.inner) }
    for q in columns.inner.upperBound..<columns.count {
      gather(columns, phase, q..<q + 1)
    }
  }

  /// Pixels of a phase that are all reached by the taps that reach the first.
  private func gather(
    _ columns: PhaseColumns, _ phase: Int, _ pixels: Range<Int>
  ) {
    let first = pixels.lowerBound
    let channels = geometry.inputChannels
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    var tapCount = 0
    for r in 0..<vertical.kernel {
      guard let oh = vertical.window(tap: r, at: y) else { continue }
      let row = oh * horizontal.output
      for c in 0..<horizontal.kernel {
        guard let shift = columns.shift(tap: c), first + shift >= 0,
          first + shift < horizontal.output
        else { continue }
        taps[2 * tapCount] = (row + first + shift) * channels
        taps[2 * tapCount + 1] =
          (r * horizontal.kernel + c) * geometry.channelsPerGroup * channels
        tapCount += 1
      }
    }
    let pixel = phase + first * horizontal.stride
    Scalar.gatherGroups(
      width: geometry.channelsPerGroup, source, stride: channels,
      filter: filter, taps: taps, tapCount: tapCount,
      to: result + pixel * channels,
      stride: pixels.count > 1 ? horizontal.stride * channels : 0,
      pixels: pixels.count,
      channels: channels)
  }
}
