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
    guard geometry.dataFormat == .nhwc else { return "the layout is not NHWC" }
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
    let axis = geometry.horizontal
    let count = (axis.input - 1 - phase) / axis.stride + 1
    // Pixel `q` of the phase is reached by tap `c` from window `q + shift(c)`.
    // Inside are the pixels that all taps reach that reach any.
    var (lower, upper) = (0, count)
    for c in 0..<axis.kernel {
      guard let shift = shift(c, phase) else { continue }
      let (first, end) = (max(0, -shift), min(count, axis.output - shift))
      guard first < end else { continue }
      lower = max(lower, first)
      upper = min(upper, end)
    }
    if lower >= upper { (lower, upper) = (count, count) }
    for q in 0..<lower { gather(phase: phase, first: q, count: 1) }
    if lower < upper {
      gather(phase: phase, first: lower, count: upper - lower)
    }
    for q in upper..<count { gather(phase: phase, first: q, count: 1) }
  }

  /// From a pixel of a phase to the window of which tap `c` lands there.
  private func shift(_ c: Int, _ phase: Int) -> Int? {
    let axis = geometry.horizontal
    let offset = phase + axis.padBefore - c * axis.dilation
    guard offset % axis.stride == 0 else { return nil }
    return offset / axis.stride
  }

  /// Pixels of a phase that are all reached by the taps that reach the first.
  private func gather(phase: Int, first: Int, count: Int) {
    let channels = geometry.inputChannels
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    var tapCount = 0
    for r in 0..<vertical.kernel {
      let offset = y + vertical.padBefore - r * vertical.dilation
      guard offset >= 0, offset % vertical.stride == 0,
        offset / vertical.stride < vertical.output
      else { continue }
      let row = offset / vertical.stride * horizontal.output
      for c in 0..<horizontal.kernel {
        guard let shift = shift(c, phase), first + shift >= 0,
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
      stride: count > 1 ? horizontal.stride * channels : 0, pixels: count,
      channels: channels)
  }
}
