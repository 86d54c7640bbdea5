import CConvolutions
import Convolutions

/// What a `conv_plan` points at.
final class Plan: Sendable {
  let plan: OperationPlan

  init(_ problem: conv_problem, _ options: conv_options) throws(Failure) {
    let operation = try problem.operationAsked()
    let type = try problem.scalarType()
    let options = try options.options()
    let geometry = try problem.geometry()
    plan = try checked { () throws(Conv2DError) in
      try OperationPlan(operation, type, geometry, options: options)
    }
  }

  /// Bytes with room for the workspace at any address.
  var workspaceByteCount: Int {
    let count = plan.workspaceByteCount
    return count == 0 ? 0 : count + Workspace.alignment - 1
  }

  func prepare(_ filter: UnsafeRawPointer?) throws(Failure) -> Filter {
    guard plan.operation != .filterGradient else {
      throw Failure(
        CONV_ERROR_VALUE, "a filter gradient has no filter to prepare")
    }
    let filter = try Operand(plan, .filter, filter)
    try expectMemory(plan.preparedFilterByteCount)
    return Filter(plan.prepared(bytes: filter.bytes.baseAddress))
  }

  /// Executes on memory whose sizes the caller answers for.
  ///
  /// - Parameters:
  ///   - filter: takes the place of `first`.
  ///   - memory: `nil` for a workspace of the call's own.
  func execute(
    _ first: UnsafeRawPointer?, _ filter: Filter?, _ second: UnsafeRawPointer?,
    into result: UnsafeMutableRawPointer?,
    _ memory: UnsafeMutableRawBufferPointer?
  ) throws(Failure) {
    let operands = plan.operation.operands
    var prepared = filter?.prepared
    guard prepared?.suits(plan) != false else {
      throw Failure(
        CONV_ERROR_FILTER,
        "the filter was prepared for another operation, type, geometry, "
          + "algorithm, accuracy or products")
    }
    let first =
      filter == nil ? try Operand(plan, operands[0], first) : .nothing
    let second = try Operand(plan, operands[1], second)
    let target = try Operand(plan, plan.operation.result, result)
    let space = Operand("workspace", memory, most: workspaceByteCount)
    try target.check(isApartFrom: first)
    try target.check(isApartFrom: second)
    try target.check(isApartFrom: space)
    try space.check(isApartFrom: first)
    try space.check(isApartFrom: second)
    var workspace = try workspace(memory)
    if filter == nil, operands[0] == .filter {
      try expectMemory(plan.preparedFilterByteCount)
      prepared = plan.prepared(bytes: first.bytes.baseAddress)
    }
    guard let result, target.bytes.count > 0 else { return }
    plan.execute(
      first.bytes.baseAddress, prepared, second.bytes.baseAddress,
      into: result, workspace: &workspace)
  }

  private func workspace(
    _ space: UnsafeMutableRawBufferPointer?
  ) throws(Failure) -> Workspace {
    guard let space else {
      try expectMemory(plan.workspaceByteCount)
      return plan.makeWorkspace()
    }
    guard space.count >= workspaceByteCount else {
      throw Failure(
        CONV_ERROR_WORKSPACE,
        "the workspace has \(space.count) bytes; the plan needs "
          + "\(workspaceByteCount)")
    }
    guard workspaceByteCount > 0, let start = space.baseAddress else {
      return Workspace(byteCount: 0)
    }
    return Workspace(
      unowned: start.alignedUp(toMultipleOf: Workspace.alignment),
      byteCount: plan.workspaceByteCount)
  }
}

private func expectMemory(_ byteCount: Int) throws(Failure) {
  try checked { () throws(Conv2DError) in try checkMemory(byteCount) }
}

/// What a `conv_filter` points at.
final class Filter: Sendable {
  let prepared: PreparedMemory

  init(_ prepared: PreparedMemory) {
    self.prepared = prepared
  }
}

/// The memory of a tensor.
private struct Operand {
  let name: String
  let bytes: UnsafeRawBufferPointer

  static var nothing: Self { Self("", nil, most: 0) }

  /// - Parameter most: bytes that are used.
  init(_ name: String, _ memory: UnsafeMutableRawBufferPointer?, most: Int) {
    self.name = name
    bytes = UnsafeRawBufferPointer(
      start: memory?.baseAddress, count: min(most, memory?.count ?? 0))
  }

  /// Checks what can be seen of a pointer.
  init(
    _ plan: OperationPlan, _ tensor: Conv2DError.TensorName,
    _ start: UnsafeRawPointer?
  ) throws(Failure) {
    name = tensor == plan.operation.result ? "result" : tensor.rawValue
    let count = plan.geometry.count(of: tensor)
    let start = count == 0 ? nil : try required(start, name)
    let alignment = plan.type.byteCount
    guard UInt(bitPattern: start) % UInt(alignment) == 0 else {
      throw Failure(
        CONV_ERROR_ALIGNMENT,
        "\(name) is not aligned to \(alignment) bytes")
    }
    bytes = UnsafeRawBufferPointer(
      start: start, count: count * plan.type.byteCount)
  }

  func check(isApartFrom other: Self) throws(Failure) {
    let start = UInt(bitPattern: bytes.baseAddress)
    let otherStart = UInt(bitPattern: other.bytes.baseAddress)
    guard
      start >= otherStart + UInt(other.bytes.count)
        || otherStart >= start + UInt(bytes.count)
    else {
      throw Failure(
        CONV_ERROR_OVERLAP,
        "the memory of \(name) overlaps that of \(other.name)")
    }
  }
}
