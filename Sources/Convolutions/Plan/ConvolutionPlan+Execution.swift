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
    run(filter, nil, outBackprop, into: &result, workspace: &workspace)
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
    run(filter, nil, outBackprop, into: result, workspace: &workspace)
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
    run(filter, nil, input, into: &result, workspace: &workspace)
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
    run(filter, nil, input, into: result, workspace: &workspace)
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
    check(input.count, of: .input)
    input.withUnsafeBufferPointer { input in
      run(
        nil, UnsafeRawPointer(input.baseAddress), outBackprop, into: &result,
        workspace: &workspace)
    }
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
    run(
      nil, UnsafeRawPointer(input), outBackprop, into: result,
      workspace: &workspace)
  }
}

// MARK: - Any operation

extension ConvolutionPlan {
  /// Scalars of the result.
  var resultCount: Int { geometry.count(of: Operation.operation.result) }

  private func check(_ count: Int, of tensor: Conv2DError.TensorName) {
    let needed = geometry.count(of: tensor)
    precondition(
      count == needed,
      "\(tensor.rawValue) has \(count) scalars; the plan needs \(needed)")
  }

  /// - Parameters:
  ///   - filter: the first operand where it is a filter.
  ///   - first: the first operand where it is none.
  func run(
    _ filter: PreparedFilter<Scalar>?, _ first: UnsafeRawPointer?,
    _ second: Span<Scalar>, into result: inout MutableSpan<Scalar>,
    workspace: inout Workspace
  ) {
    check(second.count, of: Operation.operation.secondOperand)
    precondition(
      result.count == resultCount,
      "the result has \(result.count) scalars; the plan needs \(resultCount)")
    second.withUnsafeBufferPointer { second in
      result.withUnsafeMutableBufferPointer { result in
        guard let destination = result.baseAddress else { return }
        run(
          filter, first, second.baseAddress, into: destination,
          workspace: &workspace)
      }
    }
  }

  func run(
    _ filter: PreparedFilter<Scalar>?, _ first: UnsafeRawPointer?,
    _ second: UnsafePointer<Scalar>?,
    into result: UnsafeMutablePointer<Scalar>, workspace: inout Workspace
  ) {
    let firstOperand = Operation.operation.firstOperand
    let secondOperand = Operation.operation.secondOperand
    if firstOperand == .filter {
      precondition(
        filter?.suits(self) == true,
        "the filter was prepared for another operation, geometry, algorithm or "
          + "accuracy")
    } else {
      precondition(
        first != nil || geometry.count(of: firstOperand) == 0,
        "\(firstOperand.rawValue) has no address")
    }
    precondition(
      second != nil || geometry.count(of: secondOperand) == 0,
      "\(secondOperand.rawValue) has no address")
    precondition(
      workspace.byteCount >= workspaceByteCount,
      "the workspace has \(workspace.byteCount) bytes; the plan needs "
        + "\(workspaceByteCount)")
    let memory = workspace.memory
    // Empty operands have no address, and are not read.
    let first =
      filter.map { UnsafeRawPointer($0.memory) } ?? first
      ?? UnsafeRawPointer(memory)
    let second = UnsafeRawPointer(second) ?? first
    let result = UnsafeMutableRawPointer(result)
    if Verbose.isOn {
      let time = ContinuousClock().measure {
        run(first, second, result, memory)
      }
      Verbose.report(self, time)
    } else {
      run(first, second, result, memory)
    }
    withExtendedLifetime(filter) {}
  }

  /// On what is checked: all stages.
  func run(
    _ first: UnsafeRawPointer, _ second: UnsafeRawPointer,
    _ result: UnsafeMutableRawPointer, _ workspace: UnsafeMutableRawPointer
  ) {
    let memory = TileMemory(
      first: first, source: StoredPointer(second, Scalar.scalarType),
      result: MutableStoredPointer(result, Scalar.scalarType),
      partial: workspace, workspace: workspace + sharedByteCount)
    KernelCall(kernel, .run, memory, workspacePerThread: workspacePerThread)
      .run(threads: threads)
    guard kernel.finishTaskCount > 0 else { return }
    KernelCall(kernel, .finish, memory).run(threads: threads)
  }
}
