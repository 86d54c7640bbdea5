extension ConvolutionPlan where Operation == InputGradient {
  /// Computes the gradient with respect to the input.
  ///
  /// Nothing is validated but the sizes of the buffers, which are preconditions,
  /// and nothing is allocated here (`scripts/allocations.sh`); OpenBLAS's small
  /// products allocate a buffer of their own for some odd shapes.
  ///
  /// - Parameters:
  ///   - filter: from ``ConvolutionPlan/prepare(filter:)-(Span<Scalar>)`` of a
  ///     plan of the same operation, geometry and algorithm, and for Winograd of
  ///     the same accuracy.
  ///   - outBackprop: `[N, oh, ow, Cout]` or `[N, Cout, oh, ow]`.
  ///   - result: `[N, H, W, Cin]` or `[N, Cin, H, W]`; overwritten whole.
  ///   - workspace: at least ``ConvolutionPlan/workspaceByteCount`` bytes; its
  ///     content does not matter.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most; windows over padding
  ///   are skipped where a tile allows.
  public func execute(
    filter: PreparedFilter<Scalar>, outBackprop: Span<Scalar>,
    into result: inout MutableSpan<Scalar>, workspace: inout Workspace
  ) {
    operationPlan.execute(
      nil, filter, outBackprop, into: &result, workspace: &workspace)
  }

  /// Computes the gradient with respect to the input, on bare pointers.
  ///
  /// - Parameters:
  ///   - filter: from `prepare(filter:)` of a plan of the same operation,
  ///     geometry and algorithm; a precondition checks it.
  ///   - outBackprop: `geometry.outBackpropCount` scalars; `nil` only where
  ///     there are none.
  ///   - result: room for `geometry.inputCount` scalars, apart from the other
  ///     buffers. The caller answers for both.
  ///   - workspace: at least ``ConvolutionPlan/workspaceByteCount`` bytes; a
  ///     precondition checks it.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most.
  public func execute(
    filter: PreparedFilter<Scalar>, outBackprop: UnsafePointer<Scalar>?,
    into result: UnsafeMutablePointer<Scalar>, workspace: inout Workspace
  ) {
    operationPlan.execute(
      nil, filter.prepared, outBackprop, into: result, workspace: &workspace)
  }
}

extension ConvolutionPlan where Operation == Forward {
  /// Computes the convolution.
  ///
  /// Nothing is validated but the sizes of the buffers, which are preconditions,
  /// and nothing is allocated here (`scripts/allocations.sh`).
  ///
  /// - Parameters:
  ///   - filter: from ``ConvolutionPlan/prepare(filter:)-(Span<Scalar>)`` of a
  ///     plan of the same operation, geometry and algorithm, and for Winograd of
  ///     the same accuracy.
  ///   - input: `[N, H, W, Cin]` or `[N, Cin, H, W]`.
  ///   - result: `[N, oh, ow, Cout]` or `[N, Cout, oh, ow]`; overwritten whole.
  ///   - workspace: at least ``ConvolutionPlan/workspaceByteCount`` bytes; its
  ///     content does not matter.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most; windows over padding
  ///   are skipped where a tile allows.
  public func execute(
    filter: PreparedFilter<Scalar>, input: Span<Scalar>,
    into result: inout MutableSpan<Scalar>, workspace: inout Workspace
  ) {
    operationPlan.execute(
      nil, filter, input, into: &result, workspace: &workspace)
  }

  /// Computes the convolution, on bare pointers.
  ///
  /// - Parameters:
  ///   - filter: from `prepare(filter:)` of a plan of the same operation,
  ///     geometry and algorithm; a precondition checks it.
  ///   - input: `geometry.inputCount` scalars; `nil` only where there are none.
  ///   - result: room for `geometry.outBackpropCount` scalars, apart from the
  ///     other buffers. The caller answers for both.
  ///   - workspace: at least ``ConvolutionPlan/workspaceByteCount`` bytes; a
  ///     precondition checks it.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most.
  public func execute(
    filter: PreparedFilter<Scalar>, input: UnsafePointer<Scalar>?,
    into result: UnsafeMutablePointer<Scalar>, workspace: inout Workspace
  ) {
    operationPlan.execute(
      nil, filter.prepared, input, into: result, workspace: &workspace)
  }
}

extension ConvolutionPlan where Operation == FilterGradient {
  /// Computes the gradient with respect to the filter.
  ///
  /// Nothing is validated but the sizes of the buffers, which are preconditions,
  /// and nothing is allocated here (`scripts/allocations.sh`).
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, Cin]` or `[N, Cin, H, W]`.
  ///   - outBackprop: `[N, oh, ow, Cout]` or `[N, Cout, oh, ow]`.
  ///   - result: `[kh, kw, Cin / groups, Cout]`; overwritten whole.
  ///   - workspace: at least ``ConvolutionPlan/workspaceByteCount`` bytes; its
  ///     content does not matter.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most; windows over padding
  ///   are skipped where a tile allows.
  public func execute(
    input: Span<Scalar>, outBackprop: Span<Scalar>,
    into result: inout MutableSpan<Scalar>, workspace: inout Workspace
  ) {
    operationPlan.execute(
      input, prepared: nil, outBackprop, into: &result, workspace: &workspace)
  }

  /// Computes the gradient with respect to the filter, on bare pointers.
  ///
  /// - Parameters:
  ///   - input: `geometry.inputCount` scalars; `nil` only where there are none.
  ///   - outBackprop: `geometry.outBackpropCount` scalars; `nil` only where
  ///     there are none.
  ///   - result: room for `geometry.filterCount` scalars, apart from the other
  ///     buffers. The caller answers for all three.
  ///   - workspace: at least ``ConvolutionPlan/workspaceByteCount`` bytes; a
  ///     precondition checks it.
  /// - Complexity: O(``Conv2DGeometry/flops``) at most.
  public func execute(
    input: UnsafePointer<Scalar>?, outBackprop: UnsafePointer<Scalar>?,
    into result: UnsafeMutablePointer<Scalar>, workspace: inout Workspace
  ) {
    operationPlan.execute(
      input, nil, outBackprop, into: result, workspace: &workspace)
  }
}
