import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation

/// Times the column algorithm with tile sizes around its own: where the
/// constants of `ColumnTargets` come from.
struct TuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Times the column algorithm with other tile sizes.",
    shouldDisplay: false)

  @Argument(help: "Problem descriptors; the headline table without any.")
  var problems: [String] = []

  @Option(name: .customLong("dtype"), help: "Type of the scalars.")
  var type = ScalarType.float32

  @Option(help: "Order of the dimensions.")
  var layout = DataFormat.nhwc

  @Option(help: "Size to vary: pixels, columns, depth, filter, sums, tile.")
  var vary = TargetName.pixels

  @Option(help: "Factors on the size, in percent.")
  var percent = CommaList([50, 75, 100, 133, 200])

  @Option(help: "Rounds; each times every size once, in turn.")
  var rounds = 15

  func run() throws {
    let problems =
      try problems.isEmpty
      ? LayerSets.problems(set: "headline") : problems.map(LayerSets.problem)
    print(
      "\(BLASRuntime.coreName), \(type.rawValue) \(layout.layoutName), 1 thread;"
        + " best ms with \(vary.rawValue) at "
        + percent.values.map { "\($0)%" }.joined(separator: " "))
    var products = [Double](repeating: 0, count: percent.values.count)
    for problem in problems {
      let geometry = try problem.geometry(layout)
      let times =
        switch type {
        case .float16: try measure(geometry, Float16.self)
        case .bfloat16: try measure(geometry, BFloat16.self)
        case .float32: try measure(geometry, Float.self)
        case .float64: try measure(geometry, Double.self)
        }
      for (index, time) in times.enumerated() { products[index] += log(time) }
      print(row(problem.name ?? problem.shortDescriptor, times))
    }
    print(
      row("geometric mean", products.map { exp($0 / Double(problems.count)) }))
  }

  private func row(_ name: String, _ times: [Double]) -> String {
    name.padding(toLength: 24, withPad: " ", startingAt: 0)
      + times.map { String(format: "%9.3f", $0) }.joined()
  }

  /// The best time of each size, in milliseconds.
  private func measure<Scalar: ConvolutionScalar>(
    _ geometry: Conv2DGeometry, _ type: Scalar.Type
  ) throws -> [Double] {
    let filter = LayerCheck.randomScalars(
      type, count: geometry.filterCount, seed: 1)
    let outBackprop = LayerCheck.randomScalars(
      type, count: geometry.outBackpropCount, seed: 2)
    let plans = try percent.values.map { percent in
      var targets = ColumnTargets(
        dataFormat: layout,
        computeByteCount: Scalar.scalarType == .float64 ? 8 : 4)
      let size = vary.path
      targets[keyPath: size] = max(1, targets[keyPath: size] * percent / 100)
      return try InputGradientPlan<Scalar>(
        geometry, options: .init(algorithm: .column, threads: 1),
        columnTargets: targets)
    }
    // One filter a plan: their panels differ.
    let filters = plans.map { $0.prepare(filter: filter.span) }
    let most = plans.map(\.workspaceByteCount).max() ?? 0
    var workspace = Workspace(byteCount: most)
    var result = LayerCheck.randomScalars(
      type, count: geometry.inputCount, seed: 3)
    var best = [Double](repeating: .infinity, count: plans.count)
    for _ in 0..<rounds {
      for (index, plan) in plans.enumerated() {
        let time = ContinuousClock().measure {
          var span = result.mutableSpan
          plan.execute(
            filter: filters[index], outBackprop: outBackprop.span,
            into: &span, workspace: &workspace)
        }
        best[index] = min(best[index], time / .milliseconds(1))
      }
    }
    return best
  }
}

/// A size that a tiling aims at.
enum TargetName: String, ExpressibleByArgument, CaseIterable {
  case pixels, columns, depth, filter, sums, tile

  var path: WritableKeyPath<ColumnTargets, Int> {
    switch self {
    case .pixels: \.pixels
    case .columns: \.columns
    case .depth: \.depth
    case .filter: \.filterBytes
    case .sums: \.sumBytes
    case .tile: \.tileBytes
    }
  }
}
