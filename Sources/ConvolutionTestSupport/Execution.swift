import Convolutions

/// Plans and runs an input gradient on arrays.
///
/// - Parameter prefill: what the result holds before; it must not show.
package func inputGradient<Scalar: ConvolutionScalar>(
  _ geometry: Conv2DGeometry, _ options: InputGradientOptions,
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

extension InputGradientOptions {
  /// An algorithm as a sum that is exact on small integers.
  package static func exact(
    _ algorithm: InputGradientAlgorithm,
    threads: Int = InputGradientOptions.availableProcessors,
    workspaceLimit: Int? = nil
  ) -> Self {
    var options = InputGradientOptions(
      algorithm: algorithm, threads: threads, workspaceLimit: workspaceLimit)
    options.isExactOnIntegers = true
    return options
  }
}

/// Bytes that one thread needs for a problem, in the accuracy of the exact
/// suite, if the algorithm can serve it.
package func leastWorkspace<Scalar: ConvolutionScalar>(
  _ type: Scalar.Type, _ geometry: Conv2DGeometry,
  _ algorithm: InputGradientAlgorithm
) throws(Conv2DError) -> Int {
  try InputGradientPlan<Scalar>(
    geometry, options: .exact(algorithm, threads: 1)
  ).workspaceByteCount
}
