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

/// Times two contenders in turn, so that a drift of the machine hits both.
///
/// After a warm-up the engine runs until its own times add up to `minimumTime`
/// and both have run often enough. A slow rival sits out rounds, so that it does
/// not take most of the time.
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

/// Times plans for one problem in turn, so that a drift of the machine hits all.
///
/// They share a workspace, which is as large as the largest needs.
///
/// - Parameters:
///   - plans: at least one, of the type.
///   - rounds: how often each is timed.
///   - repeats: executions in one such time.
///   - hopeless: plans whose best time is more than so many times the least sit
///     out the third round and those after it; the first finds memory that was
///     not touched before.
/// - Returns: the best time of an execution of each, in milliseconds.
func bestTimes<Scalar: ConvolutionScalar>(
  of plans: [OperationPlan], _ type: Scalar.Type, rounds: Int, repeats: Int = 1,
  hopeless: Double = .infinity
) -> [Double] {
  let (operation, geometry) = (plans[0].operation, plans[0].geometry)
  let operands = Operands<Scalar>(random: operation, geometry, seed: 1)
  var result = LayerCheck.randomScalars(
    type, count: geometry.count(of: operation.result), seed: 3)
  // One filter a plan: each reads it in its own order.
  let prepared = plans.map { $0.prepared(operands.first.span) }
  var workspace = Workspace(byteCount: plans.map(\.workspaceByteCount).max()!)
  var best = [Double](repeating: .infinity, count: plans.count)
  for round in 0..<rounds {
    let most = round < 2 ? .infinity : hopeless * best.min()!
    for index in plans.indices where best[index] <= most {
      let time = ContinuousClock().measure {
        for _ in 0..<repeats {
          var span = result.mutableSpan
          plans[index].execute(
            operands.first.span, prepared: prepared[index],
            operands.second.span, into: &span, workspace: &workspace)
        }
      }
      best[index] = min(
        best[index], time / .milliseconds(1) / Double(repeats))
    }
  }
  return best
}

/// The shortest of some runs.
func shortest(of runs: Int, _ body: () -> Void) -> Duration {
  (0..<runs).map { _ in ContinuousClock().measure(body) }.min()!
}

/// The best of a few times to prepare a filter, in milliseconds; for operations
/// that need it.
func preparationTime<Scalar>(
  _ plan: OperationPlan, _ operands: Operands<Scalar>
) -> Double {
  shortest(of: 3) { _ = plan.prepared(operands.first.span) } / .milliseconds(1)
}
