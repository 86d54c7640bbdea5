/// A filter in the order that a plan's algorithm reads it in.
public final class PreparedFilter<Scalar: ConvolutionScalar>: Sendable {
  package let prepared: PreparedMemory

  init(_ prepared: PreparedMemory) { self.prepared = prepared }

  /// Memory held, in bytes.
  public var byteCount: Int { prepared.byteCount }
}

/// The memory of a prepared filter, and what it was prepared for.
package final class PreparedMemory: Sendable {
  private let operation: ConvolutionOperation
  private let type: ScalarType
  private let geometry: Conv2DGeometry
  private let algorithm: ConvolutionAlgorithm
  private let accuracy: AccuracyTarget
  private let products: ProductProvider
  package let byteCount: Int
  private let kept: KeptMemory
  var memory: UnsafeMutableRawPointer { kept.start }

  init(for plan: OperationPlan) {
    operation = plan.operation
    type = plan.type
    geometry = plan.geometry
    algorithm = plan.algorithm
    accuracy = plan.options.winograd
    products = plan.options.products
    byteCount = plan.preparedFilterByteCount
    kept = KeptMemory(byteCount: byteCount)
  }

  deinit {
    kept.deallocate()
  }

  /// Whether a plan reads it in that order.
  package func suits(_ plan: OperationPlan) -> Bool {
    operation == plan.operation && type == plan.type
      && geometry == plan.geometry && algorithm == plan.algorithm
      // Another accuracy takes other points, and other products another order.
      && (algorithm != .winograd || accuracy == plan.options.winograd)
      && (algorithm != .column || products == plan.options.products)
  }
}
