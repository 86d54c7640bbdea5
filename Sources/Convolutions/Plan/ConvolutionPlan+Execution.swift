// MARK: - On spans

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
    execute(
      filter: filter, source: outBackprop, into: &result,
      workspace: &workspace)
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
    execute(
      filter: filter, source: outBackprop, into: result,
      workspace: &workspace)
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
    execute(
      filter: filter, source: input, into: &result, workspace: &workspace)
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
    execute(
      filter: filter, source: input, into: result, workspace: &workspace)
  }
}

// MARK: - Any operation

extension ConvolutionPlan {
  /// Scalars of what a prepared filter is applied to.
  var sourceCount: Int { map.sourceCount }

  /// Scalars of the result.
  var resultCount: Int { map.resultCount }

  private var sourceName: String { Operation.operation.operands[1].rawValue }

  func execute(
    filter: PreparedFilter<Scalar>, source: Span<Scalar>,
    into result: inout MutableSpan<Scalar>, workspace: inout Workspace
  ) {
    precondition(
      source.count == sourceCount,
      "\(sourceName) has \(source.count) scalars; the plan needs "
        + "\(sourceCount)")
    precondition(
      result.count == resultCount,
      "the result has \(result.count) scalars; the plan needs \(resultCount)")
    source.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { result in
        guard let destination = result.baseAddress else { return }
        execute(
          filter: filter, source: source.baseAddress, into: destination,
          workspace: &workspace)
      }
    }
  }

  func execute(
    filter: PreparedFilter<Scalar>, source: UnsafePointer<Scalar>?,
    into result: UnsafeMutablePointer<Scalar>,
    workspace: inout Workspace
  ) {
    precondition(
      filter.suits(self),
      "the filter was prepared for another operation, geometry, algorithm or "
        + "accuracy")
    precondition(
      workspace.byteCount >= workspaceByteCount,
      "the workspace has \(workspace.byteCount) bytes; the plan needs "
        + "\(workspaceByteCount)")
    precondition(
      source != nil || sourceCount == 0, "\(sourceName) has no address")
    let memory = workspace.memory
    if Verbose.isOn {
      let time = ContinuousClock().measure {
        run(filter, source, result, memory)
      }
      Verbose.report(self, time)
    } else {
      run(filter, source, result, memory)
    }
  }

  private func run(
    _ filter: PreparedFilter<Scalar>, _ source: UnsafePointer<Scalar>?,
    _ result: UnsafeMutablePointer<Scalar>, _ workspace: UnsafeMutableRawPointer
  ) {
    let prepared = UnsafeRawPointer(filter.memory)
    // An empty source has no address, and is not read.
    KernelCall(
      kernel, filter: prepared,
      source: source.map { UnsafeRawPointer($0) } ?? prepared,
      result: UnsafeMutableRawPointer(result), workspace: workspace,
      workspacePerThread: Workspace.padded(kernel.workspaceByteCount)
    ).run(threads: threads)
    withExtendedLifetime(filter) {}
  }
}
