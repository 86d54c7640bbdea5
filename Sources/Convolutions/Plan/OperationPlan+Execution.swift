// Executions on what a caller has, whose sizes and addresses are preconditions.

extension OperationPlan {
  // MARK: Filters

  /// The first operand as executions read it; `nil` where they read it as it is.
  package func prepared<Scalar>(
    _ first: Span<Scalar>
  ) -> PreparedFilter<Scalar>? {
    operation == .filterGradient ? nil : prepared(filter: first)
  }

  func prepared<Scalar>(filter: Span<Scalar>) -> PreparedFilter<Scalar> {
    checkType(Scalar.self)
    precondition(
      filter.count == geometry.filterCount,
      "the filter has \(filter.count) scalars; the plan needs "
        + "\(geometry.filterCount)")
    return filter.withUnsafeBufferPointer { prepared(filter: $0.baseAddress) }
  }

  func prepared<Scalar>(
    filter: UnsafePointer<Scalar>?
  ) -> PreparedFilter<Scalar> {
    PreparedFilter(prepared(bytes: UnsafeRawPointer(filter)))
  }

  package func prepared(bytes filter: UnsafeRawPointer?) -> PreparedMemory {
    let prepared = PreparedMemory(for: self)
    if let filter {
      prepare(filter: filter, into: prepared.memory)
    } else {
      precondition(geometry.filterCount == 0, "the filter has no address")
    }
    return prepared
  }

  // MARK: Executions

  /// Executes on the operands in the order of
  /// ``ConvolutionOperation/operands``.
  package func execute<Scalar>(
    _ first: Span<Scalar>, prepared: PreparedFilter<Scalar>?,
    _ second: Span<Scalar>, into result: inout MutableSpan<Scalar>,
    workspace: inout Workspace
  ) {
    if prepared == nil { check(first.count, of: operation.firstOperand) }
    first.withUnsafeBufferPointer { first in
      execute(
        first.baseAddress, prepared, second, into: &result,
        workspace: &workspace)
    }
  }

  /// - Parameter first: where there is no prepared filter.
  func execute<Scalar>(
    _ first: UnsafePointer<Scalar>?, _ prepared: PreparedFilter<Scalar>?,
    _ second: Span<Scalar>, into result: inout MutableSpan<Scalar>,
    workspace: inout Workspace
  ) {
    checkType(Scalar.self)
    check(second.count, of: operation.secondOperand)
    precondition(
      result.count == resultCount,
      "the result has \(result.count) scalars; the plan needs \(resultCount)")
    second.withUnsafeBufferPointer { second in
      result.withUnsafeMutableBufferPointer { result in
        guard let destination = result.baseAddress else { return }
        execute(
          UnsafeRawPointer(first), prepared?.prepared,
          UnsafeRawPointer(second.baseAddress), into: destination,
          workspace: &workspace)
      }
    }
  }

  /// Executes on bare pointers, `nil` where there are no scalars.
  ///
  /// - Parameter first: where there is no prepared filter.
  package func execute(
    _ first: UnsafeRawPointer?, _ prepared: PreparedMemory?,
    _ second: UnsafeRawPointer?, into result: UnsafeMutableRawPointer,
    workspace: inout Workspace
  ) {
    if operation.firstOperand == .filter {
      precondition(
        prepared?.suits(self) == true,
        "the filter was prepared for another operation, geometry, algorithm or "
          + "accuracy")
    } else {
      checkAddress(first, of: operation.firstOperand)
    }
    checkAddress(second, of: operation.secondOperand)
    precondition(
      workspace.byteCount >= workspaceByteCount,
      "the workspace has \(workspace.byteCount) bytes; the plan needs "
        + "\(workspaceByteCount)")
    let memory = workspace.memory
    // Empty operands have no address, and are not read.
    let first =
      prepared.map { UnsafeRawPointer($0.memory) } ?? first
      ?? UnsafeRawPointer(memory)
    let second = second ?? first
    if Verbose.isOn {
      let time = ContinuousClock().measure {
        run(first, second, result, memory)
      }
      Verbose.report(self, time)
    } else {
      run(first, second, result, memory)
    }
    withExtendedLifetime(prepared) {}
  }

  private func checkType<Scalar: ConvolutionScalar>(_ scalars: Scalar.Type) {
    precondition(
      scalars.scalarType == type,
      "the scalars are \(scalars.scalarType.rawValue); the plan is of "
        + "\(type.rawValue)")
  }

  private func check(_ count: Int, of tensor: Conv2DError.TensorName) {
    let needed = geometry.count(of: tensor)
    precondition(
      count == needed,
      "\(tensor.rawValue) has \(count) scalars; the plan needs \(needed)")
  }

  private func checkAddress(
    _ address: UnsafeRawPointer?, of tensor: Conv2DError.TensorName
  ) {
    precondition(
      address != nil || geometry.count(of: tensor) == 0,
      "\(tensor.rawValue) has no address")
  }
}

extension ConvolutionOperation {
  /// A plan of the operation; for measurements one that aims at other sizes.
  package func plan<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry,
    options: ConvolutionOptions = .init(), targets: TileTargets? = nil
  ) throws(Conv2DError) -> OperationPlan {
    try OperationPlan(
      self, type.scalarType, geometry, options: options, targets: targets)
  }
}
