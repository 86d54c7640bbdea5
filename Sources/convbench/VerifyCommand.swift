import ArgumentParser
import ConvolutionTestSupport
import Convolutions

/// The suites of `convbench verify`.
enum Suite: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// Integer data, whose sums are exact: results must match to the bit.
  case exact
  /// Every suite there is.
  case all
}

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks random problems, or one, against a plain reference.",
    discussion: """
      A failure is printed with the command line that repeats it alone.
      """)

  @Option(help: "What to check.")
  var suite = Suite.all

  @Option(help: "Random cases to run.")
  var cases = 90_000

  @Option(help: "Seed of the cases; of the data, with --problem.")
  var seed: UInt64 = 20_260_301

  @Option(
    name: .customLong("algorithm"),
    help: "Algorithms; all but the reference if missing.")
  var algorithms: CommaList<InputGradientAlgorithm>?

  @Option(
    name: .customLong("dtype"), help: "Types of the scalars; all if missing.")
  var types: CommaList<ScalarType>?

  @Option(help: "Check this one problem descriptor only.")
  var problem: String?

  @Option(
    help: ArgumentHelp(
      "With --problem: the bottom and right pads.", valueName: "bottom,right"))
  var paddingAfter: CommaList<Int>?

  @Option(help: "With --problem: order of the dimensions.")
  var layout: DataFormat?

  @Option(help: "With --problem: threads.")
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "With --problem: most bytes of workspace.", valueName: "bytes"))
  var workspaceLimit: Int?

  func validate() throws {
    guard cases >= 1 else {
      throw ValidationError("'--cases' must be at least 1.")
    }
    try checkThreads(threads.map { [$0] } ?? [])
    try checkWorkspaceLimit(workspaceLimit)
    if let pads = paddingAfter?.values {
      guard pads.count == 2, pads.allSatisfy({ $0 >= 0 }) else {
        throw ValidationError("'--padding-after' takes two sizes.")
      }
    }
    let ofOneProblem =
      paddingAfter != nil || layout != nil || threads != nil
      || workspaceLimit != nil
    guard problem != nil || !ofOneProblem else {
      throw ValidationError(
        "'--padding-after', '--layout', '--threads' and '--workspace-limit' "
          + "go with '--problem' only.")
    }
  }

  func run() throws {
    let algorithms =
      algorithms?.values
      ?? InputGradientAlgorithm.allCases.filter { $0 != .reference }
    let types = types?.values ?? ScalarType.allCases
    let clock = ContinuousClock()
    let start = clock.now
    let summary =
      if let problem {
        try runOne(problem, algorithms, types)
      } else {
        runMany(algorithms, types)
      }
    report(summary, elapsed: start.duration(to: clock.now))
    if summary.failed > 0 {
      throw Failure.failed("\(summary.failed) of \(summary.tests) cases failed")
    }
  }

  private func runMany(
    _ algorithms: [InputGradientAlgorithm], _ types: [ScalarType]
  ) -> VerificationSummary {
    print("suite exact: \(cases) cases, seed \(seed)")
    let bar = ProgressBar("verify", total: cases)
    defer { bar.finish() }
    return ExactSuite.run(
      cases: cases, seed: seed, algorithms: algorithms, types: types,
      progress: { bar.update($0) })
  }

  private func runOne(
    _ text: String, _ algorithms: [InputGradientAlgorithm],
    _ types: [ScalarType]
  ) throws -> VerificationSummary {
    let geometry = try geometry(of: text)
    print("suite exact: \(geometry.descriptor), seed \(seed)")
    var summary = VerificationSummary()
    for type in types {
      for algorithm in algorithms {
        let test = VerificationCase(
          geometry: geometry, type: type, algorithm: algorithm,
          threads: threads ?? InputGradientOptions.availableProcessors,
          workspaceLimit: workspaceLimit, seed: seed)
        summary.add(ExactSuite.run(test), of: test)
      }
    }
    return summary
  }

  private func geometry(of text: String) throws -> Conv2DGeometry {
    do {
      let problem = try ProblemDescriptor(
        text,
        padAfter: paddingAfter.map { ($0.values[0], $0.values[1]) })
      return try problem.geometry(layout ?? .nhwc)
    } catch {
      throw Failure.usage("\(error)")
    }
  }

  private func report(_ summary: VerificationSummary, elapsed: Duration) {
    for (reason, count) in summary.skipped.sorted(by: { $0.key < $1.key }) {
      print("skipped \(count): \(reason)")
    }
    for failure in summary.failures {
      print("failed: \(failure)")
    }
    if summary.failures.count < summary.failed {
      print("and \(summary.failed - summary.failures.count) more failures")
    }
    print("elapsed: \(readable(elapsed / .seconds(1))) s")
    print(summary.closingLine)
  }
}
