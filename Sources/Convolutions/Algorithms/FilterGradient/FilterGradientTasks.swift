/// The tasks of a filter gradient: blocks of the result, and, where those are
/// few, parts of the pixels, whose sums are added up in a second stage.
///
/// All numbers follow from the problem, so the bits of the result do not depend on
/// who computes what.
struct FilterGradientTasks: Sendable {
  let map: ConvolutionMap
  let tiling: FilterGradientTiling
  /// Output channels that are cut into blocks together: those of a group, or
  /// all.
  private let span: Int
  private let rowChunks: Int
  private let columnChunks: Int
  private let inputBlocks: Int
  private let outputBlocks: Int
  private let boxRows: Int
  private let boxColumns: Int
  private let boxCount: Int

  /// Blocks of the result.
  let blockCount: Int

  /// - Parameter spansGroups: whether a block may hold channels of more than one
  ///   group.
  init(
    _ map: ConvolutionMap, _ tiling: FilterGradientTiling,
    spansGroups: Bool = false
  ) {
    self.map = map
    self.tiling = tiling
    span = spansGroups ? map.sourceChannels : map.depthPerGroup
    rowChunks = ceilDivide(map.kernelHeight, tiling.tapRows)
    columnChunks = ceilDivide(map.kernelWidth, tiling.tapColumns)
    inputBlocks = ceilDivide(map.channelsPerGroup, tiling.inputs)
    outputBlocks = ceilDivide(span, tiling.outputs)
    blockCount =
      map.sourceChannels / span * rowChunks * columnChunks * inputBlocks
      * outputBlocks
    boxRows = ceilDivide(map.sourceHeight, tiling.rows)
    boxColumns = ceilDivide(map.sourceWidth, tiling.columns)
    boxCount = ceilDivide(map.batch, tiling.images) * boxRows * boxColumns
  }

  var parts: Int { tiling.parts }

  var count: Int { blockCount * parts }

  func block(task: Int) -> FilterBlock { block(task % blockCount) }

  /// Blocks that share pixels follow each other.
  func block(_ index: Int) -> FilterBlock {
    var rest = index
    func next(_ count: Int) -> Int {
      defer { rest /= count }
      return rest % count
    }
    let outputs = (0..<span).part(next(outputBlocks), of: tiling.outputs)
    let inputs = (0..<map.channelsPerGroup)
      .part(next(inputBlocks), of: tiling.inputs)
    let columns = (0..<map.kernelWidth)
      .part(next(columnChunks), of: tiling.tapColumns)
    let rows = (0..<map.kernelHeight)
      .part(next(rowChunks), of: tiling.tapRows)
    let first = rest * span
    return FilterBlock(
      tapRows: rows, tapColumns: columns, inputs: inputs,
      outputs: first + outputs.lowerBound..<first + outputs.upperBound)
  }

  /// The boxes of a task, one after the other.
  func boxes(task: Int) -> Range<Int> {
    let part = task / blockCount
    return part * boxCount / parts..<(part + 1) * boxCount / parts
  }

  func box(_ index: Int) -> PixelBox {
    let (row, column) = (index / boxColumns, index % boxColumns)
    return PixelBox(
      images: (0..<map.batch).part(row / boxRows, of: tiling.images),
      rows: (0..<map.sourceHeight).part(row % boxRows, of: tiling.rows),
      columns: (0..<map.sourceWidth).part(column, of: tiling.columns))
  }

  // MARK: Sums

  /// Room for the sums of one task, in scalars.
  var sumCount: Int { tiling.sumCount }

  /// Where a task adds up that sees all pixels.
  func ownSums<Compute: ComputeScalar>(
    _ scratch: inout Scratch
  ) -> UnsafeMutablePointer<Compute> {
    scratch.next(parts > 1 ? 0 : sumCount)
  }

  /// Where a task adds up: in its part of the partial sums, or in the
  /// workspace.
  func sums<Compute: ComputeScalar>(
    task: Int, _ memory: TileMemory, _ scratch: inout Scratch
  ) -> UnsafeMutablePointer<Compute> {
    let own: UnsafeMutablePointer<Compute> = ownSums(&scratch)
    guard parts > 1 else { return own }
    return memory.partial.assumingMemoryBound(to: Compute.self)
      + task * sumCount
  }

  /// Writes the sums of a task that has seen all pixels.
  func finish<Compute: ComputeScalar>(
    _ block: FilterBlock, _ sums: UnsafePointer<Compute>,
    to result: MutableStoredPointer
  ) {
    guard parts == 1 else { return }
    for tap in 0..<block.taps {
      block.store(
        sums, tap: tap, map, to: result)
    }
  }
}

/// A kernel whose tasks are blocks of the filter and parts of the pixels.
protocol TiledFilterGradient: TileKernel {
  associatedtype Compute: ComputeScalar

  var tasks: FilterGradientTasks { get }
}

extension TiledFilterGradient where Self: Candidate {
  /// Throws where an offset from one window or tap to the next might overflow;
  /// only strides and dilations far beyond the image do.
  static func checkSteps(_ map: ConvolutionMap) throws(Conv2DError) {
    let row = Double(map.targetWidth) * Double(map.targetChannels)
    let step = [map.vertical, map.horizontal]
      .map { max($0.stride, $0.dilation) }.max()!
    guard Double(step) * max(row, 1) <= 0x1p60 else {
      throw unsupported("a stride or a dilation takes offsets beyond 64 bits")
    }
  }

  /// Throws where a thread needs more workspace than a tiling should.
  func checkWorkspace() throws(Conv2DError) {
    let most = MemoryLayout<Compute>.stride << 20
    guard workspaceByteCount <= most else {
      throw Self.unsupported(
        "a thread would need more than \(most >> 20) MiB of workspace")
    }
  }
}

extension TiledFilterGradient {
  var taskCount: Int { tasks.count }

  // MARK: Parts

  var partialByteCount: Int {
    tasks.parts > 1
      ? tasks.count * tasks.sumCount * MemoryLayout<Compute>.stride : 0
  }

  var finishTaskCount: Int {
    tasks.parts > 1
      ? tasks.blockCount * tasks.tiling.tapRows * tasks.tiling.tapColumns : 0
  }

  /// What adding up the parts is expected to cost.
  func partsCost(_ model: CostModel) -> Double {
    tasks.parts > 1 ? model.move(Double(tasks.count * tasks.sumCount)) : 0
  }

  /// Adds up the parts of one tap in their order, and rounds once.
  func finish(task: Int, _ memory: TileMemory) {
    let taps = tasks.tiling.tapRows * tasks.tiling.tapColumns
    let (index, tap) = task.quotientAndRemainder(dividingBy: taps)
    let block = tasks.block(index)
    guard tap < block.taps else { return }
    // The first part takes the others.
    let sums =
      memory.partial.assumingMemoryBound(to: Compute.self)
      + index * tasks.sumCount
    let first = tap * block.tapCount
    for part in 1..<tasks.parts {
      Compute.addRuns(
        sums + part * tasks.blockCount * tasks.sumCount + first,
        outerStride: 0, innerStride: 0, to: sums + first, outerStride: 0,
        innerStride: 0, outer: 1, inner: 1,
        count: block.inputs.count * block.outputs.count)
    }
    block.store(
      UnsafePointer(sums), tap: tap, tasks.map, to: memory.result)
  }
}
