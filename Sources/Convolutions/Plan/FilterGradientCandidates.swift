/// The algorithms that a plan of the filter gradient chooses from, in the order of
/// preference between equals; the direct kernel is last and always can.
enum FilterGradientCandidates {
  static let order: [ConvolutionAlgorithm] = [
    .narrowGroups, .taps, .winograd, .direct,
  ]

  /// What an execution is expected to cost, in nanoseconds on one thread.
  static func cost(
    _ kernel: any TileKernel, _ type: ScalarType, _ geometry: Conv2DGeometry
  ) -> Double {
    let model = CostModel(
      core: BLASRuntime.core, computeByteCount: type.computeByteCount)
    return kernel.cost(model)
      + model.operands(
        geometry.inputCount + geometry.outBackpropCount,
        results: geometry.filterCount, byteCount: type.byteCount)
  }

  /// The candidate that the model finds cheapest.
  static func cheapest<Scalar: StorageScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry, promise: WinogradPromise,
    products: ProductProvider
  ) -> (ConvolutionAlgorithm, any TileKernel) {
    // The direct kernel has no objections.
    order
      .compactMap { algorithm in
        (try? make(
          algorithm, type, geometry, promise: promise, products: products))
          .map { (algorithm, $0) }
      }
      .min {
        cost($0.1, Scalar.scalarType, geometry)
          < cost($1.1, Scalar.scalarType, geometry)
      }!
  }

  /// Why an algorithm cannot serve a geometry in a type, if so.
  private static func objection<Scalar: StorageScalar>(
    to geometry: Conv2DGeometry, _ algorithm: ConvolutionAlgorithm,
    _ type: Scalar.Type
  ) -> String? {
    switch algorithm {
    case .automatic, .direct, .reference: return nil
    case .column, .implicit:
      return "it is none for the filter gradient"
    case .taps, .narrowGroups, .winograd: break
    }
    if geometry.isDegenerate { return nil }
    if hasWildSteps(geometry) {
      return "a stride or a dilation takes offsets beyond 64 bits"
    }
    return switch algorithm {
    case .narrowGroups: FilterGradientNarrow<Scalar>.objection(to: geometry)
    // It says so itself.
    case .winograd: nil
    default: FilterGradientProducts<Scalar>.objection(to: geometry)
    }
  }

  /// Whether an offset from one window or tap to the next might overflow; only
  /// strides and dilations far beyond the image do.
  private static func hasWildSteps(_ geometry: Conv2DGeometry) -> Bool {
    let row = Double(geometry.inputWidth) * Double(geometry.inputChannels)
    let step = (geometry.strides + geometry.dilations).max()!
    return Double(step) * max(row, 1) > 0x1p60
  }

  /// The kernel of one algorithm, or the reason why it cannot serve.
  static func make<Scalar: StorageScalar>(
    _ algorithm: ConvolutionAlgorithm, _ type: Scalar.Type,
    _ geometry: Conv2DGeometry, promise: WinogradPromise,
    products: ProductProvider = .automatic
  ) throws(Conv2DError) -> any TileKernel {
    let core = BLASRuntime.core
    if let reason = objection(to: geometry, algorithm, type)
      ?? (algorithm == .winograd && products == .panels
        ? ConvolutionAlgorithm.productsAreBLAS
        : algorithm.objection(to: products))
    {
      throw .unsupported(algorithm, reason: reason)
    }
    if geometry.isDegenerate {
      return Zeros<Scalar>(count: geometry.filterCount)
    }
    switch algorithm {
    case .taps, .column, .implicit:
      return FilterGradientProducts<Scalar>(geometry, core: core)
    case .narrowGroups: return FilterGradientNarrow<Scalar>(geometry)
    case .winograd:
      return try FilterGradientWinograd<Scalar>(
        geometry, promise: promise, core: core)
    case .direct, .automatic: return FilterGradientDirect<Scalar>(geometry)
    case .reference: return FilterGradientReference<Scalar>(geometry)
    }
  }
}
