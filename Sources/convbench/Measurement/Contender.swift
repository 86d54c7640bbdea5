import ConvolutionTestSupport
import Convolutions

/// The operands of an operation, in the order in which its plans take them.
struct Operands<Scalar: ConvolutionScalar> {
  let first: [Scalar]
  let second: [Scalar]

  init(_ first: [Scalar], _ second: [Scalar]) {
    self.first = first
    self.second = second
  }

  /// Random numbers.
  init(
    random operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    seed: UInt64
  ) {
    func scalars(_ index: Int) -> [Scalar] {
      LayerCheck.randomScalars(
        Scalar.self, count: geometry.count(of: operation.operands[index]),
        seed: seed &+ UInt64(index))
    }
    self.init(scalars(0), scalars(1))
  }
}

/// A plan with all that an execution needs, made before any clock runs.
struct Contender<Scalar: ConvolutionScalar>: ~Copyable {
  let plan: OperationPlan
  private let operands: Operands<Scalar>
  private let prepared: PreparedFilter<Scalar>?
  private var workspace: Workspace

  init(
    _ plan: OperationPlan, _ operands: Operands<Scalar>
  ) {
    self.plan = plan
    self.operands = operands
    prepared = plan.prepared(operands.first.span)
    workspace = plan.makeWorkspace()
  }

  /// Executes once, into a buffer of NaNs, which show where nothing is written.
  mutating func result() -> [Scalar] {
    let count = plan.geometry.count(of: plan.operation.result)
    var result = [Scalar](unsafeUninitializedCapacity: count) {
      UnsafeMutableRawBufferPointer($0).initializeMemory(
        as: UInt8.self, repeating: 0xFF)
      $1 = count
    }
    _ = time(into: &result)
    return result
  }

  /// Executes once.
  ///
  /// - Returns: milliseconds.
  mutating func time(into result: inout [Scalar]) -> Double {
    let clock = ContinuousClock()
    let (plan, operands) = (plan, operands)
    let prepared = prepared?.prepared
    // The clock runs while the library works: not while code for all types looks
    // for addresses.
    return operands.first.withUnsafeBytes { first in
      operands.second.withUnsafeBytes { second in
        result.withUnsafeMutableBytes { result in
          guard let target = result.baseAddress else { return 0 }
          let start = clock.now
          plan.execute(
            first.baseAddress, prepared, second.baseAddress, into: target,
            workspace: &workspace)
          return start.duration(to: clock.now) / .milliseconds(1)
        }
      }
    }
  }
}
