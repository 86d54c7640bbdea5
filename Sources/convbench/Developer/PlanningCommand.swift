import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation

/// Times plans: where shapes vary from call to call, each call makes one.
struct PlanningCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "planning",
    abstract: "Shows how long plans take, by layer.")

  @OptionGroup var problems: ProblemArguments

  @Option(name: .customLong("op"), help: "Operation.")
  var operation = ConvolutionOperation.inputGradient

  @Option(help: "Order of the dimensions.")
  var layout = DataFormat.nhwc

  @Option(name: .customLong("dtype"), help: "Type of the scalars.")
  var type = ScalarType.float32

  @Option(help: "Plans of each layer; the median counts.")
  var samples = 200

  @Flag(help: "What each algorithm's plan takes too.")
  var all = false

  func validate() throws {
    guard samples >= 1 else {
      throw ValidationError("'--samples' must be at least 1.")
    }
  }

  func run() throws {
    let problems = try problems.chosen()
    print(
      "\(BLASRuntime.coreName), \(InstructionSet.current.rawValue), "
        + "\(operation.rawValue), \(type.rawValue) \(layout.rawValue); "
        + "microseconds a plan, median of \(samples)")
    var times: [Double] = []
    for problem in problems {
      let geometry = try problem.geometry(layout)
      guard let time = time(geometry, .automatic) else { continue }
      times.append(time)
      var line =
        problem.label.padded(to: 24) + String(format: "%8.1f", time)
      if all {
        for algorithm in ConvolutionAlgorithm.allCases
        where algorithm != .automatic {
          if let time = self.time(geometry, algorithm) {
            line += String(format: "  %@ %.1f", algorithm.rawValue, time)
          }
        }
      }
      print(line)
    }
    print(
      String(
        format: "median %.1f, most %.1f", Timing(times).median, times.max()!))
  }

  /// The median time of a plan, in microseconds; `nil` if there is none.
  private func time(
    _ geometry: Conv2DGeometry, _ algorithm: ConvolutionAlgorithm
  ) -> Double? {
    let options = ConvolutionOptions(algorithm: algorithm, threads: 1)
    func plan() -> OperationPlan? {
      try? OperationPlan(operation, type, geometry, options: options)
    }
    guard plan() != nil else { return nil }
    let clock = ContinuousClock()
    return Timing(
      (0..<samples).map { _ in
        clock.measure { _ = plan() } / .microseconds(1)
      }
    ).median
  }
}
