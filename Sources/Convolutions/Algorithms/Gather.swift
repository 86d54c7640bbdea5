/// Gather (im2col of the source): the pixels that reach a run of result
/// pixels are copied beside each other, so that one matrix product takes the
/// sum over taps and channels and writes the result once.
///
/// With a stride, positions of one phase are reached by the same taps: each
/// phase of a row is a product of its own, with the filter's taps of that phase.
/// Rows of the source above and below the image take no part. Beside it there
/// are zeros, which change nothing unless they meet a weight that is not
/// finite; then the pixels at the border go one by one, with their own taps.
///
/// A task owns a band of rows of one image. Best where the source has few
/// channels: products over one tap would be too shallow.
struct Gather<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let map: ConvolutionMap
  let tiling: GatherTiling
  let rowPhases: [PhaseTaps]
  let columnPhases: [PhaseTaps]
  /// Most rows and columns of taps of a phase.
  private let mostTapRows: Int
  private let mostTapColumns: Int
  /// Taps of the row phases, and of the column phases, before each.
  private let rowTapsBefore: [Int]
  private let columnTapsBefore: [Int]
  private let bandCount: Int
  let blockCount: Int
  private let core: BLASCore

  init(_ map: ConvolutionMap, tiling: GatherTiling, core: BLASCore) {
    self.map = map
    self.tiling = tiling
    self.core = core
    rowPhases = map.vertical.phases
    columnPhases = map.horizontal.phases
    mostTapRows = rowPhases.map(\.count).max() ?? 0
    mostTapColumns = columnPhases.map(\.count).max() ?? 0
    rowTapsBefore = rowPhases.tapsBefore
    columnTapsBefore = columnPhases.tapsBefore
    bandCount = ceilDivide(map.resultHeight, tiling.bandRows)
    blockCount = ceilDivide(map.channelsPerGroup, tiling.channelBlock)
  }

  /// Why a map cannot be served, if so.
  static func objection(to map: ConvolutionMap) -> String? {
    let most = 64
    guard max(map.vertical.stride, map.horizontal.stride) <= most
    else { return "a stride is above \(most)" }
    let copied = GatherTiling.copiedScalars(map, bandRows: 1)
    guard copied <= GatherTiling.mostCopiedScalars else {
      return "the windows that reach one row do not fit into the cache"
    }
    let step = map.resultChannels.multipliedReportingOverflow(
      by: map.horizontal.stride)
    return step.overflow || step.partialValue > Int(Int32.max)
      ? "a matrix dimension exceeds the 32 bits of the BLAS interface" : nil
  }

  var taskCount: Int { map.groups * map.batch * bandCount }

  var packsOperands: Bool { core == .packed }

  var summary: String {
    let deepest = mostTapRows * mostTapColumns * map.depthPerGroup
    return "GEMM \(tiling.productPixels)x\(tiling.channelBlock)x\(deepest), "
      + "\(rowPhases.count)x\(columnPhases.count) phases, "
      + "bands of \(tiling.bandRows) rows, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let depth = Double(map.depthPerGroup)
    let width = Double(tiling.channelBlock)
    // Of the taps of a phase, those that fall below or above the image take no
    // part.
    let share =
      vertical.hits / Double(vertical.kernel)
      / Double(max(1, vertical.longestRun))
    var products = 0.0
    var copies = 0.0
    for rows in rowPhases {
      for columns in columnPhases where rows.count * columns.count > 0 {
        let deep = Double(rows.count * columns.count) * depth * share
        let pixels =
          Double(horizontal.result) / Double(columnPhases.count)
          * (tiling.mergesRows ? Double(tiling.bandRows) : 1)
        let most = Double(min(tiling.pixels, tiling.productPixels))
        let parts = (pixels / most).rounded(.up)
        let depths = (deep / Double(tiling.depthBlock)).rounded(.up)
        products +=
          parts * depths
          * model.product(
            rows: (pixels / parts).rounded(.up), columns: width,
            depth: deep / depths)
        products += parts * 250
        copies +=
          1.5
          * model.runs(
            pixels * Double(rows.count)
              * (columns.sourceStep == 1 ? 1 : Double(columns.count)),
            scalars: pixels * deep)
      }
    }
    // Positions that no tap reaches are set one by one.
    func reached(_ phases: [PhaseTaps]) -> Double {
      Double(phases.count { $0.count > 0 }) / Double(max(1, phases.count))
    }
    let zeros =
      Double(map.resultCount)
      * (1 - reached(rowPhases) * reached(columnPhases))
    let rows =
      Double(map.groups * map.batch * map.resultHeight)
      / Double(max(1, rowPhases.count))
      / (tiling.mergesRows ? Double(tiling.bandRows) : 1)
    let loads =
      Double(taskCount)
      * GatherTiling.copiedScalars(map, bandRows: tiling.bandRows)
    // The operand evicts panels and sums: `convbench choose` has it 12 % slower
    // than its parts.
    let work = 1.12 * rows * (products * Double(blockCount) + copies)
    return work
      + model.filter(
        map.usedWeights / Double(max(1, rowPhases.count)),
        times: Double(map.batch * map.resultHeight)
          / (tiling.mergesRows ? Double(tiling.bandRows) : 1), behind: work)
      + model.load(loads, map.dataFormat)
      + model.move(6 * zeros)
      + (sumsInResult
        ? 0 : model.load(Double(map.resultCount), map.dataFormat))
  }

  // MARK: Filter

  // Per group and block of channels the taps in the order of phases, rows
  // first: `[taps, depth, block channels]`. Behind them, per group and block,
  // whether all weights are finite.

  private var weightByteCount: Int {
    Workspace.padded(map.filterCount * MemoryLayout<Compute>.stride)
  }

  var filterByteCount: Int { weightByteCount + filterPartCount }

  var filterPartCount: Int { map.groups * blockCount }

  func channels(block: Int) -> Range<Int> {
    (0..<map.channelsPerGroup).part(block, of: tiling.channelBlock)
  }

  func offset(group: Int, block: Int) -> Int {
    (group * map.channelsPerGroup + block * tiling.channelBlock)
      * map.taps * map.depthPerGroup
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let group = part / blockCount
    let channels = channels(block: part % blockCount)
    let depth = map.depthPerGroup
    let filter = StoredFilter<Scalar>(map, filter)
    let first =
      prepared.assumingMemoryBound(to: Compute.self)
      + offset(group: group, block: part % blockCount)
    var panel = first
    for rows in rowPhases {
      for columns in columnPhases {
        for row in 0..<rows.count {
          for column in 0..<columns.count {
            let tap =
              rows.tap(row) * map.kernelWidth + columns.tap(column)
            filter.copyByDepth(
              tap: tap, group: group, channels: channels, to: panel,
              stride: channels.count)
            panel += depth * channels.count
          }
        }
      }
    }
    prepared.storeBytes(
      of: (0..<panel - first).allSatisfy { first[$0].isFinite },
      toByteOffset: weightByteCount + part, as: Bool.self)
  }

  /// Taps of the phases before this one, rows first.
  func tapsBefore(_ rowPhase: Int, _ columnPhase: Int) -> Int {
    rowTapsBefore[rowPhase] * columnTapsBefore.last!
      + rowPhases[rowPhase].count * columnTapsBefore[columnPhase]
  }

  func isFinite(_ filter: UnsafeRawPointer, group: Int, block: Int) -> Bool {
    filter.load(
      fromByteOffset: weightByteCount + group * blockCount + block,
      as: Bool.self)
  }

  // MARK: Workspace

  // Three parts, each padded to a cache line: rows of the source with zeros
  // beside them, the gathered operand, and the sums of one row, or of a band
  // where rows go together, unless they are taken in the result.

  private var copyByteCount: Int {
    Int(GatherTiling.copiedScalars(map, bandRows: tiling.bandRows))
      * MemoryLayout<Compute>.stride
  }

  private var operandByteCount: Int {
    tiling.pixels * min(mostTapRows, tiling.tapRows) * mostTapColumns
      * map.depthPerGroup * MemoryLayout<Compute>.stride
  }

  var sumsInResult: Bool {
    Scalar.isCompute && map.dataFormat == .nhwc
  }

  private var sumsByteCount: Int {
    sumsInResult
      ? 0
      : (tiling.mergesRows ? tiling.bandRows : 1) * map.resultWidth
        * map.channelsPerGroup * MemoryLayout<Compute>.stride
  }

  var workspaceByteCount: Int {
    Workspace.padded(copyByteCount) + Workspace.padded(operandByteCount)
      + sumsByteCount
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
    let group = task % map.groups
    let band = task / map.groups % bandCount
    let image = task / map.groups / bandCount
    let operand = workspace + Workspace.padded(copyByteCount)
    let sums = operand + Workspace.padded(operandByteCount)
    let result = result.assumingMemoryBound(to: Scalar.self)
    let rows = (0..<map.resultHeight)
      .part(band, of: tiling.bandRows)
    let task = GatherBand(
      kernel: self, group: group, filter: filter,
      touchedRows: map.vertical.sources(touching: rows),
      margins: GatherTiling.margins(map.horizontal),
      copy: workspace.assumingMemoryBound(to: Compute.self),
      operand: operand.assumingMemoryBound(to: Compute.self))
    task.load(source.assumingMemoryBound(to: Scalar.self), image: image)
    var first = rows.lowerBound
    while first < rows.upperBound {
      let y = first
      let together = y..<task.lastAlike(from: y, in: rows)
      first = together.upperBound
      let channel = group * map.channelsPerGroup
      let allChannels = map.resultChannels
      let pixel = (image * map.resultHeight + y) * map.resultWidth
      let row: UnsafeMutablePointer<Compute>
      let stride: Int
      if sumsInResult {
        row = Scalar.asCompute(result + pixel * allChannels + channel)!
        stride = allChannels
      } else {
        row = sums.assumingMemoryBound(to: Compute.self)
        stride = map.channelsPerGroup
      }
      for phase in columnPhases.indices {
        task.run(rows: together, phase: phase, into: row, stride: stride)
      }
      if !sumsInResult {
        ResultTile(map, result).store(
          row, image: image,
          channels: channel..<channel + map.channelsPerGroup,
          rows: together, columns: 0..<map.resultWidth)
      }
    }
  }
}
