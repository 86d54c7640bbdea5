import ArgumentParser
import ConvolutionTestSupport
import Convolutions

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks random problems, or one, against a plain reference.",
    discussion: """
      exact: integer data, whose sums are exact; not a bit may differ.
      geometry: the same on every small problem along one axis.
      bound: real data, within the bounds of rounding errors.
      special: NaN, infinities, overflow and subnormals.
      algebra: identities between problems, on integer data.
      transforms: Winograd on each of its sets of points, in float32 and
      float64, to a few units in the last place.

      A failure is printed with the command line that repeats it alone.
      """)

  @Option(
    name: .customLong("suite"),
    help: "Suites: all, or some.")
  var suites = SuiteList.all

  @Option(
    name: .customLong("op"),
    help: """
      Operations; all if missing. algebra is of the input gradient alone.
      """)
  var operations: CommaList<ConvolutionOperation>?

  @Option(
    help: ArgumentHelp(
      "Most cases of each suite; a share that takes minutes if missing.",
      valueName: "count"))
  var cases: Int?

  @Option(help: "Seed of the cases; of the data, with --problem.")
  var seed: UInt64 = 20_260_301

  @Option(
    name: .customLong("algorithm"),
    help: "Algorithms; all but the reference if missing.")
  var algorithms: CommaList<ConvolutionAlgorithm>?

  @Option(
    name: .customLong("dtype"), help: "Types of the scalars; all if missing.")
  var types: CommaList<ScalarType>?

  @Flag(
    help: """
      Print how many cases each algorithm served, by layout and type, and how \
      many it must; printed anyway where it is fewer.
      """)
  var served = false

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
    guard cases ?? 1 >= 1 else {
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
    guard problem == nil || !served else {
      throw ValidationError("'--served' is of whole suites, not of a problem.")
    }
    guard problem != nil || !ofOneProblem else {
      throw ValidationError(
        "'--padding-after', '--layout', '--threads' and '--workspace-limit' "
          + "go with '--problem' only.")
    }
  }

  func run() throws {
    let algorithms =
      algorithms?.values
      ?? ConvolutionAlgorithm.allCases.filter { $0 != .reference }
    let types = types?.values ?? ScalarType.allCases
    let clock = ContinuousClock()
    var summary = VerificationSummary()
    var shortfalls = 0
    let operations = operations?.values ?? ConvolutionOperation.allCases
    for suite in suites.values {
      for operation in operations
      where suite != .algebra || operation == .inputGradient {
        let start = clock.now
        let one =
          if let problem {
            try runOne(problem, suite, operation, algorithms, types)
          } else {
            runMany(suite, operation, algorithms, types)
          }
        report(one, elapsed: start.duration(to: clock.now))
        summary.add(one)
        if problem == nil {
          shortfalls += report(
            ServedCases(suite, operation, algorithms, types, one))
        }
      }
    }
    print(summary.closingLine)
    if summary.failed > 0 {
      throw Failure.failed("\(summary.failed) of \(summary.tests) cases failed")
    }
    if shortfalls > 0 {
      throw Failure.failed(
        "fewer cases were served than must be, in \(shortfalls) kinds of them")
    }
  }

  /// - Returns: the number of kinds of cases below their floor.
  private func report(_ cases: ServedCases) -> Int {
    let shortfalls = cases.shortfalls
    if served || !shortfalls.isEmpty {
      print("served, by algorithm, layout and type, and the floors:")
      for line in cases.table { print(line) }
    }
    for line in shortfalls { print("too few: \(line)") }
    return shortfalls.count
  }

  private func runMany(
    _ suite: VerificationSuite, _ operation: ConvolutionOperation,
    _ algorithms: [ConvolutionAlgorithm], _ types: [ScalarType]
  ) -> VerificationSummary {
    let cases = min(
      cases ?? suite.defaultCases, suite.mostCases(algorithms, types))
    let name = "\(suite.rawValue) \(operation.rawValue)"
    print("suite \(name): \(cases) cases, seed \(seed)")
    let bar = ProgressBar(name, total: cases)
    defer { bar.finish() }
    return suite.run(
      operation: operation, cases: cases, seed: seed, algorithms: algorithms,
      types: types,
      progress: { bar.update($0) })
  }

  private func runOne(
    _ text: String, _ suite: VerificationSuite,
    _ operation: ConvolutionOperation, _ algorithms: [ConvolutionAlgorithm],
    _ types: [ScalarType]
  ) throws -> VerificationSummary {
    let geometry = try geometry(of: text)
    print(
      "suite \(suite.rawValue) \(operation.rawValue): "
        + "\(geometry.descriptor), seed \(seed)")
    var summary = VerificationSummary()
    for type in types {
      for algorithm in algorithms {
        let test = VerificationCase(
          suite: suite, operation: operation, geometry: geometry, type: type,
          algorithm: algorithm,
          threads: threads ?? ConvolutionOptions.availableProcessors,
          workspaceLimit: workspaceLimit, seed: seed)
        summary.add(VerificationSuite.run(test), of: test)
      }
    }
    return summary
  }

  func geometry(of text: String) throws -> Conv2DGeometry {
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
    for (part, count) in summary.passedParts.sorted(by: { $0.key < $1.key }) {
      print("passed \(count): \(part)")
    }
    for (name, ratios) in summary.worst.sorted(by: { $0.key < $1.key }) {
      print(
        "worst \(name): \(ratios)")
    }
    print(
      "passed \(summary.passed), failed \(summary.failed), elapsed "
        + "\(readable(elapsed / .seconds(1))) s")
  }
}

/// The suites of `convbench verify`: all, or a list.
struct SuiteList: ExpressibleByArgument {
  static let all = Self(values: VerificationSuite.allCases)

  let values: [VerificationSuite]

  init?(argument: String) {
    if argument.lowercased() == "all" {
      self = .all
    } else if let list = CommaList<VerificationSuite>(argument: argument) {
      values = list.values
    } else {
      return nil
    }
  }

  private init(values: [VerificationSuite]) {
    self.values = values
  }

  var defaultValueDescription: String { "all" }

  static var allValueStrings: [String] {
    ["all"] + VerificationSuite.allValueStrings
  }
}

extension VerificationSuite: NamedArgument {}
