/// Depthwise layers and narrow groups, NCHW, and those of NHWC that have too few
/// channels for vectors of them, or groups of other widths: at most 8 output
/// channels a group, which may be the only one.
///
/// Gathers the plane of a result channel from the planes of out_backprop that
/// reach it, with the columns as the vector dimension. The planes of a group are
/// copied, transposed from NHWC, with zeros around them, so that the border
/// needs no care. Rows and columns a stride apart are reached by the same taps:
/// each pair of phases is gathered in one call.
///
/// Zeros change nothing unless they meet a weight that is not finite: then each
/// tap is added to the positions that it reaches, and to no other.
///
/// A task owns a band of rows of a few groups of one image.
struct NarrowGroupPlanes<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  private let bandRows: Int
  private let bandCount: Int
  private let groupsPerTask: Int
  private let groupBlocks: Int

  init(_ geometry: Conv2DGeometry) {
    self.geometry = geometry
    let height = max(1, geometry.inputHeight)
    let stride = min(geometry.vertical.stride, height)
    let perGroup = max(1, geometry.channelsPerGroup)
    let nhwc = geometry.dataFormat == .nhwc
    // NHWC: channels that are transposed together.
    let together = nhwc ? max(1, min(geometry.groups, 16 / perGroup)) : 1
    // A copy stays in the L2 cache, and so do the planes of the result that are
    // transposed; and there are some tasks where there is work for them.
    var rows = stride
    while rows < height {
      let next = rows + stride
      let work = next * geometry.inputWidth * perGroup
      let scalars = max(
        Self.copiedScalars(geometry, bandRows: next),
        nhwc ? Double(work * together) : 0)
      let tasks = geometry.batch * geometry.groups * ceilDivide(height, next)
      if scalars > Self.mostCopiedScalars / 4 || (tasks < 16 && work > 1 << 14)
      {
        break
      }
      rows = next
    }
    bandRows = min(rows, height)
    bandCount = ceilDivide(geometry.inputHeight, bandRows)
    let group = bandRows * geometry.inputWidth * perGroup
    groupsPerTask =
      nhwc ? together : max(1, min(geometry.groups, (1 << 13) / max(1, group)))
    groupBlocks = ceilDivide(geometry.groups, groupsPerTask)
  }

  /// Why a geometry cannot be served, if so.
  static func objection(to geometry: Conv2DGeometry) -> String? {
    guard geometry.depthPerGroup <= 8 else {
      return "groups have more than 8 output channels"
    }
    let band = min(geometry.vertical.stride, max(1, geometry.inputHeight))
    let planes =
      geometry.dataFormat == .nhwc
      ? Double(band * geometry.inputWidth) * Double(geometry.channelsPerGroup)
      : 0
    return max(copiedScalars(geometry, bandRows: band), planes)
      > mostCopiedScalars
      ? "the windows that reach one row do not fit into the cache" : nil
  }

  var taskCount: Int { geometry.batch * groupBlocks * bandCount }

  var packsOperands: Bool { false }

  var summary: String {
    "vectors over image columns, bands of \(bandRows) rows, "
      + "\(groupsPerTask) groups at a time, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let planes = Double(geometry.batch * geometry.inputChannels * bandCount)
    // Rows of less than a vector a phase are put in order one by one.
    let narrow = phases > 2 && geometry.inputWidth / phases < 16
    let rows =
      Double(geometry.batch * geometry.inputChannels)
      * Double(geometry.inputHeight)
    let interleave =
      rows * 20 + model.transpose(Double(geometry.inputCount))
      * (narrow ? 16 : 2)
    let loops =
      model.loops(
        geometry.flops / 2,
        over: Double(geometry.inputWidth / max(1, phases)))
      + Double(taskCount) * 300 + planes * 50
      + (phases > 1 ? interleave : 0)
    return geometry.dataFormat == .nchw
      ? loops
      : loops
        + 8
        * model.transpose(
          Double(geometry.outBackpropCount + geometry.inputCount))
  }

  // MARK: Filter

  // `[channels, depth, taps]`, and behind it, per group, whether all weights
  // are finite.

  private var weightByteCount: Int {
    Workspace.padded(geometry.filterCount * MemoryLayout<Compute>.stride)
  }

  var filterByteCount: Int { weightByteCount + filterPartCount }

  var filterPartCount: Int { geometry.groups }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func prepareFilter(
    part group: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let (perGroup, depth) = (geometry.channelsPerGroup, geometry.depthPerGroup)
    let count = perGroup * depth * geometry.taps
    let weights =
      prepared.assumingMemoryBound(to: Compute.self) + group * count
    for channel in 0..<perGroup {
      Scalar.widenTransposed(
        filter.assumingMemoryBound(to: Scalar.self)
          + channel * geometry.outputChannels + group * depth,
        rows: geometry.taps, columns: depth,
        stride: perGroup * geometry.outputChannels,
        to: weights + channel * depth * geometry.taps, stride: geometry.taps)
    }
    prepared.storeBytes(
      of: (0..<count).allSatisfy { weights[$0].isFinite },
      toByteOffset: weightByteCount + group, as: Bool.self)
  }

  // MARK: Workspace

  // Four parts, each padded to a cache line: the runs of taps of all phases, and
  // where those of each pair of phases end; the copy of a group's planes; the
  // sums of one phase of rows, columns sorted by phase, where they are not taken
  // in their place; in NHWC the planes of the result, and in NCHW the band of a
  // channel that is streamed to it.

  private var phases: Int {
    min(geometry.horizontal.stride, geometry.inputWidth)
  }

  private var rowPhases: Int { min(geometry.vertical.stride, bandRows) }

  private var runsByteCount: Int {
    Workspace.padded(
      (3 * geometry.taps * geometry.depthPerGroup + rowPhases * phases)
        * MemoryLayout<Int>.stride)
  }

  private var copyByteCount: Int {
    let scalars = Self.copiedScalars(geometry, bandRows: bandRows)
    return Workspace.padded(Int(scalars) * MemoryLayout<Compute>.stride)
  }

  /// From the sums of one phase of columns to the next: at least a vector.
  private var phaseWidth: Int {
    max(16, ceilDivide(geometry.inputWidth, phases))
  }

  private var sumsInPlace: Bool {
    (Scalar.isCompute || geometry.dataFormat == .nhwc) && phases == 1
      && geometry.inputWidth >= 16
  }

  private var sumsByteCount: Int {
    if sumsInPlace { return 0 }
    return Workspace.padded(
      ceilDivide(bandRows, rowPhases) * phases * phaseWidth
        * MemoryLayout<Compute>.stride)
  }

  private var bandByteCount: Int {
    let plane = bandRows * geometry.inputWidth
    if geometry.dataFormat == .nhwc {
      return groupsPerTask * geometry.channelsPerGroup * plane
        * MemoryLayout<Compute>.stride
    }
    return ResultTile<Scalar>.streams(geometry)
      ? plane * MemoryLayout<Scalar>.stride : 0
  }

  var workspaceByteCount: Int {
    runsByteCount + copyByteCount + sumsByteCount + bandByteCount
  }

  // MARK: Execution

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let rows = (0..<geometry.inputHeight)
      .part(task % bandCount, of: bandRows)
    let groups = (0..<geometry.groups)
      .part(task / bandCount % groupBlocks, of: groupsPerTask)
    let image = task / bandCount / groupBlocks
    let copy = workspace + runsByteCount
    let sums = copy + copyByteCount
    let band = sums + sumsByteCount
    let planes = GroupPlanes<Scalar>(
      geometry: geometry, image: image, rows: rows,
      outBackprop: outBackprop.assumingMemoryBound(to: Scalar.self),
      sumsInPlace: sumsInPlace, phases: phases, phaseWidth: phaseWidth,
      runs: workspace.assumingMemoryBound(to: Int.self),
      copy: copy.assumingMemoryBound(to: Compute.self),
      sums: sums.assumingMemoryBound(to: Compute.self))
    planes.listRuns()
    let perGroup = geometry.channelsPerGroup
    let weights = filter.assumingMemoryBound(to: Compute.self)
    let width = geometry.inputWidth
    let plane = geometry.inputHeight * width
    let count = rows.count * width
    let result = result.assumingMemoryBound(to: Scalar.self)
    for group in groups {
      planes.load(group: group)
      let areFinite = filter.load(
        fromByteOffset: weightByteCount + group, as: Bool.self)
      for channel in group * perGroup..<(group + 1) * perGroup {
        let weights =
          weights + channel * geometry.depthPerGroup * geometry.taps
        let place =
          result + (image * geometry.inputChannels + channel) * plane
          + rows.lowerBound * width
        if geometry.dataFormat == .nhwc {
          let plane =
            band.assumingMemoryBound(to: Compute.self)
            + (channel - groups.lowerBound * perGroup) * count
          planes.gather(weights: weights, areFinite: areFinite, to: plane)
        } else if bandByteCount > 0 {
          let band = band.assumingMemoryBound(to: Scalar.self)
          planes.gather(weights: weights, areFinite: areFinite, to: band)
          ResultTile.stream(band, to: place, count: count)
        } else {
          planes.gather(weights: weights, areFinite: areFinite, to: place)
        }
      }
    }
    guard geometry.dataFormat == .nhwc else { return }
    let channels = geometry.inputChannels
    Scalar.narrowTransposed(
      band.assumingMemoryBound(to: Compute.self),
      rows: groups.count * perGroup, columns: count, stride: count,
      to: result + (image * plane + rows.lowerBound * width) * channels
        + groups.lowerBound * perGroup,
      stride: channels)
  }
}

