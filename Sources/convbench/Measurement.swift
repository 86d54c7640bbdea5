import ConvolutionTestSupport
import Convolutions

/// The spread of repeated times, in milliseconds.
struct Timing: Equatable, Sendable {
  var minimum: Double
  var median: Double
  /// From the first to the third quartile.
  var interquartileRange: Double

  /// - Parameter samples: at least one.
  init(_ samples: [Double]) {
    let sorted = samples.sorted()
    func quantile(_ fraction: Double) -> Double {
      let position = fraction * Double(sorted.count - 1)
      let index = Int(position)
      let next = min(index + 1, sorted.count - 1)
      return sorted[index]
        + (position - Double(index)) * (sorted[next] - sorted[index])
    }
    minimum = sorted[0]
    median = quantile(0.5)
    interquartileRange = quantile(0.75) - quantile(0.25)
  }
}

/// The operands of an operation, in the order of its plans.
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

  /// Executes once, into a buffer that holds no number, so that cells left
  /// alone show.
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
    var span = result.mutableSpan
    let start = clock.now
    plan.execute(
      operands.first.span, prepared: prepared, operands.second.span,
      into: &span, workspace: &workspace)
    return start.duration(to: clock.now) / .milliseconds(1)
  }
}

/// Times two contenders in turn, so that a drift of the machine hits both.
///
/// After a warm-up the engine runs until its own time reaches `minimumTime`
/// and both have enough repetitions. A slow rival sits out rounds, lest it
/// take most of the time.
///
/// - Parameter minimumTime: in seconds.
func timeInTurn<Scalar>(
  _ engine: inout Contender<Scalar>, _ rival: inout Contender<Scalar>,
  minimumTime: Double
) -> (engine: Timing, rival: Timing) {
  let fewest = (engine: 5, rival: 3)
  let rivalShare = 3.0
  var result = engine.result()
  _ = rival.time(into: &result)
  var samples = (engine: [Double](), rival: [Double]())
  var totals = (engine: 0.0, rival: 0.0)
  while totals.engine < 1000 * minimumTime
    || samples.engine.count < fewest.engine
    || samples.rival.count < fewest.rival
  {
    let time = engine.time(into: &result)
    samples.engine.append(time)
    totals.engine += time
    if samples.rival.count < fewest.rival
      || totals.rival < rivalShare * totals.engine
    {
      let time = rival.time(into: &result)
      samples.rival.append(time)
      totals.rival += time
    }
  }
  return (Timing(samples.engine), Timing(samples.rival))
}

/// The best of a few times to prepare a filter, in milliseconds; of operations
/// that need it.
func preparationTime<Scalar>(
  _ plan: OperationPlan, _ operands: Operands<Scalar>
) -> Double {
  (0..<3).map { _ in
    ContinuousClock().measure { _ = plan.prepared(operands.first.span) }
      / .milliseconds(1)
  }.min()!
}
