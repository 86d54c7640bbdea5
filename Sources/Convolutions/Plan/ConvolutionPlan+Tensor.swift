// Plans on whole tensors.

extension ConvolutionPlan where Operation: FilteringOperation {
  /// Brings a filter into the order that executions read it in.
  ///
  /// - Parameter filter: of shape ``Conv2DGeometry/filterSizes``; a precondition
  ///   checks it.
  /// - Complexity: O(`geometry.filterCount`), on the plan's threads.
  public func prepare(filter: Tensor<Scalar>) -> PreparedFilter<Scalar> {
    precondition(filter.shape == geometry.filterSizes, "shape of the filter")
    return prepare(filter: filter.scalars.span)
  }

  private func execute(
    filter: PreparedFilter<Scalar>, source: Tensor<Scalar>,
    into result: inout Tensor<Scalar>, workspace: inout Workspace
  ) {
    let name = Operation.operation.secondOperand
    precondition(
      source.shape == geometry.sizes(of: name), "shape of \(name.rawValue)")
    precondition(
      result.shape == geometry.sizes(of: Operation.operation.result),
      "shape of the result")
    result.withMutableSpan { span in
      operationPlan.execute(
        nil, filter, source.scalars.span, into: &span, workspace: &workspace)
    }
  }

  /// One call on tensors whose shapes the geometry is of.
  func result(
    _ filter: Tensor<Scalar>, _ source: Tensor<Scalar>
  ) throws(Conv2DError) -> Tensor<Scalar> {
    try checkMemory(
      operationPlan.resultCount * MemoryLayout<Scalar>.stride
        + workspaceByteCount
        + preparedFilterByteCount)
    let prepared = prepare(filter: filter.scalars.span)
    var workspace = makeWorkspace()
    return Tensor(
      uncheckedShape: geometry.sizes(of: Operation.operation.result),
      count: operationPlan.resultCount
    ) { result in
      operationPlan.execute(
        nil, prepared, source.scalars.span, into: &result,
        workspace: &workspace)
    }
  }
}

extension ConvolutionPlan where Operation == InputGradient {
  /// Computes the gradient with respect to the input into a tensor.
  ///
  /// Preconditions check the shapes.
  ///
  /// - Parameters:
  ///   - filter: from `prepare(filter:)` of a plan of the same operation,
  ///     geometry and algorithm.
  ///   - outBackprop: of shape ``Conv2DGeometry/outBackpropSizes``.
  ///   - result: of shape ``Conv2DGeometry/inputSizes``; overwritten whole.
  ///   - workspace: at least ``ConvolutionPlan/workspaceByteCount`` bytes.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most.
  public func execute(
    filter: PreparedFilter<Scalar>, outBackprop: Tensor<Scalar>,
    into result: inout Tensor<Scalar>, workspace: inout Workspace
  ) {
    execute(
      filter: filter, source: outBackprop, into: &result,
      workspace: &workspace)
  }
}

extension ConvolutionPlan where Operation == Forward {
  /// Computes the convolution into a tensor.
  ///
  /// Preconditions check the shapes.
  ///
  /// - Parameters:
  ///   - filter: from `prepare(filter:)` of a plan of the same operation,
  ///     geometry and algorithm.
  ///   - input: of shape ``Conv2DGeometry/inputSizes``.
  ///   - result: of shape ``Conv2DGeometry/outBackpropSizes``; overwritten whole.
  ///   - workspace: at least ``ConvolutionPlan/workspaceByteCount`` bytes.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most.
  public func execute(
    filter: PreparedFilter<Scalar>, input: Tensor<Scalar>,
    into result: inout Tensor<Scalar>, workspace: inout Workspace
  ) {
    execute(
      filter: filter, source: input, into: &result, workspace: &workspace)
  }
}

extension ConvolutionPlan where Operation == FilterGradient {
  /// Computes the gradient with respect to the filter into a tensor.
  ///
  /// Preconditions check the shapes.
  ///
  /// - Parameters:
  ///   - input: of shape ``Conv2DGeometry/inputSizes``.
  ///   - outBackprop: of shape ``Conv2DGeometry/outBackpropSizes``.
  ///   - result: of shape ``Conv2DGeometry/filterSizes``; overwritten whole.
  ///   - workspace: at least ``ConvolutionPlan/workspaceByteCount`` bytes.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most.
  public func execute(
    input: Tensor<Scalar>, outBackprop: Tensor<Scalar>,
    into result: inout Tensor<Scalar>, workspace: inout Workspace
  ) {
    precondition(input.shape == geometry.inputSizes, "shape of input")
    precondition(
      outBackprop.shape == geometry.outBackpropSizes, "shape of out_backprop")
    precondition(result.shape == geometry.filterSizes, "shape of the result")
    result.withMutableSpan { span in
      execute(
        input: input.scalars.span, outBackprop: outBackprop.scalars.span,
        into: &span, workspace: &workspace)
    }
  }

  /// One call on tensors whose shapes the geometry is of.
  func result(
    _ input: Tensor<Scalar>, _ outBackprop: Tensor<Scalar>
  ) throws(Conv2DError) -> Tensor<Scalar> {
    try checkMemory(
      operationPlan.resultCount * MemoryLayout<Scalar>.stride
        + workspaceByteCount)
    var workspace = makeWorkspace()
    return Tensor(
      uncheckedShape: geometry.filterSizes, count: operationPlan.resultCount
    ) { result in
      execute(
        input: input.scalars.span, outBackprop: outBackprop.scalars.span,
        into: &result, workspace: &workspace)
    }
  }
}
