import Convolutions
import Testing

@testable import ConvolutionTestSupport

/// A way to run a problem that must not show in the result.
struct Way: Sendable, CustomStringConvertible {
  /// A workspace limit: so many times what one thread needs, and some bytes.
  struct Limit: Sendable {
    let threads: Int
    let bytes: Int

    init(_ threads: Int, _ bytes: Int = 0) {
      self.threads = threads
      self.bytes = bytes
    }
  }

  var threads = 1
  var limit: Limit?
  /// Scalars before each of the buffers.
  var offset = 0
  /// Other images around those of the problem.
  var imagesBefore = 0
  var imagesBehind = 0
  /// Executions, one after the other, in one workspace, which keeps what the last
  /// one left.
  var executions = 1

  var description: String {
    "\(threads) threads, "
      + (limit.map { "\($0.threads) x workspace + \($0.bytes), " } ?? "")
      + "offset \(offset), images \(imagesBefore) before, "
      + "\(imagesBehind) behind, \(executions) executions"
  }
}

/// A problem on real data.
struct InvariantProblem<Scalar: TestScalar> {
  let operation: ConvolutionOperation
  let geometry: Conv2DGeometry
  let algorithm: ConvolutionAlgorithm
  let first: [Scalar]
  let second: [Scalar]

  init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ algorithm: ConvolutionAlgorithm
  ) {
    self.operation = operation
    self.geometry = geometry
    self.algorithm = algorithm
    (first, second) = realOperands(Scalar.self, operation, geometry)
  }

  /// The results of the problem's own images, one of each execution.
  func run(_ way: Way) throws -> (results: [[Scalar]], threads: Int) {
    let images = geometry.batch
    let all = geometry.withBatch(way.imagesBefore + images + way.imagesBehind)
    let plan = try plan(all, way)
    let before = second.count / images * way.imagesBefore
    let leading = [Scalar](repeating: .notANumber, count: way.offset)
    let one = leading + first
    var other = leading
    other += LayerCheck.randomScalars(Scalar.self, count: before, seed: 9)
    other += second
    other += LayerCheck.randomScalars(
      Scalar.self,
      count: all.count(of: operation.operands[1]) - before - second.count,
      seed: 10)

    let prepared =
      operation == .filterGradient
      ? nil
      : one.withUnsafeBufferPointer {
        plan.prepared(bytes: $0.baseAddress! + way.offset)
      }
    var workspace = plan.makeWorkspace()
    let results = (0..<way.executions).map { _ in
      let count = all.count(of: operation.result)
      var target = [Scalar](
        repeating: .notANumber, count: way.offset + count + 1)
      one.withUnsafeBufferPointer { one in
        other.withUnsafeBufferPointer { other in
          target.withUnsafeMutableBufferPointer { target in
            plan.execute(
              one.baseAddress! + way.offset, prepared,
              other.baseAddress! + way.offset,
              into: target.baseAddress! + way.offset, workspace: &workspace)
          }
        }
      }
      #expect(
        (target[..<way.offset] + target.suffix(1)).allSatisfy {
          $0.bits == Scalar.notANumber.bits
        }, "\(way)")
      let kept = geometry.count(of: operation.result)
      let start = way.offset + kept / images * way.imagesBefore
      return Array(target[start..<start + kept])
    }
    return (results, plan.threads)
  }

  private func plan(
    _ geometry: Conv2DGeometry, _ way: Way
  ) throws -> OperationPlan {
    // A plan that chooses may choose another algorithm for another batch.
    let taken =
      geometry.batch == self.geometry.batch
      ? algorithm
      : try operation.plan(
        Scalar.self, self.geometry, options: .init(algorithm: algorithm)
      ).algorithm
    func plan(
      _ threads: Int, _ limit: Int?
    ) throws(Conv2DError) -> OperationPlan {
      try operation.plan(
        Scalar.self, geometry,
        options: .init(
          algorithm: taken, threads: threads, workspaceLimit: limit))
    }
    guard let limit = way.limit else { return try plan(way.threads, nil) }
    let least = try leastWorkspace(
      Scalar.self, operation, geometry, .init(algorithm: taken))
    let two = try plan(2, nil)
    let perThread = two.threads == 2 ? two.workspaceByteCount - least : least
    // Room for the sums of parts of the pixels, which only filter gradients have.
    let shared = least - perThread
    #expect(shared == 0 || operation == .filterGradient && shared > 0)
    let bytes = shared + perThread * limit.threads + limit.bytes
    let result = try plan(way.threads, bytes)
    #expect(result.threads <= way.threads)
    #expect(result.workspaceByteCount == shared + result.threads * perThread)
    #expect(result.workspaceByteCount <= bytes)
    #expect(result.makeWorkspace().byteCount == result.workspaceByteCount)
    if least > 0 {
      #expect(
        throws: Conv2DError.workspaceLimit(limit: least - 1, needed: least)
      ) {
        try plan(way.threads, least - 1)
      }
    }
    return result
  }
}
