import ConvolutionTestSupport
import Convolutions

/// What each algorithm takes for one layer.
struct Trial {
  struct Time {
    let algorithm: ConvolutionAlgorithm
    /// In milliseconds.
    let predicted: Double
    var measured = Double.infinity
  }

  /// What a plan takes.
  let choice: ConvolutionAlgorithm
  private(set) var times: [Time] = []

  /// Times every algorithm that can serve, in turn; those that are hopeless
  /// sit out after the first round.
  init<Scalar: ConvolutionScalar>(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ type: Scalar.Type, threads: Int, rounds: Int
  ) {
    choice =
      (try? operation.plan(type, geometry).algorithm) ?? .direct
    let operands = Operands<Scalar>(random: operation, geometry, seed: 1)
    var result = LayerCheck.randomScalars(
      type, count: geometry.count(of: operation.result), seed: 3)
    var plans: [OperationPlan] = []
    for algorithm in ConvolutionAlgorithm.allCases
    where algorithm != .automatic && algorithm != .reference {
      guard
        let plan = try? operation.plan(
          type, geometry,
          options: .init(algorithm: algorithm, threads: threads))
      else { continue }
      plans.append(plan)
      times.append(
        Time(
          algorithm: algorithm,
          predicted: plan.predictedTime / .milliseconds(1)))
    }
    let prepared = plans.map { $0.prepared(operands.first.span) }
    var workspace = Workspace(
      byteCount: plans.map(\.workspaceByteCount).max() ?? 0)
    // Some milliseconds at a time.
    let repeats = max(1, Int(3 / times.map(\.predicted).min()!))
    for round in 0..<rounds {
      let least = times.map(\.measured).min()!
      for index in plans.indices
      where round < 1 || times[index].measured < 2 * least {
        let time = ContinuousClock().measure {
          for _ in 0..<repeats {
            var span = result.mutableSpan
            plans[index].execute(
              operands.first.span, prepared: prepared[index],
              operands.second.span, into: &span, workspace: &workspace)
          }
        }
        times[index].measured = min(
          times[index].measured, time / .milliseconds(1) / Double(repeats))
      }
    }
  }
}
