/// Plain loops without BLAS: the rival that the engine is measured against, and
/// the algorithm of last resort, since it serves every map.
///
/// A task owns some channels of one tap.
struct FilterGradientDirect<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap
  private let tasks: FilterGradientTasks
  private let depthwise: Bool

  static var algorithm: ConvolutionAlgorithm { .direct }

  init(_ request: KernelRequest) {
    map = request.map
    depthwise = map.channelsPerGroup == 1 && map.depthPerGroup == 1
    let channels =
      depthwise ? map.sourceChannels : map.depthPerGroup
    tasks = FilterGradientTasks(
      map,
      FilterGradientTiling(
        inputs: min(map.channelsPerGroup, 48),
        outputs: max(1, min(channels, depthwise ? 64 : 128)), tapRows: 1,
        tapColumns: 1),
      spansGroups: depthwise)
  }

  var taskCount: Int { tasks.count }
  var summary: String { "loops over channels, \(taskCount) tasks" }

  func cost(_ model: CostModel) -> Double {
    let tiling = tasks.tiling
    let width = Double(tiling.outputs)
    let work = map.flops / 2
    let loads =
      Double(map.batch) * map.vertical.hits * map.horizontal.hits
      * Double(tasks.blockCount / map.taps)
      * Double(tiling.inputs + tiling.outputs)
    let alone = !depthwise && tiling.outputs < 16
    // A channel or a few read sums and operands for each multiply-add
    // (`convbench choose --op filter-gradient`).
    let reads = depthwise ? 6.0 : tiling.inputs < 4 ? 4 : 1.6
    return (alone ? work / 2 : reads * model.loops(work, over: width))
      + model.load(loads, map.dataFormat)
      + model.move(4 * Double(map.resultCount))
  }

  var workspaceByteCount: Int {
    let tiling = tasks.tiling
    return
      (tasks.sumCount
      + FilterGradientLoops<Compute>.scratchCount(
        map, inputs: depthwise ? tiling.outputs : tiling.inputs,
        outputs: tiling.outputs)) * MemoryLayout<Compute>.stride
  }

  func run(task: Int, _ memory: TileMemory) {
    let block = tasks.block(task)
    let sums = memory.workspace.assumingMemoryBound(to: Compute.self)
    sums.update(repeating: Compute.zero, count: block.count)
    FilterGradientLoops(
      map: map, block: block, depthwise: depthwise,
      input: TileLoader(target: memory.target, of: map),
      gradients: TileLoader(source: memory.source, of: map),
      scratch: sums + tasks.sumCount
    ).add(
      PixelBox(
        images: 0..<map.batch, rows: 0..<map.sourceHeight,
        columns: 0..<map.sourceWidth), to: sums)
    tasks.finish(
      block, UnsafePointer(sums),
      to: memory.result)
  }
}
