// Plans on whole tensors.

extension InputGradientPlan {
  /// Brings a filter into the order that executions read it in.
  ///
  /// - Parameter filter: of shape ``Conv2DGeometry/filterSizes``; a precondition
  ///   checks it.
  /// - Complexity: O(`geometry.filterCount`), on the plan's threads.
  public func prepare(filter: Tensor<Scalar>) -> PreparedFilter<Scalar> {
    precondition(filter.shape == geometry.filterSizes, "shape of the filter")
    return prepare(filter: filter.scalars.span)
  }

  /// Computes the gradient with respect to the input into a tensor.
  ///
  /// Preconditions check the shapes.
  ///
  /// - Parameters:
  ///   - filter: from `prepare(filter:)` of a plan of the same geometry and
  ///     algorithm.
  ///   - outBackprop: of shape ``Conv2DGeometry/outBackpropSizes``.
  ///   - result: of shape ``Conv2DGeometry/inputSizes``; overwritten whole.
  ///   - workspace: at least ``workspaceByteCount`` bytes.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most.
  public func execute(
    filter: PreparedFilter<Scalar>, outBackprop: Tensor<Scalar>,
    into result: inout Tensor<Scalar>, workspace: inout Workspace
  ) {
    precondition(
      outBackprop.shape == geometry.outBackpropSizes, "shape of out_backprop")
    precondition(result.shape == geometry.inputSizes, "shape of the result")
    result.withMutableSpan { span in
      execute(
        filter: filter, outBackprop: outBackprop.scalars.span, into: &span,
        workspace: &workspace)
    }
  }
}
