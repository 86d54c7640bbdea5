/// Winograd's minimal filtering: tiles of the source are transformed, so that
/// one matrix product a point of the transform takes the sum over channels, and
/// transformed back; 3x3 taps cost 36 products for 16 pixels in place of 144.
///
/// A strided problem is one with stride 1 a phase, each with its own taps and
/// tiles; a strided convolution one with stride 1 of more channels, folded. The
/// filter is transformed once, in double precision.
///
/// A number that is not finite would spread over its tile, and a transform may
/// overflow: so a row of a unit of tiles that is not all finite is computed again
/// by the definition.
///
/// A task owns some units of tiles of one phase, beside each other in the
/// images, and all channels of one group, or some where there are few tiles.
///
/// Source: Lavin, Gray, arXiv 1509.09308.
struct Winograd<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap
  /// The map with step 1, of which the products are.
  let folded: ConvolutionMap
  let phases: [WinogradPhase]
  /// The filter as it is, for results that are not finite.
  let plain: FilterPanels<Compute>
  private let layout: WinogradWorkspace
  private let firstTask: [Int]
  /// Parts that the tasks of each phase are cut into: part after part runs, of
  /// all phases, so that those of the same rows follow each other while what they
  /// read and write is in the cache.
  private let rounds: Int
  let firstWeight: [Int]
  /// Channels of a group in the transformed filter: in panels, with those that
  /// fill the last one up.
  let weightChannels: Int
  /// Where zeros begin, in place of taps that are none, for each part of the
  /// filter.
  let firstZero: Int
  /// Whether no cache holds the filter.
  var isLarge: Bool { filterByteCount > 16 << 20 }

  private static var mostStride: Int { 4 }

  static var mostWorkspace: Int { 32 << 20 }

  /// Input channels whose products are kept together.
  static var mostChannels: Int { 256 }

  static var algorithm: ConvolutionAlgorithm { .winograd }

  init(_ request: KernelRequest) throws(Conv2DError) {
    map = request.map
    // First: what cannot be served may have no folded map in 64 bits.
    phases = try Self.phases(map, request.accuracy)
    folded = map.folded
    plain = FilterPanels(
      map, channelBlock: Self.filterBlock(map), tapsPerChunk: 1,
      byDepth: true)
    layout = WinogradWorkspace(
      phases, depth: folded.depthPerGroup,
      width: min(map.channelsPerGroup, Self.mostChannels),
      scatters: map.dataFormat == .nchw
        && phases.contains { $0.horizontal.spacing > 1 },
      computeByteCount: MemoryLayout<Compute>.stride)
    let groups = map.groups
    firstTask = phases.reduce(into: [0]) {
      $0.append($0.last! + groups * $1.tasks)
    }
    // More would not matter, and might leave 64 bits below.
    let least = phases.map { groups * $0.tasks }.min() ?? 1
    rounds = max(1, min(least, 1 << 20))
    let plainCount =
      groups * map.depthPerGroup * map.channelsPerGroup * map.taps
    let zeros =
      map.classes > 1
      ? groups * plain.blocksPerGroup * map.depthPerGroup * plain.channelBlock
      : 0
    firstZero = plainCount
    weightChannels =
      ceilDivide(map.channelsPerGroup, Self.panelWidth) * Self.panelWidth
    let weights = groups * folded.depthPerGroup * weightChannels
    // Panels begin at a cache line.
    let first = ceilDivide(plainCount + zeros, 16) * 16
    firstWeight = phases.reduce(into: [first]) {
      $0.append($0.last! + weights * $1.products)
    }
  }

  static func checkDegenerate(_ request: KernelRequest) throws(Conv2DError) {
    _ = try phases(request.map, request.accuracy)
  }

  /// Input channels of a part of the filter.
  private static func filterBlock(_ map: ConvolutionMap) -> Int {
    evenBlock(max(1, map.channelsPerGroup), limit: 64)
  }

  /// Channels of a panel of the transformed filter: a vector of the kernel that
  /// transforms it, one or two lines of the products'.
  static var panelWidth: Int { 16 }

  private static func phases(
    _ map: ConvolutionMap, _ accuracy: AccuracyTarget
  ) throws(Conv2DError) -> [WinogradPhase] {
    func object(_ reason: String) throws(Conv2DError) -> Never {
      throw .unsupported(.winograd, reason: reason)
    }
    // Half types round results to far fewer bits than any set leaves.
    let accuracy =
      accuracy.isAccuracy && !map.type.isCompute
      ? .accuracy(.standard) : accuracy
    guard
      [map.vertical, map.horizontal].allSatisfy({
        $0.step == 1 || ($0.step <= $0.kernel && $0.dilation == 1)
      })
    else { try object("a stride is above the kernel, or dilated") }
    guard max(map.vertical.step, map.horizontal.step) <= mostStride else {
      try object("a stride is above \(mostStride)")
    }
    let folded = map.folded
    let axes = [folded.vertical, folded.horizontal]
    guard axes.allSatisfy({ $0.stride <= min($0.kernel, $0.target) }) else {
      try object("a stride is above the kernel, or the image")
    }
    // Each pair of phases has transforms of its own: with many they cost more
    // than the products.
    guard axes.allSatisfy({ $0.stride <= mostStride }) else {
      try object("a stride is above \(mostStride)")
    }
    let doesNotFit = "a thread would need more than 32 MiB of workspace"
    // Before sizes are multiplied by it.
    guard folded.depthPerGroup <= Int(Int32.max) else { try object(doesNotFit) }
    guard
      axes.allSatisfy({
        ceilDivide($0.kernel, $0.stride) <= WinogradAxis.mostTaps
      })
    else { try object("a phase has more than \(WinogradAxis.mostTaps) taps") }
    guard axes.contains(where: { $0.kernel > $0.stride }) else {
      try object("no phase has more than 1 tap")
    }
    guard
      axes.allSatisfy({ $0.kernel == 1 || $0.dilation <= max(1, $0.source) })
    else { try object("a dilation is above the size of the source") }
    guard
      axes.allSatisfy({ axis in
        (0..<axis.stride).allSatisfy { PhaseTaps(axis, phase: $0).count > 0 }
      })
    else { try object("stride and dilation leave a phase without taps") }
    var phases: [WinogradPhase] = []
    for row in 0..<folded.vertical.stride {
      for column in 0..<folded.horizontal.stride {
        let terms =
          map.vertical.meanTerms(phase: row)
          * map.horizontal.meanTerms(phase: column)
          * Double(map.depthPerGroup)
        phases.append(
          try WinogradPhase(
            folded, rowPhase: row, columnPhase: column, accuracy: accuracy,
            terms: terms, computeByteCount: MemoryLayout<Compute>.stride))
      }
    }
    let workspace = WinogradWorkspace(
      phases, depth: folded.depthPerGroup,
      width: min(map.channelsPerGroup, mostChannels), scatters: true,
      computeByteCount: MemoryLayout<Compute>.stride)
    guard
      workspace.scalarCount * MemoryLayout<Compute>.stride <= mostWorkspace
    else { try object(doesNotFit) }
    return phases
  }

  var taskCount: Int { firstTask.last! }

  var summary: String {
    let tiles = Set(
      phases.map {
        "\($0.vertical.outputs)x\($0.horizontal.outputs) of "
          + "\($0.vertical.taps.count)x\($0.horizontal.taps.count) taps "
          + "with \($0.products) products"
      })
    let rows = phases.map(\.tilesPerTask).max() ?? 0
    return "tiles of " + tiles.sorted().joined(separator: ", ")
      + "; GEMM \(rows)x\(map.channelsPerGroup)x\(folded.depthPerGroup), "
      + "\(taskCount) tasks"
  }

  var expectedError: Double? {
    let unit = MemoryLayout<Compute>.stride == 8 ? 0x1p-53 : 0x1p-24
    return (phases.map(\.expectedError).max() ?? 0) * unit
  }

  var errorGrowth: Double? {
    phases.map { $0.vertical.transform.growth * $0.horizontal.transform.growth }
      .max()
  }

  func cost(_ model: CostModel) -> Double {
    let depth = Double(folded.depthPerGroup)
    let width = Double(map.channelsPerGroup)
    let panels = weightChannels / PanelFilter<Compute>.width
    var cost = 0.0
    for phase in phases {
      let (vertical, horizontal) = (phase.vertical, phase.horizontal)
      let tasks = Double(phase.tileTasks)
      let depths = (depth / Double(phase.depthBlock)).rounded(.up)
      let units = Double(phase.units)
      let rows = units * Double(phase.tilesPerUnit) / tasks
      let perTask = model.panels(
        pixels: rows, tile: rows.rounded(.up), columns: width, panels: panels,
        depth: depth, blocks: depths)
      let products = tasks * Double(phase.products) * perTask
      // Along the columns, then along the rows; and back. Runs of fewer numbers
      // than a vector has go one by one.
      let columns = Double(phase.unitInputs)
      let tiles = Double(phase.tilesPerUnit)
      let perRow = Double(horizontal.inputs + horizontal.products)
      func alone(_ count: Double) -> Double { count < 16 ? 10 : 1 }
      let forward =
        Double(vertical.inputs + vertical.products) * columns
        + Double(vertical.products) * tiles * perRow * alone(depth)
      let outputs = Double(phase.unitOutputs)
      let inverse =
        Double(vertical.products) * tiles * alone(width)
        * Double(horizontal.products + horizontal.outputs)
        + Double(vertical.products + vertical.outputs) * outputs
      let pixels = units * Double(vertical.inputs) * columns
      let areApart =
        horizontal.lattices > 1 || map.groups > 1 || map.classes > 1
      cost +=
        products
        + model.transform(units * (forward * depth + inverse * width))
        // Columns of NCHW that lie apart are loaded number by number.
        + (map.horizontal.classes > 1 && map.dataFormat == .nchw ? 3 : 1)
        * model.load(pixels * depth, map.dataFormat)
        + (areApart ? model.runs(pixels * Double(map.classes), scalars: 0) : 0)
        + model.filter(
          Double(phase.products) * depth * width, times: tasks,
          behind: products)
    }
    // The filter is prepared for some images at a time: in proportion to them,
    // so that the choice is the same for one as for many.
    let weights = filterByteCount / MemoryLayout<Compute>.stride
    cost += model.transform(
      Double(weights) / Double(map.groups) * Double(map.batch) / 2)
    let results = Double(map.targetCount)
    if map.dataFormat == .nchw, map.horizontal.stride > 1 {
      // One by one, a stride apart.
      cost += results / Double(map.groups) / 2
    }
    // Classes of pixels are loaded in short pieces (`convbench choose --op
    // forward`).
    return Double(map.groups) * cost * (map.classes > 1 ? 1.12 : 1)
      + model.load(results, map.dataFormat) + model.planes(map)
  }

  // MARK: Workspace

  var workspaceByteCount: Int {
    layout.scalarCount * MemoryLayout<Compute>.stride
  }

  // MARK: Execution

  /// The tasks of a phase.
  private func tasks(_ phase: Int) -> Range<Int> {
    0..<firstTask[phase + 1] - firstTask[phase]
  }

  /// The phase of a task, and its place among those of the phase.
  private func place(of task: Int) -> (phase: Int, task: Int) {
    /// Tasks of all phases before a round.
    func before(_ round: Int) -> Int {
      phases.indices.reduce(0) { $0 + tasks($1).count * round / rounds }
    }
    // The last round that begins at the task or before it.
    var (round, end) = (0, rounds)
    while end - round > 1 {
      let middle = (round + end) / 2
      if before(middle) <= task { round = middle } else { end = middle }
    }
    var rest = task - before(round)
    for phase in phases.indices {
      let part = tasks(phase).evenPart(round, of: rounds)
      if rest < part.count { return (phase, part.lowerBound + rest) }
      rest -= part.count
    }
    preconditionFailure("there is no task \(task)")
  }

  func run(task: Int, _ memory: TileMemory) {
    let (index, task) = place(of: task)
    let phase = phases[index]
    let (rest, group) = task.quotientAndRemainder(dividingBy: map.groups)
    let (block, part) = rest.quotientAndRemainder(
      dividingBy: phase.channelParts)
    WinogradTask(
      kernel: self, phaseIndex: index, phase: phase, group: group,
      units: phase.units(task: block),
      channels: (0..<map.channelsPerGroup)
        .part(part, of: phase.partChannels),
      filter: memory.first.assumingMemoryBound(to: Compute.self),
      loader: TileLoader(source: memory.source, of: map),
      result: memory.result,
      layout: layout,
      workspace: memory.workspace.assumingMemoryBound(to: Compute.self)
    ).run()
  }
}
