import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation

/// Times an algorithm with tile sizes around those of `TileTargets`, whose
/// constants come from such runs.
struct TuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Times an algorithm with other tile sizes.")

  @OptionGroup
  var problems: ProblemArguments

  @Option(name: .customLong("op"), help: "Operation.")
  var operation = ConvolutionOperation.inputGradient

  @Option(name: .customLong("dtype"), help: "Type of the scalars.")
  var type = ScalarType.float32

  @Option(help: "Order of the dimensions.")
  var layout = DataFormat.nhwc

  @Option(help: "Size to vary.")
  var vary = TargetName.columnPixels

  @Option(help: "Algorithm, if not the one that aims at the size.")
  var algorithm: ConvolutionAlgorithm?

  @Option(help: "Factors on the size, in percent.")
  var percent = CommaList([50, 75, 100, 133, 200])

  @Option(help: "Rounds; each times every size once, in turn.")
  var rounds = 15

  func validate() throws {
    guard rounds >= 1, percent.values.allSatisfy((1...10_000).contains) else {
      throw ValidationError(
        "'--rounds' is at least 1, '--percent' from 1 to 10000.")
    }
  }

  func run() throws {
    let problems = try problems.chosen()
    print(
      "\(BLASRuntime.coreName), \(type.rawValue) \(layout.layoutName), 1 thread;"
        + " best ms with \(vary.rawValue) at "
        + percent.values.map { "\($0)%" }.joined(separator: " "))
    let scalars = type.testType
    var all: [[Double]] = []
    for problem in problems {
      let geometry = try problem.geometry(layout)
      let times = try measure(geometry, scalars)
      print(row(problem.label, times))
      all.append(times)
    }
    let means = percent.values.indices.map { index in
      geometricMean(all.map { $0[index] }) ?? 0
    }
    print(row("geometric mean", means))
  }

  private func row(_ name: String, _ times: [Double]) -> String {
    name.padded(to: 24)
      + times.map { String(format: "%9.3f", $0) }.joined()
  }

  /// The best time of each size, in milliseconds.
  private func measure<Scalar: ConvolutionScalar>(
    _ geometry: Conv2DGeometry, _ type: Scalar.Type
  ) throws -> [Double] {
    let plans = try percent.values.map { percent in
      var targets = TileTargets(
        computeByteCount: Scalar.scalarType == .float64 ? 8 : 4)
      let size = vary.path
      targets[keyPath: size] = max(1, targets[keyPath: size] * percent / 100)
      return try operation.plan(
        type, geometry,
        options: .init(algorithm: algorithm ?? vary.algorithm, threads: 1),
        targets: targets)
    }
    return bestTimes(of: plans, type, rounds: rounds)
  }
}

/// A size that a tiling aims at.
enum TargetName: String, NamedArgument {
  case columnPixels = "column-pixels"
  case columnColumns = "column-columns"
  case columnDepth = "column-depth"
  case columnFilter = "column-filter"
  case columnSums = "column-sums"
  case columnTile = "column-tile"
  case tapPixels = "taps-pixels"
  case tapChannels = "taps-channels"
  case tapDepth = "taps-depth"
  case tapNear = "taps-near"
  case tapFar = "taps-far"
  case tapCopy = "taps-copy"
  case tapPanels = "taps-panels"

  /// The algorithm that aims at it.
  var algorithm: ConvolutionAlgorithm {
    rawValue.hasPrefix("taps") ? .taps : .column
  }

  var path: WritableKeyPath<TileTargets, Int> {
    switch self {
    case .columnPixels: \.column.pixels
    case .columnColumns: \.column.columns
    case .columnDepth: \.column.depth
    case .columnFilter: \.column.filterBytes
    case .columnSums: \.column.sumBytes
    case .columnTile: \.column.tileBytes
    case .tapPixels: \.taps.pixels
    case .tapChannels: \.taps.channels
    case .tapDepth: \.taps.depth
    case .tapNear: \.taps.nearBytes
    case .tapFar: \.taps.farBytes
    case .tapCopy: \.taps.copyBytes
    case .tapPanels: \.taps.panelBytes
    }
  }
}
