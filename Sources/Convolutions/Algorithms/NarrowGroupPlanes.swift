/// Depthwise layers, NCHW: at most 2 output channels a group (with 4, column is
/// as fast: `convbench bench --set resnext --layout nchw`).
///
/// Gathers each result row from the rows of out_backprop that reach it, with the
/// columns as the vector dimension, phase by phase as in ``NarrowGroups``. Which
/// rows and taps those are is the same for all channels, and listed once a row
/// for the channels of a task.
///
/// A task owns a few channels of one image, whose rows stay in the cache.
struct NarrowGroupPlanes<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry

  init(_ geometry: Conv2DGeometry) {
    self.geometry = geometry
  }

  /// Why a geometry cannot be served, if so.
  static func objection(to geometry: Conv2DGeometry) -> String? {
    guard geometry.groups > 1 else { return "there are no groups" }
    return geometry.depthPerGroup > 2
      ? "groups have more than 2 output channels" : nil
  }

  /// Channels of a task.
  private var channelBlock: Int { min(8, geometry.inputChannels) }

  private var blocks: Int { ceilDivide(geometry.inputChannels, channelBlock) }

  var taskCount: Int { geometry.batch * blocks }

  var filterByteCount: Int {
    geometry.filterCount * MemoryLayout<Compute>.stride
  }

  var filterPartCount: Int { 1 }

  var packsOperands: Bool { false }

  var summary: String { "vectors over image columns, \(taskCount) tasks" }

  func cost(_ model: CostModel) -> Double {
    model.loops(
      geometry.flops / 2,
      over: Double(geometry.inputWidth / max(1, phases)))
  }

  // MARK: Workspace

  // The terms of a phase, the sums of a row sorted by phase, and the row in
  // order.

  private var phases: Int {
    min(geometry.horizontal.stride, geometry.inputWidth)
  }

  private var phaseWidth: Int { ceilDivide(geometry.inputWidth, phases) }

  private var termsByteCount: Int {
    Workspace.padded(
      3 * geometry.taps * geometry.depthPerGroup * MemoryLayout<Int>.stride)
  }

  private var sums: Int { channelBlock * phases * phaseWidth }

  var workspaceByteCount: Int {
    termsByteCount
      + (sums + geometry.inputWidth) * MemoryLayout<Compute>.stride
  }

  // MARK: Execution

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    Scalar.widen(
      filter.assumingMemoryBound(to: Scalar.self),
      to: prepared.assumingMemoryBound(to: Compute.self),
      count: geometry.filterCount)
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let image = task / blocks
    let channels = (0..<geometry.inputChannels)
      .part(task % blocks, of: channelBlock)
    let filter = filter.assumingMemoryBound(to: Compute.self)
    let source = outBackprop.assumingMemoryBound(to: Scalar.self)
    let terms = workspace.assumingMemoryBound(to: Int.self)
    let sums = (workspace + termsByteCount)
      .assumingMemoryBound(to: Compute.self)
    let result = result.assumingMemoryBound(to: Scalar.self)
    for y in 0..<geometry.inputHeight {
      run(image, channels, y, filter, source, result, terms, sums)
    }
  }

  /// Row `y` of some channels.
  private func run(
    _ image: Int, _ channels: Range<Int>, _ y: Int,
    _ filter: UnsafePointer<Compute>, _ source: UnsafePointer<Scalar>,
    _ result: UnsafeMutablePointer<Scalar>,
    _ terms: UnsafeMutablePointer<Int>, _ sums: UnsafeMutablePointer<Compute>
  ) {
    let width = geometry.inputWidth
    let (perGroup, depth) = (geometry.channelsPerGroup, geometry.depthPerGroup)
    let plane = geometry.outputHeight * geometry.outputWidth
    for phase in 0..<phases {
      let columns = PhaseColumns(geometry.horizontal, phase: phase)
      let termCount = list(into: terms, y: y, columns)
      for channel in channels {
        let group = channel / perGroup
        Scalar.gatherRow(
          source + (image * geometry.outputChannels + group * depth) * plane,
          terms: terms, termCount: termCount,
          weights: filter + channel % perGroup * geometry.outputChannels
            + group * depth,
          inner: columns.inner, count: columns.count,
          width: geometry.outputWidth,
          to: sums
            + ((channel - channels.lowerBound) * phases + phase) * phaseWidth)
      }
    }

    let row = sums + self.sums
    for channel in channels {
      let destination =
        result
        + ((image * geometry.inputChannels + channel) * geometry.inputHeight
          + y) * width
      let source =
        sums + (channel - channels.lowerBound) * phases * phaseWidth
      if phases == 1 {
        Scalar.narrow(source, to: destination, count: width)
      } else {
        Compute.interleave(
          source, phases: phases, phaseStride: phaseWidth, into: row,
          count: width)
        Scalar.narrow(row, to: destination, count: width)
      }
    }
  }

  /// Writes the terms that reach row `y` in a phase: the offset of the first
  /// column in the group's planes, the place of the weight, and the window of
  /// the first column.
  ///
  /// - Returns: how many there are.
  private func list(
    into terms: UnsafeMutablePointer<Int>, y: Int, _ columns: PhaseColumns
  ) -> Int {
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let plane = vertical.output * horizontal.output
    let tapStride = geometry.channelsPerGroup * geometry.outputChannels
    var count = 0
    for r in 0..<vertical.kernel {
      guard let oh = vertical.window(tap: r, at: y) else { continue }
      for c in 0..<horizontal.kernel {
        guard let shift = columns.shift(tap: c) else { continue }
        for k in 0..<geometry.depthPerGroup {
          terms[3 * count] = k * plane + oh * horizontal.output + shift
          terms[3 * count + 1] = (r * horizontal.kernel + c) * tapStride + k
          terms[3 * count + 2] = shift
          count += 1
        }
      }
    }
    return count
  }
}
