/// Depthwise layers and narrow groups, NCHW, and those of NHWC that have too few
/// channels for vectors of them, or groups of other widths: at most 8 output
/// channels a group, which may be the only one.
///
/// Gathers the plane of a result channel from the planes of the source that
/// reach it, with the columns as the vector dimension. Rows of NCHW are read where
/// they lie; otherwise the planes of a group are copied, transposed from NHWC, with
/// zeros around them. Rows and columns a stride apart are reached by the same taps:
/// each pair of phases is gathered in one call, and where there are two phases of
/// columns, both of them.
///
/// Zeros in place of what is outside change nothing unless they meet a weight that
/// is not finite: then taps are left out where they are outside.
///
/// A task owns a band of rows of a few groups of one image.
struct NarrowGroupPlanes<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap
  private let bandRows: Int
  private let bandCount: Int
  private let groupsPerTask: Int
  private let groupBlocks: Int
  /// Groups whose planes are copied together.
  private let groupsPerCopy: Int
  private let inPlace: RowsInPlace?
  private let copy: PlaneCopy

  static var algorithm: ConvolutionAlgorithm { .narrowGroups }

  init(_ request: KernelRequest) {
    let map = request.map
    self.map = map
    let height = max(1, map.targetHeight)
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
    let inPlace = RowsInPlace(map)
    // A copy stays in the L2 cache, and so do the planes of the result that are
    // transposed; and there are some tasks where there is work for them.
    let groups = together
    let strides = largest(upTo: ceilDivide(height, stride)) { strides in
      let rows = strides * stride
      let work = rows * map.targetWidth * perGroup
      let scalars =
        inPlace != nil
        ? map.vertical.reach(positions: rows)
          .multipliedClamped(by: map.depthPerGroup)
        : max(
          Self.copy(map, bandRows: rows, groups: groups).count,
          nhwc ? work * groups : 0)
      let tasks = map.batch * map.groups * ceilDivide(height, rows)
      return scalars <= Self.mostCopiedScalars / 4
        && (tasks >= 16 || work <= 1 << 14)
    }
    bandRows = min(strides * stride, height)
    bandCount = ceilDivide(map.targetHeight, bandRows)
    groupsPerCopy = groups
    self.inPlace = inPlace
    copy = Self.copy(map, bandRows: bandRows, groups: groups)
    let group = bandRows * map.targetWidth * perGroup
    groupsPerTask =
      nhwc ? groups : max(1, min(map.groups, (1 << 13) / max(1, group)))
    groupBlocks = ceilDivide(map.groups, groupsPerTask)
  }

  static func reasonAgainst(_ map: ConvolutionMap) -> String? {
    guard map.depthPerGroup <= 8 else {
      return "the sums of a group go over more than 8 channels"
    }
    if RowsInPlace(map) != nil { return nil }
    let band = min(map.vertical.stride, max(1, map.targetHeight))
    let planes =
      map.dataFormat == .nhwc
      ? (band * map.targetWidth).multipliedClamped(by: map.channelsPerGroup)
      : 0
    let copied = copy(map, bandRows: band, groups: 1).count
    return max(copied, planes, GroupTaps.insideByteCount(map))
      > mostCopiedScalars
      ? "the windows that reach one row do not fit into the cache" : nil
  }

  var taskCount: Int { map.batch * groupBlocks * bandCount }

  var summary: String {
    "vectors over image columns, bands of \(bandRows) rows, "
      + "\(groupsPerTask) groups at a time, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let planes = Double(map.batch * map.targetChannels * bandCount)
    // Columns of the source are sorted by class, those of the result by phase.
    let perChannel = Double(map.batch * map.targetChannels)
    let results = model.sort(
      rows: perChannel * Double(map.targetHeight), of: Double(map.targetWidth),
      phases: partsPerRow)
    let sources = model.sort(
      rows: Double(map.batch * map.sourceChannels * map.sourceHeight),
      of: Double(map.sourceWidth), phases: map.horizontal.step)
    // Three taps in a column read a row once; each channel that a sum goes over
    // begins anew, and so does each of many results (`convbench choose --layout
    // nchw`).
    let run = ceilDivide(map.kernelHeight, map.vertical.phaseCount)
    let alone =
      (map.depthPerGroup == 1 ? 1 : [2.3, 1.5, 1.2][min(run, 3) - 1])
      * (map.groups == 1 && map.channelsPerGroup > 3 ? 1.3 : 1)
    let loops =
      1.25 * alone
      * model.loops(
        map.flops / 2,
        over: Double(map.targetWidth / max(1, phases)))
      + Double(taskCount) * 300 + planes * 50 + results
      + (map.dataFormat == .nchw && inPlace == nil ? sources : 0)
    return map.dataFormat == .nchw
      ? loops
      : loops
        + model.transpose(Double(map.sourceCount + map.targetCount))
  }

  // MARK: Filter

  // `[channels, depth, taps]`, and behind it, per group, whether all weights
  // are finite.

  private var weightByteCount: Int {
    Workspace.padded(map.filterCount * MemoryLayout<Compute>.stride)
  }

  var filterByteCount: Int { weightByteCount + filterPartCount }

  var filterPartCount: Int { map.groups }

  func prepareFilter(
    part group: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let (perGroup, depth) = (map.channelsPerGroup, map.depthPerGroup)
    let count = perGroup * depth * map.taps
    let weights =
      prepared.assumingMemoryBound(to: Compute.self) + group * count
    let filter = StoredFilter(map, filter)
    for channel in 0..<perGroup {
      for k in 0..<depth {
        let row = weights + (channel * depth + k) * map.taps
        for tap in 0..<map.taps {
          filter.copyWeight(
            tap: tap, group: group, channel: channel, depth: k, to: row + tap)
        }
      }
    }
    prepared.storeBytes(
      of: (0..<count).allSatisfy { weights[$0].isFinite },
      toByteOffset: weightByteCount + group, as: Bool.self)
  }

  // MARK: Workspace

  private var phases: Int { map.horizontal.phaseCount }

  private var partsPerRow: Int { PlanePart.perRow(phases) }

  private var rowPhases: Int { min(map.vertical.stride, bandRows) }

  /// Columns of the largest phase, at least a vector.
  private var phaseWidth: Int {
    max(16, ceilDivide(map.targetWidth, phases))
  }

  private var sumsInPlace: Bool {
    partsPerRow == 1
      && (map.type.isCompute || map.dataFormat == .nhwc || inPlace != nil)
  }

  private var streams: Bool {
    map.dataFormat == .nchw && ResultSink.streams(map)
  }

  private struct Parts {
    let taps: UnsafeMutablePointer<UInt8>
    /// Where the rows of a group lie.
    let table: UnsafeMutablePointer<UnsafeRawPointer?>
    /// Of the planes of a group, or of the rows that cannot be read in place.
    let copy: UnsafeMutablePointer<UInt8>
    /// Of one phase of rows, columns sorted by phase, where they are not taken in
    /// their place.
    let sums: UnsafeMutablePointer<Compute>
    /// Of NHWC the planes of the result, of NCHW the band of a channel that is
    /// streamed to it.
    let band: UnsafeMutablePointer<UInt8>
  }

  private func parts(_ scratch: inout Scratch) -> Parts {
    let plane = bandRows * map.targetWidth
    return Parts(
      taps: scratch.next(
        GroupTaps.byteCount(map, rowPhases: rowPhases, phases: phases)),
      table: scratch.next(
        map.vertical.reach(positions: bandRows) * map.depthPerGroup),
      copy: scratch.next(
        inPlace.map { $0.scalarCount * map.type.byteCount }
          ?? copy.count * MemoryLayout<Compute>.stride),
      sums: scratch.next(
        sumsInPlace ? 0 : ceilDivide(bandRows, rowPhases) * phases * phaseWidth),
      band: scratch.next(
        map.dataFormat == .nhwc
          ? groupsPerTask * map.channelsPerGroup * plane
            * MemoryLayout<Compute>.stride
          : streams ? plane * map.type.byteCount : 0))
  }

  var workspaceByteCount: Int { Scratch.byteCount(parts) }

  // MARK: Execution

  func run(task: Int, _ memory: TileMemory) {
    let rows = (0..<map.targetHeight)
      .part(task % bandCount, of: bandRows)
    let groups = (0..<map.groups)
      .part(task / bandCount % groupBlocks, of: groupsPerTask)
    let image = task / bandCount / groupBlocks
    var scratch = Scratch(memory.workspace)
    let parts = parts(&scratch)
    let table = parts.table
    let copied = UnsafeMutableRawPointer(parts.copy)
    let band = UnsafeMutableRawPointer(parts.band)
    let windowRows = map.vertical.touching(rows)
    let windowColumns = map.horizontal.touching(0..<map.targetWidth)
    let planes = GroupPlanes<Compute>(
      parts: GroupTaps(
        map, rows: rows, phases: phases, phaseWidth: phaseWidth,
        memory: parts.taps
      ).list(inPlace == nil ? copy : nil),
      table: table, step: map.vertical.step, copiedRow: copy.columns,
      loadStep: inPlace?.step ?? 1,
      weightStride: -map.vertical.tapsApart * map.kernelWidth,
      partsPerRow: partsPerRow, phaseWidth: phaseWidth,
      sums: sumsInPlace ? nil : parts.sums,
      sumsStride: phases * phaseWidth, stride: map.vertical.stride,
      width: map.targetWidth)
    inPlace?.clear(MutableStoredPointer(copied, map.type))
    let source = memory.source
    let depth = map.depthPerGroup
    let perGroup = map.channelsPerGroup
    let weights = memory.first.assumingMemoryBound(to: Compute.self)
    let width = map.targetWidth
    let count = rows.count * width
    let sink = ResultSink(map, memory.result)
    var inside: PlaneCopy.Inside?
    for group in groups {
      let place = (group - groups.lowerBound) % groupsPerCopy
      let areFinite = memory.first.load(
        fromByteOffset: weightByteCount + group, as: Bool.self)
      var planesOfGroup: UnsafePointer<Compute>?
      if let inPlace {
        let first = image * map.sourceChannels + group * depth
        inPlace.list(
          rows: windowRows, planes: first..<first + depth, of: source,
          usingZeros: areFinite,
          copies: MutableStoredPointer(copied, map.type), into: table)
      } else {
        let copies = copied.assumingMemoryBound(to: Compute.self)
        if place == 0 {
          let end = min(group + groupsPerCopy, groups.upperBound)
          inside = copy.load(
            map, source, image: image, groups: group..<end, rows: windowRows,
            columns: windowColumns, after: inside, into: copies)
        }
        if areFinite {
          planesOfGroup =
            UnsafePointer(copies) + place * depth * copy.planeStride
        } else {
          copy.list(
            rows: windowRows, inside: 0..<map.sourceHeight,
            planes: place * depth..<(place + 1) * depth, of: copies,
            into: table)
        }
      }
      for channel in group * perGroup..<(group + 1) * perGroup {
        let weights =
          weights + channel * map.depthPerGroup * map.taps
        let place = sink.place(
          image: image, pixel: rows.lowerBound * width, channel: channel)
        if map.dataFormat == .nhwc {
          let plane =
            band.assumingMemoryBound(to: Compute.self)
            + (channel - groups.lowerBound * perGroup) * count
          planes.gather(
            planesOfGroup, weights: weights, areFinite: areFinite,
            to: MutableStoredPointer(plane, Compute.scalarType))
        } else if streams {
          let band = MutableStoredPointer(band, map.type)
          planes.gather(
            planesOfGroup, weights: weights, areFinite: areFinite, to: band)
          ResultSink.stream(band.address, to: place, count: count)
        } else {
          planes.gather(
            planesOfGroup, weights: weights, areFinite: areFinite, to: place)
        }
      }
    }
    guard map.dataFormat == .nhwc else { return }
    sink.storePlanes(
      band.assumingMemoryBound(to: Compute.self), stride: count, image: image,
      channels: groups.lowerBound * perGroup..<groups.upperBound * perGroup,
      pixel: rows.lowerBound * width, count: count)
  }
}

extension NarrowGroupPlanes {
  fileprivate static var mostCopiedScalars: Int { 131_072 }

  /// The copy for a band.
  fileprivate static func copy(
    _ map: ConvolutionMap, bandRows: Int, groups: Int
  ) -> PlaneCopy {
    PlaneCopy(
      map, resultRows: bandRows, resultColumns: max(1, map.targetWidth),
      groups: groups, computeByteCount: MemoryLayout<Compute>.stride)
  }
}
