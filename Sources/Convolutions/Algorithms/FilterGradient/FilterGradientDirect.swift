/// Plain loops without BLAS: the rival that the engine is measured against, and
/// the algorithm of last resort, since it serves every geometry.
///
/// A task owns some channels of one tap.
struct FilterGradientDirect<Scalar: StorageScalar>: FilterGradientKernel {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  private let tasks: FilterGradientTasks
  private let depthwise: Bool

  init(_ geometry: Conv2DGeometry) {
    self.geometry = geometry
    depthwise = geometry.channelsPerGroup == 1 && geometry.depthPerGroup == 1
    let channels =
      depthwise ? geometry.outputChannels : geometry.depthPerGroup
    tasks = FilterGradientTasks(
      geometry,
      FilterGradientTiling(
        inputs: min(geometry.channelsPerGroup, 48),
        outputs: max(1, min(channels, depthwise ? 64 : 128)), tapRows: 1,
        tapColumns: 1),
      spansGroups: depthwise)
  }

  var taskCount: Int { tasks.count }
  var packsOperands: Bool { false }
  var summary: String { "loops over channels, \(taskCount) tasks" }

  func cost(_ model: CostModel) -> Double {
    let tiling = tasks.tiling
    let width = Double(tiling.outputs)
    let work = geometry.flops / 2
    let loads =
      Double(geometry.batch) * geometry.vertical.hits * geometry.horizontal.hits
      * Double(tasks.blockCount / geometry.taps)
      * Double(tiling.inputs + tiling.outputs)
    let alone = !depthwise && tiling.outputs < 16
    return 1.5 * (alone ? work : model.loops(work, over: width))
      + model.load(loads, geometry.dataFormat)
  }

  var workspaceByteCount: Int {
    let tiling = tasks.tiling
    return
      (tasks.sumCount
      + FilterGradientLoops<Scalar>.scratchCount(
        geometry, inputs: depthwise ? tiling.outputs : tiling.inputs,
        outputs: tiling.outputs)) * MemoryLayout<Compute>.stride
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, source outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let block = tasks.block(task)
    let sums = workspace.assumingMemoryBound(to: Compute.self)
    sums.update(repeating: Compute.zero, count: block.count)
    FilterGradientLoops(
      geometry: geometry, block: block, depthwise: depthwise,
      input: PixelSource(
        input: filter.assumingMemoryBound(to: Scalar.self), geometry),
      gradients: PixelSource(
        outBackprop: outBackprop.assumingMemoryBound(to: Scalar.self),
        geometry),
      scratch: sums + tasks.sumCount
    ).add(
      PixelBox(
        images: 0..<geometry.batch, rows: 0..<geometry.outputHeight,
        columns: 0..<geometry.outputWidth), to: sums)
    tasks.finish(
      block, UnsafePointer(sums),
      to: result.assumingMemoryBound(to: Scalar.self))
  }
}