extension NarrowGroupPlanes {
  fileprivate static var mostCopiedScalars: Double { 131_072 }

  /// Scalars of the copy for a band: everything that reaches it, and a vector
  /// behind each row.
  fileprivate static func copiedScalars(
    _ geometry: Conv2DGeometry, bandRows: Int
  ) -> Double {
    // At most, wherever the band begins; wild dilations overflow an `Int`.
    func windows(_ axis: Axis, touching length: Int) -> Double {
      let reach = Double(axis.kernel - 1) * Double(axis.dilation)
      return (reach + Double(length - 1)) / Double(axis.stride) + 2
    }
    return
      (windows(geometry.vertical, touching: bandRows)
      * (windows(geometry.horizontal, touching: geometry.inputWidth) + 16)
      * Double(geometry.depthPerGroup)).rounded(.up)
  }
}

/// A band of rows of some groups of one image.
private struct GroupPlanes<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  let image: Int
  let rows: Range<Int>
  let outBackprop: UnsafePointer<Scalar>
  let sumsInPlace: Bool
  let phases: Int
  let phaseWidth: Int
  let runs: UnsafeMutablePointer<Int>
  let copy: UnsafeMutablePointer<Compute>
  let sums: UnsafeMutablePointer<Compute>

  /// Windows that reach the band, inside out_backprop or not.
  private var windowRows: Range<Int> { geometry.vertical.touching(rows) }

  private var windowColumns: Range<Int> {
    geometry.horizontal.touching(0..<geometry.inputWidth)
  }

  private var copyStride: Int { windowColumns.count + 16 }

  private var rowPhases: Int { min(geometry.vertical.stride, rows.count) }

  private var runEnds: UnsafeMutablePointer<Int> {
    runs + 3 * geometry.taps * geometry.depthPerGroup
  }

  // MARK: Taps

  /// The taps of a phase of rows, and where its first row lies among the rows
  /// of that phase; the band starts at a whole stride.
  private func taps(rowPhase: Int) -> (PhaseTaps, first: Int) {
    (
      PhaseTaps(geometry.vertical, phase: rowPhase),
      rows.lowerBound / geometry.vertical.stride
    )
  }

  /// Lists the runs of all pairs of phases.
  func listRuns() {
    let kernelWidth = geometry.kernelWidth
    let plane = windowRows.count * copyStride
    var count = 0
    for rowPhase in 0..<rowPhases {
      let (tapRows, first) = taps(rowPhase: rowPhase)
      let longest = tapRows.windowStep == 1 ? 3 : 1
      for phase in 0..<phases {
        let tapColumns = PhaseTaps(geometry.horizontal, phase: phase)
        for k in 0..<geometry.depthPerGroup {
          for j in 0..<tapColumns.count {
            let column = tapColumns.window(j) - windowColumns.lowerBound
            var i = 0
            while i < tapRows.count {
              let row = first + tapRows.window(i) - windowRows.lowerBound
              let run = runs + 3 * count
              run[0] = k * plane + row * copyStride + column
              run[1] =
                k * geometry.taps + tapRows.tap(i) * kernelWidth
                + tapColumns.tap(j)
              run[2] = min(longest, tapRows.count - i)
              i += run[2]
              count += 1
            }
          }
        }
        runEnds[rowPhase * phases + phase] = count
      }
    }
  }

  // MARK: Planes

  /// Copies what reaches the band from the planes of a group.
  func load(group: Int) {
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let inside = windowRows.clamped(to: 0..<vertical.output)
    let columns = windowColumns.clamped(to: 0..<horizontal.output)
    let depth = geometry.depthPerGroup
    let plane = windowRows.count * copyStride
    copy.update(repeating: .zero, count: depth * plane)
    guard !inside.isEmpty, !columns.isEmpty else { return }
    let place =
      copy + (inside.lowerBound - windowRows.lowerBound) * copyStride
      + columns.lowerBound - windowColumns.lowerBound
    if geometry.dataFormat == .nhwc {
      for row in inside {
        let pixel =
          (image * vertical.output + row) * horizontal.output
          + columns.lowerBound
        Scalar.widenTransposed(
          outBackprop + pixel * geometry.outputChannels + group * depth,
          rows: columns.count, columns: depth, stride: geometry.outputChannels,
          to: place + (row - inside.lowerBound) * copyStride, stride: plane)
      }
      return
    }
    for k in 0..<depth {
      let channel = image * geometry.outputChannels + group * depth + k
      let row = channel * vertical.output + inside.lowerBound
      Scalar.widenRows(
        outBackprop + row * horizontal.output + columns.lowerBound,
        stride: horizontal.output, to: place + k * plane, stride: copyStride,
        rows: inside.count, count: columns.count)
    }
  }

  /// Computes the band of one channel, rounded to the target's type.
  func gather<Target: StorageScalar>(
    weights: UnsafePointer<Compute>, areFinite: Bool,
    to target: UnsafeMutablePointer<Target>
  ) where Target.Compute == Compute {
    for rowPhase in 0..<rowPhases {
      gather(
        rowPhase, weights: weights, areFinite: areFinite,
        to: target + rowPhase * geometry.inputWidth)
    }
  }

  /// Rows of one phase of one channel.
  private func gather<Target: StorageScalar>(
    _ rowPhase: Int, weights: UnsafePointer<Compute>, areFinite: Bool,
    to result: UnsafeMutablePointer<Target>
  ) where Target.Compute == Compute {
    let width = geometry.inputWidth
    let stride = geometry.vertical.stride
    let count = (rows.count - 1 - rowPhase) / stride + 1
    // With one row there is no next, and a wild stride may not fit an `Int`.
    let resultStride = count > 1 ? stride * width : 0
    let target = sumsInPlace ? Target.asCompute(result)! : sums
    let targetStride = sumsInPlace ? resultStride : phases * phaseWidth
    for phase in 0..<phases {
      let columns = (width - 1 - phase) / geometry.horizontal.stride + 1
      let first =
        rowPhase + phase == 0 ? 0 : runEnds[rowPhase * phases + phase - 1]
      let runCount = runEnds[rowPhase * phases + phase] - first
      let target = target + phase * phaseWidth
      if areFinite {
        Compute.gatherPlane(
          copy, stride: copyStride, weights: weights,
          stride: -taps(rowPhase: rowPhase).0.tapStep * geometry.kernelWidth,
          runs: runs + 3 * first, runCount: runCount, to: target,
          stride: targetStride, rows: count, columns: max(16, columns))
      } else {
        addTaps(
          rowPhase, phase, weights: weights, to: target, stride: targetStride,
          rows: count, columns: columns)
      }
    }
    if sumsInPlace { return }
    for row in 0..<count {
      Target.interleave(
        sums + row * targetStride, phases: phases, phaseStride: phaseWidth,
        to: result + row * resultStride, count: width)
    }
  }

  /// The same, without a product of a weight and a zero around the planes.
  private func addTaps(
    _ rowPhase: Int, _ phase: Int, weights: UnsafePointer<Compute>,
    to target: UnsafeMutablePointer<Compute>, stride: Int, rows: Int,
    columns: Int
  ) {
    let (tapRows, first) = taps(rowPhase: rowPhase)
    let tapColumns = PhaseTaps(geometry.horizontal, phase: phase)
    let windows = geometry.outputWidth
    for row in 0..<rows {
      let target = target + row * stride
      target.update(repeating: .zero, count: columns)
      for k in 0..<geometry.depthPerGroup {
        for i in tapRows.indices(
          at: first + row, windows: geometry.outputHeight)
        {
          let window = first + row + tapRows.window(i)
          let source =
            copy
            + (k * windowRows.count + window - windowRows.lowerBound)
            * copyStride - windowColumns.lowerBound
          for j in 0..<tapColumns.count {
            let shift = tapColumns.window(j)
            let lower = min(max(0, -shift), columns)
            let upper = min(max(lower, windows - shift), columns)
            let tap =
              tapRows.tap(i) * geometry.kernelWidth + tapColumns.tap(j)
            Compute.addRowCombination(
              weights + k * geometry.taps + tap, source + shift + lower,
              stride: 0, depth: 1, to: target + lower, count: upper - lower)
          }
        }
      }
    }
  }
}
