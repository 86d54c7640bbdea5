import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Prints the plan for a problem and what else could serve it.")

  @Argument(help: "Problem descriptor, such as mb8ic64ih56oc64oh56kh3ph1.")
  var problem: String

  @Option(name: .customLong("op"), help: "Operation.")
  var operation = ConvolutionOperation.inputGradient

  @Option(name: .customLong("dtype"), help: "Type of the scalars.")
  var type = ScalarType.float32

  @Option(help: "Order of the dimensions.")
  var layout = DataFormat.nhwc

  @Option(help: "Threads.")
  var threads = ConvolutionOptions.availableProcessors

  @Option(help: "Algorithm to explain.")
  var algorithm = ConvolutionAlgorithm.automatic

  @Option(help: "Error allowed.")
  var accuracy = Accuracy.standard

  @Option(help: "Who computes the products of column and winograd.")
  var products = ProductProvider.automatic

  @Option(help: "Most bytes of workspace.")
  var workspaceLimit: Int?

  @Option(help: "How to choose.")
  var tuning = Tuning.estimate

  @Flag(help: "Run every candidate and print its best time.")
  var measure = false

  func validate() throws {
    try checkThreads([threads])
    try checkWorkspaceLimit(workspaceLimit)
  }

  func run() throws {
    let geometry = try LayerSets.problem(problem).geometry(layout)
    let scalars = type.testType
    try explain(geometry, scalars)
  }

  private func explain<Scalar: ConvolutionScalar>(
    _ geometry: Conv2DGeometry, _ type: Scalar.Type
  ) throws {
    print(summary(of: geometry))
    var taken: ConvolutionAlgorithm?
    var refusal: Conv2DError?
    print("\nplan")
    do {
      let plan = try makePlan(geometry, type, algorithm)
      taken = plan.algorithm
      print("  \(plan)")
    } catch {
      refusal = error
      print("  none: \(error)")
    }
    let measured = measure ? measuredTimes(geometry) : [:]
    print("\ncandidates, predicted\(measure ? " and measured" : "") ms")
    for candidate in ConvolutionAlgorithm.allCases
    where candidate != .automatic {
      let mark = candidate == taken ? "*" : " "
      do {
        // Predicted, as measured, on one thread.
        let plan = try makePlan(geometry, type, candidate)
        let times =
          readable(plan.predictedTime / .milliseconds(1))
          + (measured[candidate].map { ", \(readable($0))" } ?? "")
        print(
          "\(mark) \(candidate.rawValue): "
            + (candidate == .reference ? "" : "\(times); ") + plan.summary)
      } catch {
        print("\(mark) \(candidate.rawValue): no, \(error)")
      }
    }
    if let refusal { throw Failure.failed("\(refusal)") }
  }

  /// The best times on one thread, of the algorithms that can serve.
  private func measuredTimes(
    _ geometry: Conv2DGeometry
  ) -> [ConvolutionAlgorithm: Double] {
    let trial = Trial(operation, geometry, type, threads: 1, rounds: 10)
    return Dictionary(
      uniqueKeysWithValues: trial.times.map { ($0.algorithm, $0.measured) })
  }

  private func makePlan<Scalar: ConvolutionScalar>(
    _ geometry: Conv2DGeometry, _ type: Scalar.Type,
    _ algorithm: ConvolutionAlgorithm
  ) throws(Conv2DError) -> OperationPlan {
    try operation.plan(
      type, geometry,
      options: .init(
        algorithm: algorithm, accuracy: accuracy, threads: threads,
        workspaceLimit: workspaceLimit, tuning: tuning, products: products))
  }

  private func summary(of geometry: Conv2DGeometry) -> String {
    let rows = [
      ("problem", geometry.descriptor),
      ("operation", operation.rawValue),
      ("type", "\(type.rawValue), \(layout.rawValue)"),
      ("input", "\(geometry.inputSizes)"),
      ("filter", "\(geometry.filterSizes), groups \(geometry.groups)"),
      ("out_backprop", "\(geometry.outBackpropSizes)"),
      (
        "strides, dilations",
        "\(geometry.strides), \(geometry.dilations) (height, width)"
      ),
      (
        "padding",
        "top \(geometry.padTop), bottom \(geometry.padBottom), "
          + "left \(geometry.padLeft), right \(geometry.padRight)"
      ),
      ("work", "\(readable(geometry.flops / 1e9)) GFLOP"),
    ]
    return rows.map { $0.0.padded(to: 20) + $0.1 }.joined(separator: "\n")
  }
}
