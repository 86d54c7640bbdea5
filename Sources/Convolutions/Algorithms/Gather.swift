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
    rowPhases = Self.phases(map.vertical)
    columnPhases = Self.phases(map.horizontal)
    mostTapRows = rowPhases.map(\.count).max() ?? 0
    mostTapColumns = columnPhases.map(\.count).max() ?? 0
    rowTapsBefore = Self.tapsBefore(rowPhases)
    columnTapsBefore = Self.tapsBefore(columnPhases)
    bandCount = ceilDivide(map.resultHeight, tiling.bandRows)
    blockCount = ceilDivide(map.channelsPerGroup, tiling.channelBlock)
  }

  private static func phases(_ axis: MapAxis) -> [PhaseTaps] {
    (0..<min(axis.stride, axis.result)).map { PhaseTaps(axis, phase: $0) }
  }

  /// Of each phase, and of all at the end.
  private static func tapsBefore(_ phases: [PhaseTaps]) -> [Int] {
    phases.reduce(into: [0]) { $0.append($0.last! + $1.count) }
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

/// One task of ``Gather``.
private struct GatherBand<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  let kernel: Gather<Scalar>
  let group: Int
  let filter: UnsafeRawPointer
  let touchedRows: Range<Int>
  /// Columns of zeros beside each row of the copy.
  let margins: (left: Int, right: Int)
  /// `[touched rows, margins and columns, depth]`.
  let copy: UnsafeMutablePointer<Compute>
  /// `[pixels, taps, depth]`.
  let operand: UnsafeMutablePointer<Compute>

  private var map: ConvolutionMap { kernel.map }

  private var rowStride: Int {
    (margins.left + map.sourceWidth + margins.right)
      * map.depthPerGroup
  }

  func load(_ source: UnsafePointer<Scalar>, image: Int) {
    let depth = map.depthPerGroup
    let width = map.sourceWidth
    let tile = SourceTile(map, source)
    var row = copy
    for oh in touchedRows {
      row.update(repeating: .zero, count: margins.left * depth)
      tile.loadPixels(
        first: oh * width, count: width, image: image, group: group,
        into: row + margins.left * depth)
      (row + (margins.left + width) * depth)
        .update(repeating: .zero, count: margins.right * depth)
      row += rowStride
    }
  }

  /// The end of the rows from `y` on, in a band, that the same taps reach, where
  /// rows go together.
  func lastAlike(from y: Int, in band: Range<Int>) -> Int {
    var end = y + 1
    guard kernel.tiling.mergesRows else { return end }
    while end < band.upperBound, tapRows(end) == tapRows(y) { end += 1 }
    return end
  }

  private func tapRows(_ y: Int) -> Range<Int> {
    let stride = map.vertical.stride
    return kernel.rowPhases[y % stride]
      .indices(at: y / stride, sources: map.vertical.source)
  }

  /// Computes the pixels of one phase of rows that the same taps reach; of more
  /// than one row only where there is one phase.
  func run(
    rows: Range<Int>, phase: Int, into row: UnsafeMutablePointer<Compute>,
    stride: Int
  ) {
    let horizontal = map.horizontal
    let columns = kernel.columnPhases[phase]
    let tapRows = tapRows(rows.lowerBound)
    let perRow = (horizontal.result - 1 - phase) / horizontal.stride + 1
    let count = rows.count * perRow
    let step = horizontal.stride * stride
    let sums = row + phase * stride
    guard !tapRows.isEmpty, columns.count > 0 else {
      for q in 0..<count {
        (sums + q * step)
          .update(repeating: .zero, count: map.channelsPerGroup)
      }
      return
    }
    var start = 0
    while start < count {
      let pixels = start..<min(start + kernel.tiling.pixels, count)
      var first = tapRows.lowerBound
      while first < tapRows.upperBound {
        let chunk =
          first..<min(first + kernel.tiling.tapRows, tapRows.upperBound)
        gather(rows.lowerBound, chunk, columns, pixels, perRow: perRow)
        multiply(
          rows.lowerBound, phase, chunk, columns, pixels, perRow: perRow,
          into: sums + start * step, step: step,
          accumulate: first > tapRows.lowerBound)
        first = chunk.upperBound
      }
      start = pixels.upperBound
    }
  }

  /// The products of what is gathered of some rows of taps.
  private func multiply(
    _ y: Int, _ phase: Int, _ tapRows: Range<Int>, _ columns: PhaseTaps,
    _ pixels: Range<Int>, perRow: Int,
    into sums: UnsafeMutablePointer<Compute>, step: Int, accumulate: Bool
  ) {
    let rowDepth = columns.count * map.depthPerGroup
    let skipped =
      kernel.tapsBefore(y % map.vertical.stride, phase) * map.depthPerGroup
      + tapRows.lowerBound * rowDepth
    for block in 0..<kernel.blockCount {
      let channels = kernel.channels(block: block)
      let product = GatherProduct<Compute>(
        width: channels.count, depth: tapRows.count * rowDepth,
        depthBlock: kernel.tiling.depthBlock,
        pixelBlock: kernel.tiling.productPixels,
        panel: filter.assumingMemoryBound(to: Compute.self)
          + kernel.offset(group: group, block: block)
          + skipped * channels.count,
        operand: operand, step: step)
      let sums = sums + channels.lowerBound
      if kernel.isFinite(filter, group: group, block: block) {
        product.run(
          pixels: 0..<pixels.count, depths: 0..<product.depth,
          accumulate: accumulate, into: sums)
        continue
      }
      for pixel in pixels {
        runExactly(
          product, pixel - pixels.lowerBound,
          columns.indices(at: pixel % perRow, sources: map.sourceWidth),
          tapRows: tapRows.count, rowDepth: rowDepth, accumulate: accumulate,
          into: sums + (pixel - pixels.lowerBound) * step)
      }
    }
  }

  /// One pixel, from the taps that do not fall into padding alone.
  private func runExactly(
    _ product: GatherProduct<Compute>, _ pixel: Int, _ taps: Range<Int>,
    tapRows: Int, rowDepth: Int, accumulate: Bool,
    into sums: UnsafeMutablePointer<Compute>
  ) {
    let depth = map.depthPerGroup
    guard !taps.isEmpty else {
      if !accumulate { sums.update(repeating: .zero, count: product.width) }
      return
    }
    for row in 0..<tapRows {
      product.run(
        pixels: pixel..<pixel + 1,
        depths: row * rowDepth + taps.lowerBound * depth..<row * rowDepth + taps
          .upperBound * depth,
        accumulate: accumulate || row > 0, into: sums)
    }
  }

  /// Copies what reaches some pixels beside each other.
  private func gather(
    _ y: Int, _ tapRows: Range<Int>, _ columns: PhaseTaps,
    _ pixels: Range<Int>, perRow: Int
  ) {
    let depth = map.depthPerGroup
    let rowDepth = columns.count * depth
    let isRun = columns.sourceStep == 1 || columns.count == 1
    let stride = map.vertical.stride
    let taps = kernel.rowPhases[y % stride]
    var pixel = pixels.lowerBound
    while pixel < pixels.upperBound {
      let (row, column) = pixel.quotientAndRemainder(dividingBy: perRow)
      let count = min(perRow - column, pixels.upperBound - pixel)
      let destination =
        operand + (pixel - pixels.lowerBound) * tapRows.count * rowDepth
      for (index, tapRow) in tapRows.enumerated() {
        let place =
          (y / stride + row) * taps.step + taps.source(tapRow)
          - touchedRows.lowerBound
        let source =
          copy + place * rowStride
          + (margins.left + column * columns.step + columns.source(0)) * depth
        Compute.copyRuns(
          source, outerStride: count > 1 ? columns.step * depth : 0,
          innerStride: isRun ? 0 : columns.sourceStep * depth,
          to: destination + index * rowDepth,
          outerStride: tapRows.count * rowDepth, innerStride: depth,
          outer: count, inner: isRun ? 1 : columns.count,
          count: isRun ? rowDepth : depth)
      }
      pixel += count
    }
  }
}

