/// What a kernel is cut for.
struct KernelRequest: Sendable {
  let map: ConvolutionMap
  var accuracy = AccuracyTarget.accuracy(.standard)
  var products = ProductProvider.automatic
  /// Sizes to aim at in place of the kernel's own, for measuring them.
  var targets: TileTargets?
  var core = BLASRuntime.core
}

/// A kernel that a plan may take.
protocol Candidate: TileKernel {
  /// What it is called.
  static var algorithm: ConvolutionAlgorithm { get }

  /// Why the shapes of a map rule it out, if so.
  static func reasonAgainst(_ map: ConvolutionMap) -> String?

  /// Throws if a map that has nothing to add up cannot be served for another
  /// reason than its shapes.
  static func checkDegenerate(_ request: KernelRequest) throws(Conv2DError)

  /// Cuts a map that has something to add up, or throws why it cannot.
  init(_ request: KernelRequest) throws(Conv2DError)
}

extension Candidate {
  static func reasonAgainst(_ map: ConvolutionMap) -> String? { nil }

  static func checkDegenerate(_ request: KernelRequest) throws(Conv2DError) {}

  static func unsupported(_ reason: String) -> Conv2DError {
    .unsupported(algorithm, reason: reason)
  }

  /// The kernel, or zeros where there is nothing to add up.
  fileprivate static func cut(
    _ request: KernelRequest
  ) throws(Conv2DError) -> BoundKernel {
    if let reason = reasonAgainst(request.map) { throw unsupported(reason) }
    guard request.map.isDegenerate else {
      return BoundKernel(try Self(request))
    }
    try checkDegenerate(request)
    return BoundKernel(Zeros(count: request.map.resultCount))
  }
}

/// The algorithms that a plan chooses from.
enum Candidates {
  /// In the order of preference between equals; the direct kernel is last and
  /// always can.
  static func order(
    _ operation: ConvolutionOperation
  ) -> [ConvolutionAlgorithm] {
    switch (operation, BLASRuntime.core) {
    case (.filterGradient, _): [.narrowGroups, .taps, .winograd, .direct]
    case (_, .small):
      [.narrowGroups, .taps, .column, .implicit, .winograd, .direct]
    // Products that copy their operands come after those on panels.
    case (_, .packed):
      [.narrowGroups, .implicit, .column, .taps, .winograd, .direct]
    }
  }

  /// What a candidate must be cheaper by than those before it: less is in the
  /// noise of the model.
  private static let margin = 0.97

  /// What an execution is expected to cost, in nanoseconds on one thread.
  static func cost(_ kernel: BoundKernel, _ map: ConvolutionMap) -> Double {
    let model = CostModel(
      core: BLASRuntime.core, computeByteCount: map.type.computeByteCount)
    return kernel.kernel.cost(model)
      + model.operands(
        map.sourceCount
          + (map.operation == .filterGradient ? map.targetCount : 0),
        results: map.resultCount, byteCount: map.type.byteCount)
  }

  /// The candidate that the model finds cheapest.
  static func cheapest(
    _ request: KernelRequest
  ) -> (ConvolutionAlgorithm, BoundKernel) {
    var best: (ConvolutionAlgorithm, BoundKernel)?
    var leastCost = Double.infinity
    for algorithm in order(request.map.operation) {
      guard let kernel = try? make(algorithm, request) else { continue }
      let cost = cost(kernel, request.map)
      if best == nil || cost < leastCost * margin {
        (best, leastCost) = ((algorithm, kernel), cost)
      }
    }
    // The direct kernel always can.
    return best!
  }

  /// The kernel of one algorithm, or the reason why it cannot serve.
  static func make(
    _ algorithm: ConvolutionAlgorithm, _ request: KernelRequest
  ) throws(Conv2DError) -> BoundKernel {
    if let reason = algorithm.reasonAgainst(
      request.products, request.map.operation)
    {
      throw .unsupported(algorithm, reason: reason)
    }
    return request.map.type == .float64
      ? try make(algorithm, request, Double.self)
      : try make(algorithm, request, Float.self)
  }

  private static func make<Compute: ComputeScalar>(
    _ algorithm: ConvolutionAlgorithm, _ request: KernelRequest,
    _ type: Compute.Type
  ) throws(Conv2DError) -> BoundKernel {
    if request.map.operation == .filterGradient {
      return switch algorithm {
      case .taps: try FilterGradientProducts<Compute>.cut(request)
      case .narrowGroups: try FilterGradientNarrow<Compute>.cut(request)
      case .winograd: try FilterGradientWinograd<Compute>.cut(request)
      case .direct, .automatic: try FilterGradientDirect<Compute>.cut(request)
      case .reference: try Reference<Compute>.cut(request)
      case .column, .implicit:
        throw .unsupported(
          algorithm, reason: "it is none for the filter gradient")
      }
    }
    return switch algorithm {
    case .column: try Column<Compute>.cut(request)
    case .taps: try Taps<Compute>.cut(request)
    case .implicit: try implicit(request, type)
    case .narrowGroups:
      // Vectors of channels, or of columns.
      request.map.dataFormat == .nhwc
        && NarrowGroups<Compute>.reasonAgainst(request.map) == nil
        ? try NarrowGroups<Compute>.cut(request)
        : try NarrowGroupPlanes<Compute>.cut(request)
    case .winograd: try Winograd<Compute>.cut(request)
    case .direct, .automatic: try Direct<Compute>.cut(request)
    case .reference: try Reference<Compute>.cut(request)
    }
  }

  /// Implicit GEMM with vectors of channels or of pixels, whichever is cheaper, if
  /// both can: the bits are the same.
  private static func implicit<Compute: ComputeScalar>(
    _ request: KernelRequest, _ type: Compute.Type
  ) throws(Conv2DError) -> BoundKernel {
    let map = request.map
    let kernel: BoundKernel
    do throws(Conv2DError) {
      kernel = try Implicit<Compute>.cut(request)
    } catch {
      guard let planes = try? ImplicitPlanes<Compute>.cut(request) else {
        throw error
      }
      return planes
    }
    // Planes of NHWC are transposed, which pays for few channels alone.
    let pays =
      map.dataFormat == .nchw
      || map.channelsPerGroup <= PanelFilter<Compute>.width
    guard pays, let planes = try? ImplicitPlanes<Compute>.cut(request) else {
      return kernel
    }
    return cost(planes, map) < cost(kernel, map) ? planes : kernel
  }
}

extension ConvolutionAlgorithm {
  /// Why products of one kind cannot be asked for, if so.
  fileprivate func reasonAgainst(
    _ products: ProductProvider, _ operation: ConvolutionOperation
  ) -> String? {
    let areBLAS = "its products are the linked BLAS's"
    let areOwn = "its products are kernels of our own"
    return switch (self, products) {
    case (.taps, .panels) where operation == .filterGradient: nil
    case (.taps, .blas) where operation == .filterGradient: areOwn
    case (.winograd, .blas): areOwn
    case (_, .automatic), (.column, _), (.winograd, _): nil
    case (.implicit, .panels), (.taps, .blas): nil
    case (.taps, _): areBLAS
    case (.implicit, _): areOwn
    case (.direct, _), (.narrowGroups, _), (.reference, _), (.automatic, _):
      nil
    }
  }
}
