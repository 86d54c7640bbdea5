import Foundation
import Testing

@testable import ConvolutionTestSupport
@testable import Convolutions

/// Bytes of a workspace that were asked for, and those up to the last that was
/// written.
struct WorkspaceUse {
  let query: Int
  let touched: Int

  /// The cache lines that were asked for over those that were used.
  var surplus: Double {
    query == 0
      ? 1 : Double(query) / Double(max(1, Workspace.padded(touched)))
  }
}

/// A problem on integers, run between guards.
struct GuardedProblem<Operation: PlannedOperation, Scalar: TestScalar> {
  let geometry: Conv2DGeometry
  let seed: UInt64
  let exact: ExactCase<Scalar>

  init(_ geometry: Conv2DGeometry, seed: UInt64) {
    self.geometry = geometry
    self.seed = seed
    exact = ExactCase(Operation.operation, geometry, seed: seed)
  }

  func run(_ algorithm: ConvolutionAlgorithm) throws -> WorkspaceUse {
    let test = VerificationCase(
      operation: Operation.operation, geometry: geometry,
      type: Scalar.scalarType, algorithm: algorithm, threads: 1, seed: seed)
    FileHandle.standardError.write(
      Data("guarded: \(test.reproduction)\n".utf8))
    let plan = try ConvolutionPlan<Operation, Scalar>(
      geometry, options: test.options)
    // The patterns differ in every byte, so that what is written shows in at least
    // one of the two runs. Both are NaN as a number of any type.
    let touched = zip(GuardedMemory.Edge.allCases, [0x7FF4_7FA1, 0xFFFC_FFFE])
      .map { edge, garbage in
        run(plan, at: edge, garbage: garbage, test)
      }
    try runPublicly(test)
    return WorkspaceUse(query: plan.workspaceByteCount, touched: touched.max()!)
  }

  /// Prepares and executes on one thread. The memory that a plan would allocate
  /// lies between guards too.
  ///
  /// - Returns: the bytes of the workspace up to the last that was written.
  private func run(
    _ plan: ConvolutionPlan<Operation, Scalar>, at edge: GuardedMemory.Edge,
    garbage: UInt32, _ test: VerificationCase
  ) -> Int {
    let first = GuardedMemory(exact.first, at: edge)
    let second = GuardedMemory(exact.second, at: edge)
    let result = GuardedMemory(
      [Scalar](repeating: .notANumber, count: exact.expected.count), at: edge)
    let prepared = GuardedMemory(
      byteCount: plan.preparedFilterByteCount, at: edge,
      alignment: Workspace.alignment)
    let workspace = GuardedMemory(
      byteCount: plan.workspaceByteCount, at: edge,
      alignment: Workspace.alignment)
    workspace.fill(with: garbage)
    first.forbidWrites()
    second.forbidWrites()

    var operand = first
    if Operation.self is any FilteringOperation.Type {
      plan.operationPlan.prepare(filter: first.start, into: prepared.start)
      prepared.forbidWrites()
      operand = prepared
    }
    plan.operationPlan.run(
      operand.start, second.start, result.start, workspace.start)
    compare(result, test, "\(edge)")
    for (name, memory) in [
      ("the result", result), ("the prepared filter", prepared),
      ("the workspace", workspace),
    ] where !memory.isIntact {
      Issue.record("written beside \(name), \(edge): \(test.reproduction)")
    }
    return workspace.touchedByteCount(since: garbage)
  }

  /// Runs a plan of three threads as a caller does. What the caller owns lies
  /// between guards.
  private func runPublicly(_ test: VerificationCase) throws {
    var test = test
    test.threads = 3
    let plan = try ConvolutionPlan<Operation, Scalar>(
      geometry, options: test.options)
    let first = GuardedMemory(exact.first, at: .end)
    let second = GuardedMemory(exact.second, at: .end)
    let result = GuardedMemory(
      [Scalar](repeating: .notANumber, count: exact.expected.count), at: .end)
    first.forbidWrites()
    second.forbidWrites()
    var workspace = plan.makeWorkspace()
    var span = MutableSpan<Scalar>(
      _unsafeStart: result.start(Scalar.self), count: exact.expected.count)
    let firstSpan = Span<Scalar>(
      _unsafeStart: first.start(Scalar.self), count: exact.first.count)
    plan.operationPlan.execute(
      firstSpan, prepared: plan.operationPlan.prepared(firstSpan),
      Span(_unsafeStart: second.start(Scalar.self), count: exact.second.count),
      into: &span, workspace: &workspace)
    compare(result, test, "a plan")
  }

  /// Expects the same bits, but for the sign of a zero, which is open.
  private func compare(
    _ result: GuardedMemory, _ test: VerificationCase, _ way: String
  ) {
    let values = result.values(Scalar.self)
    let differences = zip(values, exact.expected).count {
      $0.bits != $1.bits && !($0.isZero && $1.isZero)
    }
    if differences > 0 || !result.isIntact {
      Issue.record("\(differences) differ, \(way): \(test.reproduction)")
    }
  }
}