/// The products of a gathered operand `[pixels, depth]` with a panel
/// `[depth, width]`.
private struct GatherProduct<Compute: ComputeScalar> {
  let width: Int
  let depth: Int
  let depthBlock: Int
  let pixelBlock: Int
  let panel: UnsafePointer<Compute>
  let operand: UnsafePointer<Compute>
  /// From one pixel of the result to the next.
  let step: Int

  func run(
    pixels: Range<Int>, depths: Range<Int>, accumulate: Bool = false,
    into sums: UnsafeMutablePointer<Compute>
  ) {
    let parts = ceilDivide(pixels.count, pixelBlock)
    var start = depths.lowerBound
    while start < depths.upperBound {
      let part = min(depthBlock, depths.upperBound - start)
      for index in 0..<parts {
        let first = pixels.count * index / parts
        let count = pixels.count * (index + 1) / parts - first
        Compute.multiply(
          rows: count, columns: width, depth: part,
          operand + (pixels.lowerBound + first) * depth + start, stride: depth,
          panel + start * width, stride: width,
          accumulate: accumulate || start > depths.lowerBound,
          into: sums + first * step, stride: step)
      }
      start += part
    }
  }
}

/// How gather cuts a problem.
struct GatherTiling: Sendable, Hashable {
  /// Input channels of one GEMM.
  let channelBlock: Int
  /// Most pixels that are gathered together.
  let pixels: Int
  /// Most of them in one GEMM.
  let productPixels: Int
  /// Rows of taps that are gathered together.
  let tapRows: Int
  /// Whether rows of the result that the same taps reach are gathered together:
  /// where there is one phase.
  let mergesRows: Bool
  /// Most taps times output channels of one GEMM; the rest is added to it.
  let depthBlock: Int
  /// Rows of the result that a task owns.
  let bandRows: Int

