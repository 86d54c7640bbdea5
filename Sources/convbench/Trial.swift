import ConvolutionTestSupport
import Convolutions

/// What each algorithm takes for one layer.
struct Trial {
  struct Time {
    let algorithm: InputGradientAlgorithm
    /// In milliseconds.
    let predicted: Double
    var measured = Double.infinity
  }

  /// What a plan takes.
  let choice: InputGradientAlgorithm
  private(set) var times: [Time] = []

  /// Times every algorithm that can serve, in turn; those that are hopeless
  /// sit out after the first round.
  init<Scalar: ConvolutionScalar>(
    _ geometry: Conv2DGeometry, _ type: Scalar.Type, threads: Int, rounds: Int
  ) {
    choice =
      (try? InputGradientPlan<Scalar>(geometry).algorithm) ?? .direct
    let outBackprop = LayerCheck.randomScalars(
      type, count: geometry.outBackpropCount, seed: 1)
    let filter = LayerCheck.randomScalars(
      type, count: geometry.filterCount, seed: 2)
    var result = LayerCheck.randomScalars(
      type, count: geometry.inputCount, seed: 3)
    var plans: [InputGradientPlan<Scalar>] = []
    for algorithm in InputGradientAlgorithm.allCases
    where algorithm != .automatic && algorithm != .reference {
      guard
        let plan = try? InputGradientPlan<Scalar>(
          geometry,
          options: .init(algorithm: algorithm, threads: threads))
      else { continue }
      plans.append(plan)
      times.append(
        Time(
          algorithm: algorithm,
          predicted: plan.predictedTime / .milliseconds(1)))
    }
    let filters = plans.map { $0.prepare(filter: filter.span) }
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
              filter: filters[index], outBackprop: outBackprop.span,
              into: &span, workspace: &workspace)
          }
        }
        times[index].measured = min(
          times[index].measured, time / .milliseconds(1) / Double(repeats))
      }
    }
  }
}
