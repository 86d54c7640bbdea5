/// An operation that plans are made for: ``InputGradient``, ``Forward`` or
/// ``FilterGradient``. No other type can conform.
public protocol PlannedOperation: Sendable {
  /// Which of them this is.
  static var operation: ConvolutionOperation { get }
  /// Keeps other modules' types out.
  static var _sealedOperation: _Sealed<Self, any PlannedOperation> { get }
}

/// The gradient of a convolution with respect to its input.
public enum InputGradient: PlannedOperation {
  public static var operation: ConvolutionOperation { .inputGradient }
  public static var _sealedOperation: _Sealed<Self, any PlannedOperation> {
    .init()
  }
}

/// The convolution.
public enum Forward: PlannedOperation {
  public static var operation: ConvolutionOperation { .forward }
  public static var _sealedOperation: _Sealed<Self, any PlannedOperation> {
    .init()
  }
}

/// The gradient of a convolution with respect to its filter.
public enum FilterGradient: PlannedOperation {
  public static var operation: ConvolutionOperation { .filterGradient }
  public static var _sealedOperation: _Sealed<Self, any PlannedOperation> {
    .init()
  }
}

/// A plan of the gradient with respect to the input.
public typealias InputGradientPlan<Scalar: ConvolutionScalar> =
  ConvolutionPlan<InputGradient, Scalar>

/// A plan of the convolution.
public typealias ForwardPlan<Scalar: ConvolutionScalar> =
  ConvolutionPlan<Forward, Scalar>

/// A plan of the gradient with respect to the filter.
public typealias FilterGradientPlan<Scalar: ConvolutionScalar> =
  ConvolutionPlan<FilterGradient, Scalar>

/// Everything about one operation on one geometry that can be decided before its
/// data are there: algorithm, tiles, workspace.
///
/// A plan is immutable. Many threads may execute one plan at the same time,
/// each with a workspace of its own.
public struct ConvolutionPlan<
  Operation: PlannedOperation, Scalar: ConvolutionScalar
>: Sendable {
  package let operationPlan: OperationPlan

  /// The problem.
  public var geometry: Conv2DGeometry { operationPlan.geometry }
  /// What was asked for.
  public var options: ConvolutionOptions { operationPlan.options }
  /// The algorithm taken; never `.automatic`.
  public var algorithm: ConvolutionAlgorithm { operationPlan.algorithm }
  /// Threads an execution runs on: those asked for, or fewer where there are
  /// fewer tasks or the workspace limit does not allow more.
  public var threads: Int { operationPlan.threads }
  /// Workspace of one execution, in bytes; within the limit asked for.
  public var workspaceByteCount: Int { operationPlan.workspaceByteCount }
  /// Memory of a prepared filter, in bytes.
  public var preparedFilterByteCount: Int {
    operationPlan.preparedFilterByteCount
  }
  /// How the work is cut, in words.
  public var summary: String { operationPlan.summary }
  /// The relative Frobenius error to expect of random data in the type that sums
  /// are taken in; `nil` where it is that of a plain sum.
  public var expectedError: Double? { operationPlan.expectedError }
  /// What the cost model expects of an execution on one thread. Its numbers are
  /// of one machine; their ratios are what decides between algorithms.
  public var predictedTime: Duration { operationPlan.predictedTime }

  /// Chooses an algorithm and cuts the work into tasks.
  ///
  /// - Throws: ``Conv2DError`` if the algorithm asked for cannot serve the
  ///   geometry, the number of threads is below 1, or the workspace limit is
  ///   below what one thread needs.
  /// - Complexity: O(`kh + kw`) and at most some thousand phases of a strided
  ///   problem and rows and tiles of an image; with ``Tuning/measure`` some ten
  ///   executions.
  public init(
    _ geometry: Conv2DGeometry, options: ConvolutionOptions = .init()
  ) throws(Conv2DError) {
    // A stub of a conformance elsewhere ends here, before it meets any memory.
    _ = (Operation._sealedOperation, Scalar._sealedScalar)
    operationPlan = try OperationPlan(
      Operation.operation, Scalar.scalarType, geometry, options: options)
  }

  /// Memory for executions of this plan.
  public func makeWorkspace() -> Workspace { operationPlan.makeWorkspace() }
}

extension ConvolutionPlan: CustomStringConvertible {
  /// The algorithm, how the work is cut, and why.
  public var description: String { operationPlan.description }
}

// MARK: - Filter

/// An operation with a filter, which a plan prepares. No other type can conform.
public protocol FilteringOperation: PlannedOperation {
  /// Keeps other conformances out.
  static var _sealedFiltering: _Sealed<Self, any FilteringOperation> { get }
}

extension InputGradient: FilteringOperation {
  public static var _sealedFiltering: _Sealed<Self, any FilteringOperation> {
    .init()
  }
}

extension Forward: FilteringOperation {
  public static var _sealedFiltering: _Sealed<Self, any FilteringOperation> {
    .init()
  }
}

extension ConvolutionPlan where Operation: FilteringOperation {
  /// Brings a filter into the order that executions read it in, once for many
  /// executions.
  ///
  /// - Parameter filter: `[kh, kw, Cin / groups, Cout]`; a precondition checks
  ///   the count.
  /// - Complexity: O(`filter.count`), on the plan's threads.
  public func prepare(filter: Span<Scalar>) -> PreparedFilter<Scalar> {
    operationPlan.prepared(filter: filter)
  }

  /// Brings a filter into the order that executions read it in, from a bare
  /// pointer.
  ///
  /// - Parameter filter: `geometry.filterCount` scalars,
  ///   `[kh, kw, Cin / groups, Cout]`; the caller answers for them. `nil` only
  ///   where there are none.
  /// - Complexity: O(`geometry.filterCount`), on the plan's threads.
  public func prepare(
    filter: UnsafePointer<Scalar>?
  ) -> PreparedFilter<Scalar> {
    operationPlan.prepared(filter: filter)
  }
}