  /// Most scalars of the source, zeros beside it included, that one row of
  /// the result may need.
  static let mostCopiedScalars = Double(1 << 18)

  /// Scalars of a pixel that are gathered together, of kernels with far more.
  private static let mostGathered = 2048

  /// Columns of zeros that windows beside the image need.
  static func margins(_ axis: MapAxis) -> (left: Int, right: Int) {
    let first = axis.pad - (axis.kernel - 1) * axis.dilation
    let last = (axis.result - 1) * axis.step + axis.pad
    return (
      max(0, -first) / axis.stride, max(0, last / axis.stride - axis.source + 1)
    )
  }

  /// Scalars of the rows of the source that touch a band, zeros beside them
  /// included.
  static func copiedScalars(
    _ map: ConvolutionMap, bandRows: Int
  ) -> Double {
    let rows = map.vertical.mostSources(touching: bandRows)
    let margins = margins(map.horizontal)
    return Double(rows) * Double(map.depthPerGroup)
      * (Double(margins.left) + Double(map.sourceWidth)
        + Double(margins.right))
  }

  init(_ map: ConvolutionMap, core: BLASCore, computeByteCount: Int) {
    let channels = max(1, map.channelsPerGroup)
    let depth = max(1, map.depthPerGroup)
    channelBlock = channels <= 96 ? channels : evenBlock(channels, limit: 128)
    let (rowTaps, columnTaps) = (
      ceilDivide(map.kernelHeight, map.vertical.stride),
      ceilDivide(map.kernelWidth, map.horizontal.stride)
    )
    let all = rowTaps * columnTaps * depth
    let chunks =
      all <= 2 * Self.mostGathered
      ? 1 : ceilDivide(rowTaps, max(1, Self.mostGathered / columnTaps / depth))
    tapRows = ceilDivide(rowTaps, chunks)
    let deepest = tapRows * columnTaps * depth
    depthBlock = ceilDivide(deepest, ceilDivide(deepest, 512))
    productPixels = max(
      1,
      core == .small
        ? BLASCore.smallLimit / depthBlock / channelBlock : 256)

    mergesRows = map.vertical.stride == 1 && map.horizontal.stride == 1
    let width = max(1, map.resultWidth)
    let height = max(1, map.resultHeight)
    let strideRows = min(height, map.vertical.stride)
    var rows = strideRows
    let most = Double((128 << 10) / computeByteCount)
    while rows + strideRows <= ceilDivide(height, 4),
      Self.copiedScalars(map, bandRows: rows + strideRows) <= most
    {
      rows += strideRows
    }
    bandRows = rows

    // More pixels where the filter is read from beyond the L2 cache.
    let filter = all * channels * computeByteCount
    let bytes = filter > 512 << 10 ? 256 << 10 : 64 << 10
    let room = max(bytes / computeByteCount / deepest, 12)
    let there =
      mergesRows
      ? rows * width
      : ceilDivide(width, min(width, map.horizontal.stride))
    pixels = max(1, min(room, 96, there))
  }
}
