/// Gather (im2col of out_backprop): the pixels that reach a run of result
/// pixels are copied beside each other, so that one matrix product takes the
/// sum over taps and channels and writes the result once.
///
/// With a stride, positions of one phase are reached by the same taps: each
/// phase of a row is a product of its own, with the filter's taps of that phase.
/// Rows of out_backprop above and below the image take no part. Beside it there
/// are zeros, which change nothing unless they meet a weight that is not
/// finite; then the pixels at the border go one by one, with their own taps.
///
/// A task owns a band of rows of one image. Best where out_backprop has few
/// channels: products over one tap would be too shallow.
struct Gather<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  let tiling: GatherTiling
  let rowPhases: [PhaseTaps]
  let columnPhases: [PhaseTaps]
  /// Most taps of a phase.
  private let mostTaps: Int
  /// Taps of the row phases, and of the column phases, before each.
  private let rowTapsBefore: [Int]
  private let columnTapsBefore: [Int]
  private let bandCount: Int
  let blockCount: Int
  private let core: BLASCore

  init(_ geometry: Conv2DGeometry, tiling: GatherTiling, core: BLASCore) {
    self.geometry = geometry
    self.tiling = tiling
    self.core = core
    rowPhases = Self.phases(geometry.vertical)
    columnPhases = Self.phases(geometry.horizontal)
    mostTaps =
      (rowPhases.map(\.count).max() ?? 0)
      * (columnPhases.map(\.count).max() ?? 0)
    rowTapsBefore = Self.tapsBefore(rowPhases)
    columnTapsBefore = Self.tapsBefore(columnPhases)
    bandCount = ceilDivide(geometry.inputHeight, tiling.bandRows)
    blockCount = ceilDivide(geometry.channelsPerGroup, tiling.channelBlock)
  }

  private static func phases(_ axis: Axis) -> [PhaseTaps] {
    (0..<min(axis.stride, axis.input)).map { PhaseTaps(axis, phase: $0) }
  }

  /// Of each phase, and of all at the end.
  private static func tapsBefore(_ phases: [PhaseTaps]) -> [Int] {
    phases.reduce(into: [0]) { $0.append($0.last! + $1.count) }
  }

  /// Why a geometry cannot be served, if so.
  static func objection(to geometry: Conv2DGeometry) -> String? {
    let most = 64
    guard max(geometry.vertical.stride, geometry.horizontal.stride) <= most
    else { return "a stride is above \(most)" }
    let copied = GatherTiling.copiedScalars(geometry, bandRows: 1)
    guard copied <= GatherTiling.mostCopiedScalars else {
      return "the windows that reach one row do not fit into the cache"
    }
    let step = geometry.inputChannels.multipliedReportingOverflow(
      by: geometry.horizontal.stride)
    return step.overflow || step.partialValue > Int(Int32.max)
      ? "a matrix dimension exceeds the 32 bits of the BLAS interface" : nil
  }

  var taskCount: Int { geometry.groups * geometry.batch * bandCount }

  var packsOperands: Bool { core == .packed }

  var summary: String {
    let deepest = mostTaps * geometry.depthPerGroup
    return "GEMM \(tiling.pixels)x\(tiling.channelBlock)x\(deepest), "
      + "\(rowPhases.count)x\(columnPhases.count) phases, "
      + "bands of \(tiling.bandRows) rows, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let depth = Double(geometry.depthPerGroup)
    let width = Double(tiling.channelBlock)
    // Of the taps of a phase, those that fall below or above the image take no
    // part.
    let share =
      vertical.hits / Double(vertical.kernel) / Double(max(1, vertical.output))
    var products = 0.0
    var copies = 0.0
    for rows in rowPhases {
      for columns in columnPhases where rows.count * columns.count > 0 {
        let deep = Double(rows.count * columns.count) * depth * share
        let pixels = Double(horizontal.input) / Double(columnPhases.count)
        let parts = (pixels / Double(tiling.pixels)).rounded(.up)
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
              * (columns.windowStep == 1 ? 1 : Double(columns.count)),
            scalars: pixels * deep)
      }
    }
    // Positions that no tap reaches are set one by one.
    func reached(_ phases: [PhaseTaps]) -> Double {
      Double(phases.count { $0.count > 0 }) / Double(max(1, phases.count))
    }
    let zeros =
      Double(geometry.inputCount)
      * (1 - reached(rowPhases) * reached(columnPhases))
    let rows =
      Double(geometry.groups * geometry.batch * geometry.inputHeight)
      / Double(max(1, rowPhases.count))
    let loads =
      Double(taskCount)
      * GatherTiling.copiedScalars(geometry, bandRows: tiling.bandRows)
    // The operand evicts panels and sums: `convbench choose` has it 12 % slower
    // than its parts.
    let work = 1.12 * rows * (products * Double(blockCount) + copies)
    return work
      + model.filter(
        geometry.usedWeights / Double(max(1, rowPhases.count)),
        times: Double(geometry.batch * geometry.inputHeight), behind: work)
      + model.load(loads, geometry.dataFormat)
      + model.move(6 * zeros)
      + (sumsInResult
        ? 0 : model.load(Double(geometry.inputCount), geometry.dataFormat))
  }

  // MARK: Filter

  // Per group and block of channels the taps in the order of phases, rows
  // first: `[taps, depth, block channels]`. Behind them, per group and block,
  // whether all weights are finite.

  private var weightByteCount: Int {
    Workspace.padded(geometry.filterCount * MemoryLayout<Compute>.stride)
  }

  var filterByteCount: Int { weightByteCount + filterPartCount }

  var filterPartCount: Int { geometry.groups * blockCount }

  func channels(block: Int) -> Range<Int> {
    (0..<geometry.channelsPerGroup).part(block, of: tiling.channelBlock)
  }

  func offset(group: Int, block: Int) -> Int {
    (group * geometry.channelsPerGroup + block * tiling.channelBlock)
      * geometry.taps * geometry.depthPerGroup
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
    let depth = geometry.depthPerGroup
    let source = filter.assumingMemoryBound(to: Scalar.self)
    let first =
      prepared.assumingMemoryBound(to: Compute.self)
      + offset(group: group, block: part % blockCount)
    var panel = first
    for rows in rowPhases {
      for columns in columnPhases {
        for row in 0..<rows.count {
          for column in 0..<columns.count {
            let tap =
              rows.tap(row) * geometry.kernelWidth + columns.tap(column)
            Scalar.widenTransposed(
              source
                + (tap * geometry.channelsPerGroup + channels.lowerBound)
                * geometry.outputChannels + group * depth,
              rows: channels.count, columns: depth,
              stride: geometry.outputChannels, to: panel,
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

  // Three parts, each padded to a cache line: rows of out_backprop with zeros
  // beside them, the gathered operand, and the sums of one row where they are
  // not taken in the result.

  private var copyByteCount: Int {
    Int(GatherTiling.copiedScalars(geometry, bandRows: tiling.bandRows))
      * MemoryLayout<Compute>.stride
  }

  private var operandByteCount: Int {
    tiling.pixels * mostTaps * geometry.depthPerGroup
      * MemoryLayout<Compute>.stride
  }

  var sumsInResult: Bool {
    Scalar.isCompute && geometry.dataFormat == .nhwc
  }

  private var sumsByteCount: Int {
    sumsInResult
      ? 0
      : geometry.inputWidth * geometry.channelsPerGroup
        * MemoryLayout<Compute>.stride
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
    task: Int, filter: UnsafeRawPointer, outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let group = task % geometry.groups
    let band = task / geometry.groups % bandCount
    let image = task / geometry.groups / bandCount
    let operand = workspace + Workspace.padded(copyByteCount)
    let sums = operand + Workspace.padded(operandByteCount)
    let result = result.assumingMemoryBound(to: Scalar.self)
    let rows = (0..<geometry.inputHeight)
      .part(band, of: tiling.bandRows)
    let task = GatherBand(
      kernel: self, group: group, filter: filter,
      touchedRows: geometry.vertical.outputs(touching: rows),
      margins: GatherTiling.margins(geometry.horizontal),
      copy: workspace.assumingMemoryBound(to: Compute.self),
      operand: operand.assumingMemoryBound(to: Compute.self))
    task.load(outBackprop.assumingMemoryBound(to: Scalar.self), image: image)
    for y in rows {
      let channel = group * geometry.channelsPerGroup
      let allChannels = geometry.inputChannels
      let pixel = (image * geometry.inputHeight + y) * geometry.inputWidth
      let row: UnsafeMutablePointer<Compute>
      let stride: Int
      if sumsInResult {
        row = Scalar.asCompute(result + pixel * allChannels + channel)!
        stride = allChannels
      } else {
        row = sums.assumingMemoryBound(to: Compute.self)
        stride = geometry.channelsPerGroup
      }
      for phase in columnPhases.indices {
        task.run(row: y, phase: phase, into: row, stride: stride)
      }
      if !sumsInResult {
        ResultTile(geometry, result).store(
          row, image: image,
          channels: channel..<channel + geometry.channelsPerGroup,
          rows: y..<y + 1, columns: 0..<geometry.inputWidth)
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

  private var geometry: Conv2DGeometry { kernel.geometry }

  private var rowStride: Int {
    (margins.left + geometry.outputWidth + margins.right)
      * geometry.depthPerGroup
  }

  func load(_ outBackprop: UnsafePointer<Scalar>, image: Int) {
    let depth = geometry.depthPerGroup
    let width = geometry.outputWidth
    let tile = OutBackpropTile(geometry, outBackprop)
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

  /// Computes the pixels of one phase of a row.
  func run(
    row y: Int, phase: Int, into row: UnsafeMutablePointer<Compute>,
    stride: Int
  ) {
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let (rowPhase, q) = (y % vertical.stride, y / vertical.stride)
    let rows = kernel.rowPhases[rowPhase]
    let columns = kernel.columnPhases[phase]
    let tapRows = rows.indices(at: q, windows: vertical.output)
    let count = (horizontal.input - 1 - phase) / horizontal.stride + 1
    let step = horizontal.stride * stride
    let sums = row + phase * stride
    guard !tapRows.isEmpty, columns.count > 0 else {
      for q in 0..<count {
        (sums + q * step)
          .update(repeating: .zero, count: geometry.channelsPerGroup)
      }
      return
    }
    let rowDepth = columns.count * geometry.depthPerGroup
    let skipped =
      kernel.tapsBefore(rowPhase, phase) * geometry.depthPerGroup
      + tapRows.lowerBound * rowDepth
    var start = 0
    while start < count {
      let pixels = start..<min(start + kernel.tiling.pixels, count)
      gather(rows, tapRows, columns, row: q, pixels: pixels)
      for block in 0..<kernel.blockCount {
        let channels = kernel.channels(block: block)
        let product = GatherProduct<Compute>(
          width: channels.count, depth: tapRows.count * rowDepth,
          depthBlock: kernel.tiling.depthBlock,
          panel: filter.assumingMemoryBound(to: Compute.self)
            + kernel.offset(group: group, block: block)
            + skipped * channels.count,
          operand: operand, step: step)
        let sums = sums + start * step + channels.lowerBound
        if kernel.isFinite(filter, group: group, block: block) {
          product.run(
            pixels: 0..<pixels.count, depths: 0..<product.depth, into: sums)
          continue
        }
        for pixel in pixels {
          runExactly(
            product, pixel - start,
            columns.indices(at: pixel, windows: horizontal.output),
            tapRows: tapRows.count, rowDepth: rowDepth,
            into: sums + (pixel - start) * step)
        }
      }
      start = pixels.upperBound
    }
  }

  /// One pixel, from the taps that do not fall into padding alone.
  private func runExactly(
    _ product: GatherProduct<Compute>, _ pixel: Int, _ taps: Range<Int>,
    tapRows: Int, rowDepth: Int, into sums: UnsafeMutablePointer<Compute>
  ) {
    let depth = geometry.depthPerGroup
    guard !taps.isEmpty else {
      sums.update(repeating: .zero, count: product.width)
      return
    }
    for row in 0..<tapRows {
      product.run(
        pixels: pixel..<pixel + 1,
        depths: row * rowDepth + taps.lowerBound * depth..<row * rowDepth + taps
          .upperBound * depth,
        accumulate: row > 0, into: sums)
    }
  }

  /// Copies what reaches some pixels of a phase beside each other.
  private func gather(
    _ rows: PhaseTaps, _ tapRows: Range<Int>, _ columns: PhaseTaps,
    row: Int, pixels: Range<Int>
  ) {
    let depth = geometry.depthPerGroup
    let rowDepth = columns.count * depth
    let isRun = columns.windowStep == 1 || columns.count == 1
    for (index, tapRow) in tapRows.enumerated() {
      let place = row + rows.window(tapRow) - touchedRows.lowerBound
      let source =
        copy + place * rowStride
        + (margins.left + pixels.lowerBound + columns.window(0)) * depth
      Compute.copyRuns(
        source, outerStride: depth,
        innerStride: isRun ? 0 : columns.windowStep * depth,
        to: operand + index * rowDepth,
        outerStride: tapRows.count * rowDepth, innerStride: depth,
        outer: pixels.count, inner: isRun ? 1 : columns.count,
        count: isRun ? rowDepth : depth)
    }
  }
}

/// The products of a gathered operand `[pixels, depth]` with a panel
/// `[depth, width]`.
private struct GatherProduct<Compute: ComputeScalar> {
  let width: Int
  let depth: Int
  let depthBlock: Int
  let panel: UnsafePointer<Compute>
  let operand: UnsafePointer<Compute>
  /// From one pixel of the result to the next.
  let step: Int

  func run(
    pixels: Range<Int>, depths: Range<Int>, accumulate: Bool = false,
    into sums: UnsafeMutablePointer<Compute>
  ) {
    var start = depths.lowerBound
    while start < depths.upperBound {
      let part = min(depthBlock, depths.upperBound - start)
      Compute.multiply(
        rows: pixels.count, columns: width, depth: part,
        operand + pixels.lowerBound * depth + start, stride: depth,
        panel + start * width, stride: width,
        accumulate: accumulate || start > depths.lowerBound, into: sums,
        stride: step)
      start += part
    }
  }
}

/// How gather cuts a problem.
struct GatherTiling: Sendable, Hashable {
  /// Input channels of one GEMM.
  let channelBlock: Int
  /// Most pixels of one GEMM.
  let pixels: Int
  /// Most taps times output channels of one GEMM; the rest is added to it.
  let depthBlock: Int
  /// Rows of the result that a task owns.
  let bandRows: Int

  /// Most scalars of out_backprop, zeros beside it included, that one row of
  /// the result may need.
  static let mostCopiedScalars = Double(1 << 17)

  /// Columns of zeros that windows beside the image need.
  static func margins(_ axis: Axis) -> (left: Int, right: Int) {
    let first = axis.padBefore - (axis.kernel - 1) * axis.dilation
    let last = axis.input - 1 + axis.padBefore
    return (
      max(0, -first) / axis.stride, max(0, last / axis.stride - axis.output + 1)
    )
  }

  /// Scalars of the rows of out_backprop that touch a band, zeros beside them
  /// included.
  static func copiedScalars(
    _ geometry: Conv2DGeometry, bandRows: Int
  ) -> Double {
    let rows = geometry.vertical.mostOutputs(touching: bandRows)
    let margins = margins(geometry.horizontal)
    return Double(rows) * Double(geometry.depthPerGroup)
      * (Double(margins.left) + Double(geometry.outputWidth)
        + Double(margins.right))
  }

  init(_ geometry: Conv2DGeometry, core: BLASCore, computeByteCount: Int) {
    let channels = max(1, geometry.channelsPerGroup)
    let depth = max(1, geometry.depthPerGroup)
    channelBlock = channels <= 96 ? channels : evenBlock(channels, limit: 128)
    let taps =
      ceilDivide(geometry.kernelHeight, geometry.strides[0])
      * ceilDivide(geometry.kernelWidth, geometry.strides[1])
    let deepest = taps * depth
    depthBlock = ceilDivide(deepest, ceilDivide(deepest, 512))
    let limit =
      core == .small ? BLASCore.smallLimit / depthBlock / channelBlock : 256
    let room = (64 << 10) / computeByteCount / deepest
    let width = max(1, geometry.inputWidth)
    let phase = ceilDivide(width, min(width, geometry.strides[1]))
    pixels = max(1, min(limit, max(room, 12), 96, phase))
    let height = max(1, geometry.inputHeight)
    let strideRows = min(height, geometry.strides[0])
    var rows = strideRows
    let most = Double((128 << 10) / computeByteCount)
    while rows + strideRows <= ceilDivide(height, 4),
      Self.copiedScalars(geometry, bandRows: rows + strideRows) <= most
    {
      rows += strideRows
    }
    bandRows = rows
  }
}
