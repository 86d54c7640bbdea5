/// The tasks of a filter gradient: blocks of the result, and, where those are
/// few, parts of the pixels, whose sums are added up in a second stage.
///
/// All numbers follow from the problem and the core type, so the bits of the
/// result do not depend on who computes what.
struct FilterGradientTasks: Sendable {
  let geometry: Conv2DGeometry
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
    _ geometry: Conv2DGeometry, _ tiling: FilterGradientTiling,
    spansGroups: Bool = false
  ) {
    self.geometry = geometry
    self.tiling = tiling
    span = spansGroups ? geometry.outputChannels : geometry.depthPerGroup
    rowChunks = ceilDivide(geometry.kernelHeight, tiling.tapRows)
    columnChunks = ceilDivide(geometry.kernelWidth, tiling.tapColumns)
    inputBlocks = ceilDivide(geometry.channelsPerGroup, tiling.inputs)
    outputBlocks = ceilDivide(span, tiling.outputs)
    blockCount =
      geometry.outputChannels / span * rowChunks * columnChunks * inputBlocks
      * outputBlocks
    boxRows = ceilDivide(geometry.outputHeight, tiling.rows)
    boxColumns = ceilDivide(geometry.outputWidth, tiling.columns)
    boxCount = ceilDivide(geometry.batch, tiling.images) * boxRows * boxColumns
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
    let inputs = (0..<geometry.channelsPerGroup)
      .part(next(inputBlocks), of: tiling.inputs)
    let columns = (0..<geometry.kernelWidth)
      .part(next(columnChunks), of: tiling.tapColumns)
    let rows = (0..<geometry.kernelHeight)
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
      images: (0..<geometry.batch).part(row / boxRows, of: tiling.images),
      rows: (0..<geometry.outputHeight).part(row % boxRows, of: tiling.rows),
      columns: (0..<geometry.outputWidth).part(column, of: tiling.columns))
  }

  // MARK: Sums

  /// Room for the sums of one task, in scalars.
  var sumCount: Int { tiling.sumCount }

  /// Where a task adds up: in its part of the partial sums, or in the
  /// workspace.
  func sums<Compute>(
    task: Int, result: UnsafeMutableRawPointer,
    workspace: UnsafeMutablePointer<Compute>
  ) -> UnsafeMutablePointer<Compute> {
    guard parts > 1 else { return workspace }
    return result.assumingMemoryBound(to: Compute.self) + task * sumCount
  }

  /// Writes the sums of a task that has seen all pixels.
  func finish<Scalar: StorageScalar>(
    _ block: FilterBlock, _ sums: UnsafePointer<Scalar.Compute>,
    to result: UnsafeMutablePointer<Scalar>
  ) {
    guard parts == 1 else { return }
    for tap in 0..<block.taps {
      block.store(
        sums, tap: tap, geometry, to: result)
    }
  }
}

/// The second stage: adds up the parts in their order, and rounds once.
///
/// As a kernel it takes the partial sums in place of the input.
struct SumOfParts<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  private let tasks: FilterGradientTasks

  init(_ tasks: FilterGradientTasks) { self.tasks = tasks }

  private var taps: Int { tasks.tiling.tapRows * tasks.tiling.tapColumns }

  /// Bytes of the partial sums.
  var partialByteCount: Int {
    tasks.count * tasks.sumCount * MemoryLayout<Compute>.stride
  }

  var taskCount: Int { tasks.blockCount * taps }
  var workspaceByteCount: Int { 0 }
  var filterByteCount: Int { 0 }
  var filterPartCount: Int { 0 }
  var packsOperands: Bool { false }
  var summary: String { "the sum of \(tasks.parts) parts" }

  func cost(_ model: CostModel) -> Double {
    model.move(Double(tasks.count * tasks.sumCount))
  }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {}

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, source outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let (index, tap) = task.quotientAndRemainder(dividingBy: taps)
    let block = tasks.block(index)
    guard tap < block.taps else { return }
    // The sums are the library's own memory: the first part takes the others.
    let sums =
      UnsafeMutableRawPointer(mutating: filter)
      .assumingMemoryBound(to: Compute.self) + index * tasks.sumCount
    let first = tap * block.tapCount
    for part in 1..<tasks.parts {
      Compute.addRuns(
        sums + part * tasks.blockCount * tasks.sumCount + first,
        outerStride: 0, innerStride: 0, to: sums + first, outerStride: 0,
        innerStride: 0, outer: 1, inner: 1,
        count: block.inputs.count * block.outputs.count)
    }
    block.store(
      UnsafePointer(sums), tap: tap, tasks.geometry,
      to: result.assumingMemoryBound(to: Scalar.self))
  }
}
