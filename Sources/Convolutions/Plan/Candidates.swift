/// The algorithms that a plan chooses from, in the order of preference between
/// equals; the direct kernel is last and always can.
enum Candidates {
  static let order: [ConvolutionAlgorithm] = [
    .narrowGroups, .taps, .gather, .column, .implicit, .winograd, .direct,
  ]

  /// What a candidate must be cheaper by than those before it: less is in the
  /// noise of the model.
  private static let margin = 0.97

  /// What an execution is expected to cost, in nanoseconds on one thread.
  static func cost(
    _ kernel: any TileKernel, _ type: ScalarType, _ map: ConvolutionMap
  ) -> Double {
    let model = CostModel(
      core: BLASRuntime.core, computeByteCount: type.computeByteCount)
    return kernel.cost(model)
      + model.operands(
        map.sourceCount, results: map.resultCount, byteCount: type.byteCount)
  }

  /// The candidate that the model finds cheapest.
  static func cheapest<Scalar: StorageScalar>(
    _ type: Scalar.Type, _ map: ConvolutionMap, promise: WinogradPromise,
    targets: TileTargets?
  ) -> (ConvolutionAlgorithm, any TileKernel) {
    var best: (ConvolutionAlgorithm, any TileKernel)?
    var leastCost = Double.infinity
    for algorithm in order
    where objection(to: map, algorithm) == nil {
      // Winograd may have objections of its own.
      guard
        let kernel = try? make(
          algorithm, type, map, promise: promise, targets: targets)
      else { continue }
      let cost = cost(kernel, Scalar.scalarType, map)
      if best == nil || cost < leastCost * margin {
        (best, leastCost) = ((algorithm, kernel), cost)
      }
    }
    // The direct kernel has no objections.
    return best!
  }

  /// Why an algorithm cannot serve a map, if so; Winograd says it itself, and the
  /// others whatever the type.
  private static func objection(
    to map: ConvolutionMap, _ algorithm: ConvolutionAlgorithm
  ) -> String? {
    switch algorithm {
    case .column: Column<Float>.objection(to: map)
    case .taps: Taps<Float>.objection(to: map)
    case .gather: Gather<Float>.objection(to: map)
    case .implicit: Implicit<Float>.objection(to: map)
    case .narrowGroups:
      vectorsOfChannels(map)
        ? nil : NarrowGroupPlanes<Float>.objection(to: map)
    case .automatic, .winograd, .direct, .reference: nil
    }
  }

  /// Whether narrow groups have channels as the vector dimension, or columns.
  private static func vectorsOfChannels(_ map: ConvolutionMap) -> Bool {
    map.dataFormat == .nhwc
      && NarrowGroups<Float>.objection(to: map) == nil
  }

  /// The kernel of one algorithm, or the reason why it cannot serve.
  static func make<Scalar: StorageScalar>(
    _ algorithm: ConvolutionAlgorithm, _ type: Scalar.Type,
    _ map: ConvolutionMap, promise: WinogradPromise,
    targets: TileTargets? = nil
  ) throws(Conv2DError) -> any TileKernel {
    let core = BLASRuntime.core
    let computeByteCount = Scalar.scalarType.computeByteCount
    if let reason = objection(to: map, algorithm) {
      throw .unsupported(algorithm, reason: reason)
    }
    if map.isDegenerate {
      if algorithm == .winograd {
        try Winograd<Scalar>.check(map, promise: promise, core: core)
      }
      return Zeros<Scalar>(count: map.resultCount)
    }
    let targets =
      targets
      ?? TileTargets(
        dataFormat: map.dataFormat, computeByteCount: computeByteCount)
    switch algorithm {
    case .column:
      return Column<Scalar>(
        map,
        tiling: ColumnTiling(
          map, core: core, computeByteCount: computeByteCount,
          targets: targets.column),
        core: core)
    case .taps:
      return Taps<Scalar>(
        map,
        tiling: TapTiling(
          map, core: core, computeByteCount: computeByteCount,
          copies: SourceTile<Scalar>.copies(map),
          targets: targets.taps),
        core: core)
    case .gather:
      return Gather<Scalar>(
        map,
        tiling: GatherTiling(
          map, core: core, computeByteCount: computeByteCount),
        core: core)
    case .implicit:
      if let reason = Implicit<Scalar>.objection(to: map) {
        throw .unsupported(algorithm, reason: reason)
      }
      return Implicit<Scalar>(map)
    case .narrowGroups:
      return vectorsOfChannels(map)
        ? NarrowGroups<Scalar>(map)
        : NarrowGroupPlanes<Scalar>(map)
    case .winograd:
      return try Winograd<Scalar>(map, promise: promise, core: core)
    case .direct, .automatic:
      return Direct<Scalar>(map)
    case .reference:
      return Reference<Scalar>(map)
    }
  }
}
