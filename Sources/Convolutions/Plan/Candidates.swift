/// The algorithms that a plan chooses from, in the order of preference between
/// equals; the direct kernel is last and always can.
enum Candidates {
  static let order: [ConvolutionAlgorithm] =
    switch BLASRuntime.core {
    case .small:
      [.narrowGroups, .taps, .column, .implicit, .winograd, .direct]
    // Products that copy their operands come after those on panels.
    case .packed:
      [.narrowGroups, .implicit, .column, .taps, .winograd, .direct]
    }

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
    products: ProductProvider, targets: TileTargets?
  ) -> (ConvolutionAlgorithm, any TileKernel) {
    var best: (ConvolutionAlgorithm, any TileKernel)?
    var leastCost = Double.infinity
    for algorithm in order
    where objection(to: map, algorithm, products) == nil {
      // Some have objections of their own.
      guard
        let kernel = try? make(
          algorithm, type, map, promise: promise, products: products,
          targets: targets)
      else { continue }
      let cost = cost(kernel, Scalar.scalarType, map)
      if best == nil || cost < leastCost * margin {
        (best, leastCost) = ((algorithm, kernel), cost)
      }
    }
    // The direct kernel has no objections.
    return best!
  }

  /// Why an algorithm cannot serve a map, if so; Winograd and implicit GEMM say it
  /// themselves, and the others whatever the type.
  private static func objection(
    to map: ConvolutionMap, _ algorithm: ConvolutionAlgorithm,
    _ products: ProductProvider
  ) -> String? {
    if let reason = algorithm.objection(to: products) { return reason }
    return switch algorithm {
    case .column:
      Column<Float>.objection(to: map)
    case .taps: Taps<Float>.objection(to: map)
    case .narrowGroups:
      vectorsOfChannels(map)
        ? nil : NarrowGroupPlanes<Float>.objection(to: map)
    case .automatic, .implicit, .winograd, .direct, .reference: nil
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
    products: ProductProvider = .automatic, targets: TileTargets? = nil
  ) throws(Conv2DError) -> any TileKernel {
    let core = BLASRuntime.core
    let computeByteCount = Scalar.scalarType.computeByteCount
    if let reason = objection(to: map, algorithm, products) {
      throw .unsupported(algorithm, reason: reason)
    }
    if algorithm == .implicit,
      let reason = Implicit<Scalar>.objection(to: map),
      ImplicitPlanes<Scalar>.objection(to: map) != nil
    {
      throw .unsupported(algorithm, reason: reason)
    }
    if map.isDegenerate {
      if algorithm == .winograd {
        try Winograd<Scalar>.check(
          map, promise: promise, products: winogradProducts(products))
      }
      return Zeros<Scalar>(count: map.resultCount)
    }
    switch algorithm {
    case .column:
      // OpenBLAS's packed products fall behind; its small ones are level.
      let onPanels =
        products == .panels || products == .automatic && core == .packed
      // Products on panels pack nothing either.
      let tilingCore = onPanels ? .small : core
      return Column<Scalar>(
        map,
        tiling: ColumnTiling(
          map, core: tilingCore, computeByteCount: computeByteCount,
          targets: targets?.column
            ?? ColumnTargets(
              computeByteCount: computeByteCount, core: tilingCore)),
        core: core, onPanels: onPanels)
    case .taps:
      return Taps<Scalar>(
        map,
        tiling: TapTiling(
          map, core: core, computeByteCount: computeByteCount,
          copies: SourceTile<Scalar>.copies(map),
          targets: targets?.taps ?? TapTargets()),
        core: core)
    case .implicit:
      return implicit(type, map)
    case .narrowGroups:
      return vectorsOfChannels(map)
        ? NarrowGroups<Scalar>(map)
        : NarrowGroupPlanes<Scalar>(map)
    case .winograd:
      return try Winograd<Scalar>(
        map, promise: promise, products: winogradProducts(products))
    case .direct, .automatic:
      return Direct<Scalar>(map)
    case .reference:
      return Reference<Scalar>(map)
    }
  }
}

extension Candidates {
  /// OpenBLAS's products where it has small ones, which are level.
  private static func winogradProducts(
    _ products: ProductProvider
  ) -> WinogradProducts {
    let core = BLASRuntime.core
    return switch products {
    case .panels: .panels
    case .blas: .blas(core)
    case .automatic: core == .packed ? .panels : .blas(core)
    }
  }

  /// Implicit GEMM with vectors of channels or of pixels, whichever is cheaper,
  /// of a map that one of them can serve: the bits are the same.
  private static func implicit<Scalar: StorageScalar>(
    _ type: Scalar.Type, _ map: ConvolutionMap
  ) -> any TileKernel {
    guard ImplicitPlanes<Scalar>.objection(to: map) == nil else {
      return Implicit<Scalar>(map)
    }
    let planes = ImplicitPlanes<Scalar>(map)
    guard Implicit<Scalar>.objection(to: map) == nil else { return planes }
    let channels = Implicit<Scalar>(map)
    // Planes of NHWC are transposed, which pays for few channels alone.
    let most = PanelFilter<Scalar>.width
    if map.dataFormat == .nhwc, map.channelsPerGroup > most { return channels }
    return cost(planes, Scalar.scalarType, map)
      < cost(channels, Scalar.scalarType, map) ? planes : channels
  }
}

extension ConvolutionAlgorithm {
  static let productsAreBLAS = "its products are the linked BLAS's"

  /// Why products of one kind cannot be asked for, if so.
  func objection(to products: ProductProvider) -> String? {
    switch (self, products) {
    case (_, .automatic), (.column, _), (.winograd, _): nil
    case (.implicit, .panels), (.taps, .blas): nil
    case (.taps, _): Self.productsAreBLAS
    case (.implicit, _): "its products are on panels"
    case (.direct, _), (.narrowGroups, _), (.reference, _), (.automatic, _): nil
    }
  }
}
