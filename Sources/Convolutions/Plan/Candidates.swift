/// The algorithms that a plan chooses from, in the order of preference between
/// equals; the direct kernel is last and always can.
enum Candidates {
  static let order: [InputGradientAlgorithm] = [
    .narrowGroups, .taps, .gather, .column, .winograd, .direct,
  ]

  /// What a candidate must be cheaper by than those before it: less is in the
  /// noise of the model.
  private static let margin = 0.97

  /// What an execution is expected to cost, in nanoseconds on one thread.
  static func cost(
    _ kernel: any TileKernel, _ type: ScalarType, _ geometry: Conv2DGeometry
  ) -> Double {
    let model = CostModel(
      core: BLASRuntime.core, computeByteCount: type.computeByteCount)
    return kernel.cost(model)
      + model.tensors(geometry, byteCount: type.byteCount)
  }

  /// The candidate that the model finds cheapest.
  static func cheapest<Scalar: StorageScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry, promise: WinogradPromise,
    targets: TileTargets?
  ) -> (InputGradientAlgorithm, any TileKernel) {
    var best: (InputGradientAlgorithm, any TileKernel)?
    var leastCost = Double.infinity
    for algorithm in order
    where objection(to: geometry, algorithm, promise) == nil {
      // A type may have objections of its own.
      guard
        let kernel = try? make(
          algorithm, type, geometry, promise: promise, targets: targets)
      else { continue }
      let cost = cost(kernel, Scalar.scalarType, geometry)
      if best == nil || cost < leastCost * margin {
        (best, leastCost) = ((algorithm, kernel), cost)
      }
    }
    // The direct kernel has no objections.
    return best!
  }

  /// Why an algorithm cannot serve a geometry, if so; the type has no say.
  static func objection(
    to geometry: Conv2DGeometry, _ algorithm: InputGradientAlgorithm,
    _ promise: WinogradPromise
  ) -> String? {
    switch algorithm {
    case .column: Column<Float>.objection(to: geometry)
    case .taps: Taps<Float>.objection(to: geometry)
    case .gather: Gather<Float>.objection(to: geometry)
    case .narrowGroups:
      vectorsOfChannels(geometry)
        ? nil : NarrowGroupPlanes<Float>.objection(to: geometry)
    case .winograd:
      Winograd<Float>.objection(to: geometry, promise: promise)
    case .automatic, .direct, .reference: nil
    }
  }

  /// Whether narrow groups have channels as the vector dimension, or columns.
  private static func vectorsOfChannels(_ geometry: Conv2DGeometry) -> Bool {
    geometry.dataFormat == .nhwc
      && NarrowGroups<Float>.objection(to: geometry) == nil
  }

  /// The kernel of one algorithm, or the reason why it cannot serve.
  static func make<Scalar: StorageScalar>(
    _ algorithm: InputGradientAlgorithm, _ type: Scalar.Type,
    _ geometry: Conv2DGeometry, promise: WinogradPromise,
    targets: TileTargets? = nil
  ) throws(Conv2DError) -> any TileKernel {
    let core = BLASRuntime.core
    let computeByteCount = Scalar.scalarType.computeByteCount
    if let reason = objection(to: geometry, algorithm, promise) {
      throw .unsupported(algorithm, reason: reason)
    }
    if geometry.isDegenerate { return Zeros<Scalar>(geometry) }
    let targets =
      targets
      ?? TileTargets(
        dataFormat: geometry.dataFormat, computeByteCount: computeByteCount)
    switch algorithm {
    case .column:
      return Column<Scalar>(
        geometry,
        tiling: ColumnTiling(
          geometry, core: core, computeByteCount: computeByteCount,
          targets: targets.column),
        core: core)
    case .taps:
      return Taps<Scalar>(
        geometry,
        tiling: TapTiling(
          geometry, core: core, computeByteCount: computeByteCount,
          copies: OutBackpropTile<Scalar>.copies(geometry),
          targets: targets.taps),
        core: core)
    case .gather:
      return Gather<Scalar>(
        geometry,
        tiling: GatherTiling(
          geometry, core: core, computeByteCount: computeByteCount),
        core: core)
    case .narrowGroups:
      return vectorsOfChannels(geometry)
        ? NarrowGroups<Scalar>(geometry)
        : NarrowGroupPlanes<Scalar>(geometry)
    case .winograd:
      do throws(WinogradObjection) {
        return try Winograd<Scalar>(geometry, promise: promise, core: core)
      } catch {
        throw .unsupported(algorithm, reason: error.reason)
      }
    case .direct, .automatic:
      return Direct<Scalar>(geometry)
    case .reference:
      return Reference<Scalar>(geometry)
    }
  }
}
