import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation

struct ChooseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "choose",
    abstract: "Shows how often a plan chooses the fastest algorithm.",
    discussion: """
      Times every algorithm that can serve, in turn, on the headline table and \
      on random layers, beside what the cost model predicts. A choice within \
      10 % of the fastest counts as right.
      """)

  @OptionGroup
  var problems: ProblemArguments

  @Option(help: "Random layers to add.")
  var random = 200

  @Option(help: "Seed of the random layers.")
  var seed: UInt64 = 1

  @Option(name: .customLong("op"), help: "Operation.")
  var operation = ConvolutionOperation.inputGradient

  @Option(name: .customLong("dtype"), help: "Type of the scalars.")
  var type = ScalarType.float32

  @Option(help: "Order of the dimensions.")
  var layout = DataFormat.nhwc

  @Option(help: "Threads.")
  var threads = 1

  @Option(help: "Rounds; each times every algorithm once.")
  var rounds = 7

  @Flag(help: "Print every algorithm's predicted and measured time.")
  var all = false

  func validate() throws {
    try checkThreads([threads])
    guard random >= 0, rounds >= 2 else {
      throw ValidationError("'--random' is at least 0, '--rounds' at least 2.")
    }
  }

  func run() throws {
    var layers = try problems.chosen().map {
      ($0.label, try $0.geometry(layout))
    }
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<random {
      let geometry = RandomLayer.draw(dataFormat: layout, using: &generator)
      layers.append((geometry.descriptor, geometry))
    }
    print(
      "\(BLASRuntime.coreName), \(type.rawValue) \(layout.layoutName), "
        + "\(threads) thread\(threads == 1 ? "" : "s"), seed \(seed)")
    let mostTime = 1.1
    var right = 0
    var lost: [Double] = []
    for (name, geometry) in layers {
      let trial = Trial(
        operation, geometry, type, threads: threads, rounds: rounds)
      let fastest = trial.times.min { $0.measured < $1.measured }!
      let chosen = trial.times.first { $0.algorithm == trial.choice }!
      let ratio = chosen.measured / fastest.measured
      lost.append(ratio)
      if ratio <= mostTime { right += 1 }
      if all || ratio > mostTime {
        print(
          "\(ratio > mostTime ? "slow " : "right") \(name): \(trial.choice.rawValue)"
            + (ratio > mostTime
              ? ", \(readable(ratio))x \(fastest.algorithm.rawValue)" : "")
            + "; predicted/measured ms: "
            + trial.times.map {
              "\($0.algorithm.rawValue) \(readable($0.predicted))"
                + "/\(readable($0.measured))"
            }.joined(separator: ", "))
      }
    }
    print(
      "within 10 % of the fastest: \(right) of \(layers.count) "
        + "(\(percent(Double(right) / Double(layers.count)))); time over the "
        + "fastest, geometric mean: \(readable(geometricMean(lost) ?? 1))")
  }
}
