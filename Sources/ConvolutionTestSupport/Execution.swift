import Convolutions

/// Plans and runs an input gradient on arrays.
///
/// - Parameter prefill: what the result holds before; it must not show.
package func inputGradient<Scalar: ConvolutionScalar>(
  _ geometry: Conv2DGeometry, _ options: ConvolutionOptions,
  filter: [Scalar], outBackprop: [Scalar], prefill: Scalar
) throws(Conv2DError) -> [Scalar] {
  let plan = try InputGradientPlan<Scalar>(geometry, options: options)
  return inputGradient(
    plan, filter: plan.prepare(filter: filter.span), outBackprop: outBackprop,
    prefill: prefill)
}

/// Runs a plan on arrays.
package func inputGradient<Scalar: ConvolutionScalar>(
  _ plan: InputGradientPlan<Scalar>, filter: PreparedFilter<Scalar>,
  outBackprop: [Scalar], prefill: Scalar
) -> [Scalar] {
  var workspace = plan.makeWorkspace()
  var result = [Scalar](repeating: prefill, count: plan.geometry.inputCount)
  var span = result.mutableSpan
  plan.execute(
    filter: filter, outBackprop: outBackprop.span, into: &span,
    workspace: &workspace)
  return result
}

/// Plans and runs an operation on arrays, in the order of its operands.
package func result<Scalar: ConvolutionScalar>(
  of operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
  _ options: ConvolutionOptions, _ first: [Scalar], _ second: [Scalar],
  prefill: Scalar
) throws(Conv2DError) -> [Scalar] {
  result(
    of: try operation.plan(Scalar.self, geometry, options: options), first,
    second,
    prefill: prefill)
}

/// Runs a plan of any operation on arrays.
///
/// - Parameter prepared: the first operand, if it has been prepared before.
package func result<Scalar: ConvolutionScalar>(
  of plan: OperationPlan,
  prepared: PreparedFilter<Scalar>? = nil, _ first: [Scalar],
  _ second: [Scalar], prefill: Scalar
) -> [Scalar] {
  var workspace = plan.makeWorkspace()
  var result = [Scalar](
    repeating: prefill,
    count: plan.geometry.count(of: plan.operation.result))
  var span = result.mutableSpan
  plan.execute(
    first.span, prepared: prepared ?? plan.prepared(first.span), second.span,
    into: &span, workspace: &workspace)
  return result
}

extension ConvolutionOptions {
  /// An algorithm as a sum that is exact on small integers.
  package static func exact(
    _ algorithm: ConvolutionAlgorithm,
    threads: Int = ConvolutionOptions.availableProcessors,
    workspaceLimit: Int? = nil
  ) -> Self {
    var options = ConvolutionOptions(
      algorithm: algorithm, threads: threads, workspaceLimit: workspaceLimit)
    options.isExactOnIntegers = true
    return options
  }
}

/// Bytes that a plan with these options needs on one thread.
package func leastWorkspace<Scalar: ConvolutionScalar>(
  _ type: Scalar.Type, _ operation: ConvolutionOperation,
  _ geometry: Conv2DGeometry, _ options: ConvolutionOptions
) throws(Conv2DError) -> Int {
  var options = options
  options.threads = 1
  return try operation.plan(type, geometry, options: options)
    .workspaceByteCount
}
