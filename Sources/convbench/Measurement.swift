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

/// A plan with all that an execution needs, made before any clock runs.
struct Contender<Scalar: ConvolutionScalar>: ~Copyable {
  let plan: InputGradientPlan<Scalar>
  let filter: PreparedFilter<Scalar>
  var workspace: Workspace

  init(_ plan: InputGradientPlan<Scalar>, filter: [Scalar]) {
    self.plan = plan
    self.filter = plan.prepare(filter: filter.span)
    workspace = plan.makeWorkspace()
  }

  /// Executes once, into a buffer that holds no number, so that cells left
  /// alone show.
  mutating func result(_ outBackprop: [Scalar]) -> [Scalar] {
    let count = plan.geometry.inputCount
    var result = [Scalar](unsafeUninitializedCapacity: count) {
      UnsafeMutableRawBufferPointer($0).initializeMemory(
        as: UInt8.self, repeating: 0xFF)
      $1 = count
    }
    _ = time(outBackprop, into: &result)
    return result
  }

  /// Executes once.
  ///
  /// - Returns: milliseconds.
  mutating func time(
    _ outBackprop: [Scalar], into result: inout [Scalar]
  ) -> Double {
    let clock = ContinuousClock()
    var span = result.mutableSpan
    let start = clock.now
    plan.execute(
      filter: filter, outBackprop: outBackprop.span, into: &span,
      workspace: &workspace)
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
  outBackprop: [Scalar], minimumTime: Double
) -> (engine: Timing, rival: Timing) {
  let fewest = (engine: 5, rival: 3)
  let rivalShare = 3.0
  var result = engine.result(outBackprop)
  _ = rival.time(outBackprop, into: &result)
  var samples = (engine: [Double](), rival: [Double]())
  var totals = (engine: 0.0, rival: 0.0)
  while totals.engine < 1000 * minimumTime
    || samples.engine.count < fewest.engine
    || samples.rival.count < fewest.rival
  {
    let time = engine.time(outBackprop, into: &result)
    samples.engine.append(time)
    totals.engine += time
    if samples.rival.count < fewest.rival
      || totals.rival < rivalShare * totals.engine
    {
      let time = rival.time(outBackprop, into: &result)
      samples.rival.append(time)
      totals.rival += time
    }
  }
  return (Timing(samples.engine), Timing(samples.rival))
}

/// The best of a few times to prepare a filter, in milliseconds.
func preparationTime<Scalar>(
  _ plan: InputGradientPlan<Scalar>, _ filter: [Scalar]
) -> Double {
  (0..<3).map { _ in
    ContinuousClock().measure { _ = plan.prepare(filter: filter.span) }
      / .milliseconds(1)
  }.min()!
}
