import Convolutions

/// What each algorithm takes for one layer.
struct Trial {
  struct Time {
    let algorithm: ConvolutionAlgorithm
    /// In milliseconds.
    let predicted: Double
    let measured: Double
  }

  /// The algorithm that a plan chooses.
  let choice: ConvolutionAlgorithm
  let times: [Time]

  /// Times every algorithm that can serve, in turn; those that are hopeless
  /// sit out after two rounds.
  init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ type: ScalarType, threads: Int, rounds: Int
  ) {
    choice =
      (try? OperationPlan(operation, type, geometry, options: .init())
        .algorithm) ?? .direct
    let plans = ConvolutionAlgorithm.allCases
      .filter { $0 != .automatic && $0 != .reference }
      .compactMap {
        try? OperationPlan(
          operation, type, geometry,
          options: .init(algorithm: $0, threads: threads))
      }
    let predicted = plans.map { $0.predictedTime / .milliseconds(1) }
    // Some milliseconds at a time.
    let repeats = max(1, Int(3 / predicted.min()!))
    let measured = bestTimes(
      of: plans, type.testType, rounds: rounds, repeats: repeats, hopeless: 2)
    times = plans.indices.map {
      Time(
        algorithm: plans[$0].algorithm, predicted: predicted[$0],
        measured: measured[$0])
    }
  }
}
