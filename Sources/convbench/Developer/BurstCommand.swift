import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation
import Synchronization

/// Times a small call before and after many callers at once: what they leave
/// behind must not cost it anything.
struct BurstCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "burst",
    abstract: "Times a call before and after many callers at once.")

  @Argument(help: "Problem descriptors.")
  var problems = ["mb1ic64ih28oc64oh28kh3ph1n\"small\""]

  @Option(help: "Threads of each call.")
  var threads = 2

  @Option(help: "Callers at once.")
  var callers = 200

  @Option(help: "Calls of each caller.")
  var calls = 3

  @Option(help: "Calls timed before, and after.")
  var samples = 2000

  func validate() throws {
    try checkThreads([threads])
    guard callers >= 1, calls >= 1, samples >= 1 else {
      throw ValidationError(
        "'--callers', '--calls' and '--samples' must be at least 1.")
    }
  }

  func run() throws {
    let problems = try problems.map(LayerSets.problem)
    print(
      "\(BLASRuntime.coreName), f32 nhwc, \(threads) threads; median ms before"
        + " and after \(callers) callers at once, and the ratio")
    for problem in problems {
      let geometry = try problem.geometry(.nhwc)
      let plan = try ConvolutionOperation.inputGradient.plan(
        Float.self, geometry, options: .init(threads: threads))
      let operands = Operands<Float>(
        random: .inputGradient, geometry, seed: 1)
      var contender = Contender(plan, operands)
      var result = contender.result()
      let before = time(&contender, &result)
      callAtOnce(plan, operands)
      let after = time(&contender, &result)
      print(
        problem.label.padded(to: 24)
          + String(format: "%9.3f%9.3f%9.2f", before, after, after / before))
    }
  }

  /// The median time of a call, in milliseconds.
  private func time(
    _ contender: inout Contender<Float>, _ result: inout [Float]
  ) -> Double {
    var times: [Double] = []
    for _ in 0..<samples { times.append(contender.time(into: &result)) }
    return Timing(times).median
  }

  /// Executes on so many threads at once, and waits for all.
  private func callAtOnce(
    _ plan: OperationPlan, _ operands: Operands<Float>
  ) {
    let (callers, calls) = (callers, calls)
    let arrived = Arrivals()
    let group = DispatchGroup()
    for _ in 0..<callers {
      group.enter()
      Thread {
        var contender = Contender(plan, operands)
        var result = contender.result()
        arrived.count.add(1, ordering: .sequentiallyConsistent)
        while arrived.count.load(ordering: .sequentiallyConsistent) < callers {
          Thread.sleep(forTimeInterval: 0.001)
        }
        for _ in 0..<calls { _ = contender.time(into: &result) }
        group.leave()
      }.start()
    }
    group.wait()
  }
}

/// How many callers are there.
private final class Arrivals: Sendable {
  let count = Atomic(0)
}
