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
  /// sit out after the first round.
  init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ type: ScalarType, threads: Int, rounds: Int
  ) {
    // Not generic code, which would take time of its own.
    self =
      switch type {
      case .float16: Self(operation, geometry, Float16.self, threads, rounds)
      case .bfloat16: Self(operation, geometry, BFloat16.self, threads, rounds)
      case .float32: Self(operation, geometry, Float.self, threads, rounds)
      case .float64: Self(operation, geometry, Double.self, threads, rounds)
      }
  }

  private init<Scalar: ConvolutionScalar>(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ type: Scalar.Type, _ threads: Int, _ rounds: Int
  ) {
    choice = (try? operation.plan(type, geometry).algorithm) ?? .direct
    let plans = ConvolutionAlgorithm.allCases
      .filter { $0 != .automatic && $0 != .reference }
      .compactMap {
        try? operation.plan(
          type, geometry, options: .init(algorithm: $0, threads: threads))
      }
    let predicted = plans.map { $0.predictedTime / .milliseconds(1) }
    // Some milliseconds at a time.
    let repeats = max(1, Int(3 / predicted.min()!))
    let measured = bestTimes(
      of: plans, type, rounds: rounds, repeats: repeats, hopeless: 2)
    times = plans.indices.map {
      Time(
        algorithm: plans[$0].algorithm, predicted: predicted[$0],
        measured: measured[$0])
    }
  }
}
