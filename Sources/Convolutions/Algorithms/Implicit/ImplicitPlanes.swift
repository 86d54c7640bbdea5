/// Implicit GEMM with pixels as the vectors: NCHW, and few channels of the result.
///
/// Each weight of a channel is a factor of 16 pixels beside each other; planes of
/// the source take the place of the filter's panels, and channels that of pixels.
/// Sums have the order of ``Implicit``, and so the same bits.
///
/// The planes that reach a tile are copied with zeros around the image; half types
/// are widened, and NHWC is transposed. Rows of taps that are outside for a whole
/// run of pixels are skipped. Where a weight is not finite, each pixel is a run of
/// its own, and meets the taps that land inside alone.
struct ImplicitPlanes<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap
  let tiling: ImplicitPlaneTiling
  let rowPhases: [PhaseTaps]
  let columnPhases: [PhaseTaps]
  /// Where the weights of a group's pairs of phases begin, in scalars, and the
  /// end of the last.
  private let weightPlaces: [Int]
  private let bandsPerImage: Int
  private let columnParts: Int
  private let channelParts: Int
  private let bandParts: Int

  /// Pixels of a vector.
  static var lineWidth: Int { PanelFilter<Compute>.width }

  static var algorithm: ConvolutionAlgorithm { .implicit }

  init(_ request: KernelRequest) throws(Conv2DError) {
    map = request.map
    rowPhases = map.vertical.phases
    columnPhases = map.horizontal.phases
    tiling = Self.tiling(map)
    guard
      tiling.copy.count
        <= ImplicitTiling.mostCopyBytes / MemoryLayout<Compute>.stride
    else { throw Self.unsupported(ImplicitTiling.doesNotFit) }
    bandsPerImage = ceilDivide(
      ceilDivide(map.targetHeight, map.vertical.stride), tiling.lines)
    columnParts = ceilDivide(
      ceilDivide(map.targetWidth, map.horizontal.stride), tiling.columns)
    channelParts = ceilDivide(map.channelsPerGroup, tiling.channels)
    bandParts = ceilDivide(map.batch * bandsPerImage, tiling.tilesPerTask)
    var places = [0]
    for rows in rowPhases {
      for columns in columnPhases {
        places.append(
          places.last! + map.channelsPerGroup
            * Self.rowStride(map, taps: rows.count * columns.count))
      }
    }
    weightPlaces = places
  }

  private static func tiling(_ map: ConvolutionMap) -> ImplicitPlaneTiling {
    ImplicitPlaneTiling(
      map, computeByteCount: MemoryLayout<Compute>.stride)
  }

  static func reasonAgainst(_ map: ConvolutionMap) -> String? {
    ImplicitTiling.reasonAgainst(map)
  }

  var taskCount: Int { map.groups * columnParts * bandParts * channelParts }

  var summary: String {
    "tiles of \(tiling.lines)x\(tiling.columns) pixels as vectors, copied, "
      + "\(rowPhases.count)x\(columnPhases.count) phases, "
      + "\(tiling.channels) channels a task, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let share = vertical.usedShare
    let depth = Double(map.depthPerGroup)
    let lines = ceilDivide(map.targetHeight, vertical.stride)
    let columns = ceilDivide(map.targetWidth, horizontal.stride)
    let bands = Double(map.batch * bandsPerImage * columnParts)
    let tileLines = min(tiling.lines, lines)
    let tileColumns = min(tiling.columns, columns)
    let shape = tiling.shape(lines: tileLines, columns: tileColumns)
    let panels = shape.runs * ceilDivide(shape.pixels, Self.lineWidth)
    let channels = Double(map.channelsPerGroup)
    // Lines that begin anywhere are read in two parts; few channels do not hide
    // that (`convbench choose`).
    let loads = channels < 4 ? 1.2 : 1.06
    var products = 500.0
    for rows in rowPhases {
      for columns in columnPhases {
        let taps = rows.count * columns.count
        let sum = SumBlocks(taps: taps, depth: map.depthPerGroup)
        products +=
          loads
          * model.panels(
            pixels: channels, tile: min(channels, Double(tiling.channels)),
            columns: Double(panels * Self.lineWidth), panels: panels,
            depth: Double(taps) * depth * share, blocks: Double(sum.count))
        // A list of where each channel reads its weights.
        products += channels * Double(taps) * 0.3
        // A few channels of a tap hide no step to the next.
        products +=
          channels / Double(InstructionSet.blockRows) * Double(taps * panels)
          * share
      }
    }
    // Channels of one group of NHWC are moved one by one.
    let apart = map.dataFormat == .nhwc && map.groups > 1 ? 8.0 : 1
    let scalars = apart * Double(tiling.copy.planeStride) * depth
    let rows = Double(
      min(
        vertical.reach(
          positions: tileLines.multipliedClamped(by: vertical.stride)),
        vertical.source))
    let perRow = Double(
      min(
        horizontal.reach(
          positions: tileColumns.multipliedClamped(by: horizontal.stride)),
        horizontal.source))
    let load =
      map.dataFormat == .nchw
      ? model.load(scalars, .nhwc)
        + model.sort(
          rows: rows * depth, of: perRow, phases: horizontal.step)
      : 0.6 * model.load(scalars, .nchw) + rows * 20 * Double(horizontal.step)
    var cost =
      bands * Double(map.groups) * (products + Double(channelParts) * load)
    if !writesInPlace(shape) {
      let results = Double(map.targetCount)
      cost +=
        map.dataFormat == .nhwc
        ? model.transpose(apart * results) : model.move(2 * results)
      let perRow = Double(tileColumns) * Double(horizontal.stride)
      cost += model.sort(
        rows: results / perRow, of: perRow, phases: horizontal.stride)
    }
    return cost
      + model.filter(map.usedWeights, times: bands, behind: cost)
  }

  /// Whether sums are taken in the result.
  func writesInPlace(_ shape: ImplicitPlaneTiling.Shape) -> Bool {
    map.type.isCompute && map.dataFormat == .nchw
      && map.horizontal.stride == 1
      && (shape.runs == shape.lines
        || map.vertical.stride == 1
          && tiling.copy.columns == map.targetWidth && columnParts == 1)
  }

  // MARK: Filter

  // `[groups, row phases, column phases, channels, taps, depth]`, the weights of
  // a channel and phase padded; behind them a byte for each group and pair of
  // phases: whether all its weights are finite.

  /// From the weights of one channel to those of the next: an odd number of cache
  /// lines, so that they do not meet in the same places of the L1 cache.
  private static func rowStride(_ map: ConvolutionMap, taps: Int) -> Int {
    (ceilDivide(taps * map.depthPerGroup, lineWidth) | 1) * lineWidth
  }

  func rowStride(taps: Int) -> Int { Self.rowStride(map, taps: taps) }

  private var weightByteCount: Int {
    map.groups * weightPlaces.last! * MemoryLayout<Compute>.stride
  }

  var filterByteCount: Int { weightByteCount + filterPartCount }

  var filterPartCount: Int {
    map.groups * rowPhases.count * columnPhases.count
  }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let phases = rowPhases.count * columnPhases.count
    let (group, phase) = part.quotientAndRemainder(dividingBy: phases)
    let rows = rowPhases[phase / columnPhases.count]
    let columns = columnPhases[phase % columnPhases.count]
    let filter = StoredFilter(map, filter)
    let taps = rows.count * columns.count
    let stride = rowStride(taps: taps)
    let count = map.channelsPerGroup * stride
    let weights =
      prepared.assumingMemoryBound(to: Compute.self)
      + group * weightPlaces.last! + weightPlaces[phase]
    weights.update(repeating: .zero, count: count)
    for place in 0..<taps {
      filter.copyByChannel(
        tap: rows.tap(place / columns.count) * map.kernelWidth
          + columns.tap(place % columns.count),
        group: group, channels: 0..<map.channelsPerGroup,
        to: weights + place * map.depthPerGroup, stride: stride)
    }
    prepared.storeBytes(
      of: Compute.areFinite(weights, count: count),
      toByteOffset: weightByteCount + part, as: Bool.self)
  }

  /// The weights of a pair of phases, and whether all are finite.
  func weights(
    _ filter: UnsafeRawPointer, group: Int, rowPhase: Int, columnPhase: Int
  ) -> (rows: UnsafePointer<Compute>, areFinite: Bool) {
    let phase = rowPhase * columnPhases.count + columnPhase
    return (
      filter.assumingMemoryBound(to: Compute.self)
        + group * weightPlaces.last! + weightPlaces[phase],
      filter.load(
        fromByteOffset: weightByteCount
          + group * rowPhases.count * columnPhases.count + phase,
        as: Bool.self)
    )
  }

  // MARK: Workspace

  var workspaceByteCount: Int {
    Scratch.byteCount { ImplicitPlaneMemory<Compute>(&$0, tiling) }
  }

  // MARK: Execution

  func run(task: Int, _ memory: TileMemory) {
    var index = TaskIndex(task)
    let group = index.next(map.groups)
    let columnPart = index.next(columnParts)
    let bandPart = index.next(bandParts)
    let channels = (0..<map.channelsPerGroup)
      .part(index.rest, of: tiling.channels)
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let lines = ceilDivide(vertical.target, vertical.stride)
    let positions = (0..<ceilDivide(horizontal.target, horizontal.stride))
      .part(columnPart, of: tiling.columns)
    var scratch = Scratch(memory.workspace)
    let parts = ImplicitPlaneMemory<Compute>(&scratch, tiling)
    var inside: PlaneCopy.Inside?
    for band in (0..<map.batch * bandsPerImage)
      .part(bandPart, of: tiling.tilesPerTask)
    {
      let (image, part) = band.quotientAndRemainder(dividingBy: bandsPerImage)
      ImplicitPlaneTile(
        kernel: self, image: image, group: group,
        lines: (0..<lines).part(part, of: tiling.lines), positions: positions,
        channels: channels,
        source: memory.source,
        result: memory.result,
        memory: parts
      ).run(filter: memory.first, inside: &inside)
    }
  }
}
