/// A plan of an operation that is known at run time alone: for tools and for
/// the C interface.
package protocol AnyConvolutionPlan<Scalar>: Sendable, CustomStringConvertible {
  associatedtype Scalar: ConvolutionScalar

  var operation: ConvolutionOperation { get }
  var geometry: Conv2DGeometry { get }
  var algorithm: ConvolutionAlgorithm { get }
  var threads: Int { get }
  var workspaceByteCount: Int { get }
  var preparedFilterByteCount: Int { get }
  var summary: String { get }
  var expectedError: Double? { get }
  var errorGrowth: Double? { get }
  var predictedTime: Duration { get }

  func makeWorkspace() -> Workspace

  /// The first operand as executions read it; `nil` where they read it as it is.
  func prepared(_ first: Span<Scalar>) -> PreparedFilter<Scalar>?

  /// Executes on the operands in the order of
  /// ``ConvolutionOperation/operands``.
  func execute(
    _ first: Span<Scalar>, prepared: PreparedFilter<Scalar>?,
    _ second: Span<Scalar>, into result: inout MutableSpan<Scalar>,
    workspace: inout Workspace)

  // On bare pointers, `nil` where there are no scalars.

  func prepared(filter: UnsafePointer<Scalar>?) -> PreparedFilter<Scalar>

  /// Whether it is prepared for this plan's executions.
  func isSuited(by filter: PreparedFilter<Scalar>) -> Bool

  /// - Parameter first: where there is no prepared filter.
  func execute(
    first: UnsafeRawPointer?, prepared: PreparedFilter<Scalar>?,
    second: UnsafePointer<Scalar>?, into result: UnsafeMutablePointer<Scalar>,
    workspace: inout Workspace)
}

extension ConvolutionPlan: AnyConvolutionPlan {
  package var operation: ConvolutionOperation { Operation.operation }

  package func prepared(_ first: Span<Scalar>) -> PreparedFilter<Scalar>? {
    Operation.operation == .filterGradient ? nil : prepared(filter: first)
  }

  package func execute(
    _ first: Span<Scalar>, prepared: PreparedFilter<Scalar>?,
    _ second: Span<Scalar>, into result: inout MutableSpan<Scalar>,
    workspace: inout Workspace
  ) {
    first.withUnsafeBufferPointer { first in
      run(
        prepared, UnsafeRawPointer(first.baseAddress), second, into: &result,
        workspace: &workspace)
    }
  }

  package func isSuited(by filter: PreparedFilter<Scalar>) -> Bool {
    filter.suits(self)
  }

  package func execute(
    first: UnsafeRawPointer?, prepared: PreparedFilter<Scalar>?,
    second: UnsafePointer<Scalar>?, into result: UnsafeMutablePointer<Scalar>,
    workspace: inout Workspace
  ) {
    run(prepared, first, second, into: result, workspace: &workspace)
  }
}

extension ConvolutionOperation {
  /// A plan of the operation; for measurements one that aims at other sizes.
  package func plan<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry,
    options: ConvolutionOptions = .init(), targets: TileTargets? = nil
  ) throws(Conv2DError) -> any AnyConvolutionPlan<Scalar> {
    switch self {
    case .inputGradient:
      try InputGradientPlan<Scalar>(
        geometry, options: options, targets: targets)
    case .forward:
      try ForwardPlan<Scalar>(geometry, options: options, targets: targets)
    case .filterGradient:
      try FilterGradientPlan<Scalar>(
        geometry, options: options, targets: targets)
    }
  }
}
