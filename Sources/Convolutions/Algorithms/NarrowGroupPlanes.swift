/// Depthwise layers and narrow groups, NCHW, and those of NHWC that have too few
/// channels for vectors of them, or groups of other widths: at most 8 output
/// channels a group, which may be the only one.
///
/// Gathers the plane of a result channel from the planes of the source that
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

  let map: ConvolutionMap
  private let bandRows: Int
  private let bandCount: Int
  private let groupsPerTask: Int
  private let groupBlocks: Int
  /// Groups whose planes are copied together.
  private let groupsPerCopy: Int
  private let copy: PlaneCopy

  init(_ map: ConvolutionMap) {
    self.map = map
    let height = max(1, map.resultHeight)
    let stride = min(map.vertical.stride, height)
    let perGroup = max(1, map.channelsPerGroup)
    let nhwc = map.dataFormat == .nhwc
    // NHWC: channels that are transposed together.
    var together = nhwc ? max(1, min(map.groups, 16 / perGroup)) : 1
    while together > 1,
      Self.copy(map, bandRows: stride, groups: together).count
        > Self.mostCopiedScalars
    {
      together /= 2
    }
    // A copy stays in the L2 cache, and so do the planes of the result that are
    // transposed; and there are some tasks where there is work for them.
    let groups = together
    let strides = largest(upTo: ceilDivide(height, stride)) { strides in
      let rows = strides * stride
      let work = rows * map.resultWidth * perGroup
      let scalars = max(
        Self.copy(map, bandRows: rows, groups: groups).count,
        nhwc ? work * groups : 0)
      let tasks = map.batch * map.groups * ceilDivide(height, rows)
      return scalars <= Self.mostCopiedScalars / 4
        && (tasks >= 16 || work <= 1 << 14)
    }
    bandRows = min(strides * stride, height)
    bandCount = ceilDivide(map.resultHeight, bandRows)
    groupsPerCopy = groups
    copy = Self.copy(map, bandRows: bandRows, groups: groups)
    let group = bandRows * map.resultWidth * perGroup
    groupsPerTask =
      nhwc ? groups : max(1, min(map.groups, (1 << 13) / max(1, group)))
    groupBlocks = ceilDivide(map.groups, groupsPerTask)
  }

  /// Why a map cannot be served, if so.
  static func objection(to map: ConvolutionMap) -> String? {
    guard map.depthPerGroup <= 8 else {
      return "the sums of a group go over more than 8 channels"
    }
    let band = min(map.vertical.stride, max(1, map.resultHeight))
    let planes =
      map.dataFormat == .nhwc
      ? (band * map.resultWidth).multipliedClamped(by: map.channelsPerGroup)
      : 0
    let copied = copy(map, bandRows: band, groups: 1).count
    return max(copied, planes) > mostCopiedScalars
      ? "the windows that reach one row do not fit into the cache" : nil
  }

  var taskCount: Int { map.batch * groupBlocks * bandCount }

  var packsOperands: Bool { false }

  var summary: String {
    "vectors over image columns, bands of \(bandRows) rows, "
      + "\(groupsPerTask) groups at a time, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let planes = Double(map.batch * map.resultChannels * bandCount)
    // Columns of the source are sorted by class, those of the result by phase.
    let perChannel = Double(map.batch * map.resultChannels)
    let results = model.sort(
      rows: perChannel * Double(map.resultHeight), of: Double(map.resultWidth),
      phases: phases)
    let sources = model.sort(
      rows: Double(map.batch * map.sourceChannels * map.sourceHeight),
      of: Double(map.sourceWidth), phases: map.horizontal.step)
    let loops =
      model.loops(
        map.flops / 2,
        over: Double(map.resultWidth / max(1, phases)))
      + Double(taskCount) * 300 + planes * 50 + results
      + (map.dataFormat == .nchw ? sources : 0)
    return map.dataFormat == .nchw
      ? loops
      : loops
        + model.transpose(Double(map.sourceCount + map.resultCount))
  }

  // MARK: Filter

  // `[channels, depth, taps]`, and behind it, per group, whether all weights
  // are finite.

  private var weightByteCount: Int {
    Workspace.padded(map.filterCount * MemoryLayout<Compute>.stride)
  }

  var filterByteCount: Int { weightByteCount + filterPartCount }

  var filterPartCount: Int { map.groups }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func prepareFilter(
    part group: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let (perGroup, depth) = (map.channelsPerGroup, map.depthPerGroup)
    let count = perGroup * depth * map.taps
    let weights =
      prepared.assumingMemoryBound(to: Compute.self) + group * count
    let filter = StoredFilter<Scalar>(map, filter)
    for channel in 0..<perGroup {
      for k in 0..<depth {
        let row = weights + (channel * depth + k) * map.taps
        for tap in 0..<map.taps {
          var weight = filter.weight(
            tap: tap, group: group, channel: channel, depth: k)
          Scalar.widen(&weight, to: row + tap, count: 1)
        }
      }
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
    min(map.horizontal.stride, map.resultWidth)
  }

  private var rowPhases: Int { min(map.vertical.stride, bandRows) }

  private var runsByteCount: Int {
    Workspace.padded(
      (3 * map.taps * map.depthPerGroup + rowPhases * phases)
        * MemoryLayout<Int>.stride)
  }

  private var copyByteCount: Int {
    Workspace.padded(copy.count * MemoryLayout<Compute>.stride)
  }

  /// From the sums of one phase of columns to the next: at least a vector.
  private var phaseWidth: Int {
    max(16, ceilDivide(map.resultWidth, phases))
  }

  private var sumsInPlace: Bool {
    (Scalar.isCompute || map.dataFormat == .nhwc) && phases == 1
      && map.resultWidth >= 16
  }

  private var sumsByteCount: Int {
    if sumsInPlace { return 0 }
    return Workspace.padded(
      ceilDivide(bandRows, rowPhases) * phases * phaseWidth
        * MemoryLayout<Compute>.stride)
  }

  private var bandByteCount: Int {
    let plane = bandRows * map.resultWidth
    if map.dataFormat == .nhwc {
      return groupsPerTask * map.channelsPerGroup * plane
        * MemoryLayout<Compute>.stride
    }
    return ResultTile<Scalar>.streams(map)
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
    task: Int, filter: UnsafeRawPointer, source: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let rows = (0..<map.resultHeight)
      .part(task % bandCount, of: bandRows)
    let groups = (0..<map.groups)
      .part(task / bandCount % groupBlocks, of: groupsPerTask)
    let image = task / bandCount / groupBlocks
    let planeCopy = workspace + runsByteCount
    let sums = planeCopy + copyByteCount
    let band = sums + sumsByteCount
    var planes = GroupPlanes<Scalar>(
      map: map, image: image, rows: rows,
      source: source.assumingMemoryBound(to: Scalar.self),
      layout: copy, sumsInPlace: sumsInPlace, phases: phases,
      phaseWidth: phaseWidth,
      runs: workspace.assumingMemoryBound(to: Int.self),
      copy: planeCopy.assumingMemoryBound(to: Compute.self),
      sums: sums.assumingMemoryBound(to: Compute.self))
    planes.listRuns()
    let perGroup = map.channelsPerGroup
    let weights = filter.assumingMemoryBound(to: Compute.self)
    let width = map.resultWidth
    let plane = map.resultHeight * width
    let count = rows.count * width
    let result = result.assumingMemoryBound(to: Scalar.self)
    var inside: PlaneCopy.Inside?
    for group in groups {
      let place = (group - groups.lowerBound) % groupsPerCopy
      if place == 0 {
        let end = min(group + groupsPerCopy, groups.upperBound)
        planes.load(groups: group..<end, inside: &inside)
      }
      planes.firstPlane = place * map.depthPerGroup * copy.planeStride
      let areFinite = filter.load(
        fromByteOffset: weightByteCount + group, as: Bool.self)
      for channel in group * perGroup..<(group + 1) * perGroup {
        let weights =
          weights + channel * map.depthPerGroup * map.taps
        let place =
          result + (image * map.resultChannels + channel) * plane
          + rows.lowerBound * width
        if map.dataFormat == .nhwc {
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
    guard map.dataFormat == .nhwc else { return }
    let channels = map.resultChannels
    Scalar.narrowTransposed(
      band.assumingMemoryBound(to: Compute.self),
      rows: groups.count * perGroup, columns: count, stride: count,
      to: result + (image * plane + rows.lowerBound * width) * channels
        + groups.lowerBound * perGroup,
      stride: channels)
  }
}

extension NarrowGroupPlanes {
  fileprivate static var mostCopiedScalars: Int { 131_072 }

  /// The copy for a band.
  fileprivate static func copy(
    _ map: ConvolutionMap, bandRows: Int, groups: Int
  ) -> PlaneCopy {
    PlaneCopy(
      map, resultRows: bandRows, resultColumns: max(1, map.resultWidth),
      groups: groups, computeByteCount: MemoryLayout<Compute>.stride)
  }
}

/// A band of rows of some groups of one image.
private struct GroupPlanes<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  let map: ConvolutionMap
  let image: Int
  let rows: Range<Int>
  let source: UnsafePointer<Scalar>
  let layout: PlaneCopy
  let sumsInPlace: Bool
  let phases: Int
  let phaseWidth: Int
  let runs: UnsafeMutablePointer<Int>
  let copy: UnsafeMutablePointer<Compute>
  /// Where the planes of the group begin in the copy.
  var firstPlane = 0
  let sums: UnsafeMutablePointer<Compute>

  /// Windows that reach the band, inside the source or not.
  private var windowRows: Range<Int> { map.vertical.touching(rows) }

  private var windowColumns: Range<Int> {
    map.horizontal.touching(0..<map.resultWidth)
  }

  private var rowPhases: Int { min(map.vertical.stride, rows.count) }

  private var runEnds: UnsafeMutablePointer<Int> {
    runs + 3 * map.taps * map.depthPerGroup
  }

  // MARK: Taps

  /// The taps of a phase of rows, and where its first row lies among the rows
  /// of that phase; the band starts at a whole stride.
  private func taps(rowPhase: Int) -> (PhaseTaps, first: Int) {
    (
      PhaseTaps(map.vertical, phase: rowPhase),
      rows.lowerBound / map.vertical.stride
    )
  }

  /// Lists the runs of all pairs of phases.
  func listRuns() {
    let kernelWidth = map.kernelWidth
    let (firstRow, firstColumn) = (
      windowRows.lowerBound, windowColumns.lowerBound
    )
    var count = 0
    for rowPhase in 0..<rowPhases {
      let (tapRows, first) = taps(rowPhase: rowPhase)
      let longest = tapRows.sourceStep == 1 && tapRows.step == 1 ? 3 : 1
      for phase in 0..<phases {
        let tapColumns = PhaseTaps(map.horizontal, phase: phase)
        for k in 0..<map.depthPerGroup {
          for j in 0..<tapColumns.count {
            let column = tapColumns.source(j) - firstColumn
            var i = 0
            while i < tapRows.count {
              let row = first * tapRows.step + tapRows.source(i) - firstRow
              let run = runs + 3 * count
              run[0] =
                k * layout.planeStride + layout.place(row: row, column: column)
              run[1] =
                k * map.taps + tapRows.tap(i) * kernelWidth
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

  /// Copies what reaches the band from the planes of some groups.
  func load(groups: Range<Int>, inside: inout PlaneCopy.Inside?) {
    inside = layout.load(
      map, source, image: image, groups: groups, rows: windowRows,
      columns: windowColumns, after: inside, into: copy)
  }

  /// Computes the band of one channel, rounded to the target's type.
  func gather<Target: StorageScalar>(
    weights: UnsafePointer<Compute>, areFinite: Bool,
    to target: UnsafeMutablePointer<Target>
  ) where Target.Compute == Compute {
    for rowPhase in 0..<rowPhases {
      gather(
        rowPhase, weights: weights, areFinite: areFinite,
        to: target + rowPhase * map.resultWidth)
    }
  }

  /// Rows of one phase of one channel.
  private func gather<Target: StorageScalar>(
    _ rowPhase: Int, weights: UnsafePointer<Compute>, areFinite: Bool,
    to result: UnsafeMutablePointer<Target>
  ) where Target.Compute == Compute {
    let width = map.resultWidth
    let stride = map.vertical.stride
    let count = (rows.count - 1 - rowPhase) / stride + 1
    // With one row there is no next, and a wild stride or step may not fit an
    // `Int`.
    let resultStride = count > 1 ? stride * width : 0
    let target = sumsInPlace ? Target.asCompute(result)! : sums
    let targetStride = sumsInPlace ? resultStride : phases * phaseWidth
    for phase in 0..<phases {
      let columns = (width - 1 - phase) / map.horizontal.stride + 1
      let first =
        rowPhase + phase == 0 ? 0 : runEnds[rowPhase * phases + phase - 1]
      let runCount = runEnds[rowPhase * phases + phase] - first
      let target = target + phase * phaseWidth
      if areFinite {
        Compute.gatherPlane(
          copy + firstPlane, stride: layout.columns, weights: weights,
          stride: -taps(rowPhase: rowPhase).0.tapStep * map.kernelWidth,
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
    let tapColumns = PhaseTaps(map.horizontal, phase: phase)
    let windows = map.sourceWidth
    let step = map.horizontal.step
    for row in 0..<rows {
      let target = target + row * stride
      target.update(repeating: .zero, count: columns)
      for k in 0..<map.depthPerGroup {
        for i in tapRows.indices(
          at: first + row, sources: map.sourceHeight)
        {
          let window = (first + row) * tapRows.step + tapRows.source(i)
          for j in 0..<tapColumns.count {
            let shift = tapColumns.source(j)
            let lower = min(max(0, ceilDivide(-shift, step)), columns)
            let upper = min(
              max(lower, ceilDivide(windows - shift, step)), columns)
            let source =
              copy + firstPlane + k * layout.planeStride
              + layout.place(
                row: window - windowRows.lowerBound,
                column: shift - windowColumns.lowerBound)
            let tap =
              tapRows.tap(i) * map.kernelWidth + tapColumns.tap(j)
            Compute.addRowCombination(
              weights + k * map.taps + tap,
              source + lower,
              stride: 0, depth: 1, to: target + lower, count: upper - lower)
          }
        }
      }
    }
  }
}
