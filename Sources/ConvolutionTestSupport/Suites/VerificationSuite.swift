import Convolutions
import Dispatch
import Synchronization

/// What `convbench verify` checks.
public enum VerificationSuite: String, Sendable, CaseIterable {
  /// Integer data, whose sums are exact: results must match to the bit.
  case exact
  /// Every small problem along one axis, as `exact`.
  case geometry
  /// Real data, within the bounds of rounding errors.
  case bound
  /// NaN, infinities, overflow and subnormals.
  case special
  /// Identities between problems, on integer data.
  case algebra
  /// Each pair of Winograd's sets of points, to a few units in the last place.
  case transforms

  /// Tests of a run, skipped ones included, unless told otherwise; all there
  /// are of `geometry` and `transforms`.
  public var defaultCases: Int {
    switch self {
    case .exact: 90_000
    case .geometry, .transforms: .max
    case .bound: 24_000
    case .special: 24_000
    case .algebra: 32_000
    }
  }
}

/// The data of a case and what is expected of it, for every algorithm.
protocol VerificationProblem {
  func run(_ test: VerificationCase) -> VerificationOutcome
}

extension VerificationSuite {
  func problem<Scalar: TestScalar>(
    _ type: Scalar.Type, _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry, seed: UInt64
  ) -> any VerificationProblem {
    switch self {
    case .exact, .geometry:
      ExactProblem<Scalar>(operation, geometry, seed: seed)
    case .bound: BoundProblem<Scalar>(operation, geometry, seed: seed)
    case .special: SpecialProblem<Scalar>(operation, geometry, seed: seed)
    case .algebra: AlgebraProblem<Scalar>(geometry, seed: seed)
    case .transforms: TransformProblem<Scalar>(operation, geometry, seed: seed)
    }
  }

  /// Runs one case.
  public static func run(_ test: VerificationCase) -> VerificationOutcome {
    test.suite.problem(
      test.type.testType, test.operation, test.geometry, seed: test.seed
    ).run(test)
  }

  /// Runs known regressions in both layouts, then random cases; of `geometry`,
  /// every case.
  ///
  /// Each problem is drawn with a type and a layout and handed to every
  /// algorithm in turn; those that cannot serve it count as skipped.
  ///
  /// - Parameters:
  ///   - operation: the operation; `algebra` is of the input gradient alone.
  ///   - cases: tests to run, skipped ones included.
  ///   - seed: the same seed gives the same cases and the same summary.
  ///   - algorithms: algorithms to force; not empty.
  ///   - types: types to draw from; not empty.
  ///   - progress: called now and then, from any thread, with the number of
  ///     tests done.
  public func run(
    operation: ConvolutionOperation = .inputGradient, cases: Int, seed: UInt64,
    algorithms: [ConvolutionAlgorithm], types: [ScalarType],
    progress: @Sendable (Int) -> Void
  ) -> VerificationSummary {
    let (algorithms, types) = suitable(algorithms, types)
    let cases = min(cases, mostCases(algorithms, types))
    guard cases > 0 else { return VerificationSummary() }
    let problems = (cases + algorithms.count - 1) / algorithms.count
    let chunk = 16
    let chunks = (problems + chunk - 1) / chunk
    let summaries = Mutex(
      [VerificationSummary](repeating: .init(), count: chunks))
    let done = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: chunks) { index in
      var summary = VerificationSummary()
      for problem in index * chunk..<min((index + 1) * chunk, problems) {
        let asked = algorithms.prefix(cases - problem * algorithms.count)
        for (test, outcome) in run(
          problem, of: problems, operation, seed: seed, algorithms: asked,
          types: types)
        {
          summary.add(outcome, of: test)
        }
      }
      let count = done.add(summary.tests, ordering: .relaxed).newValue
      summaries.withLock { [summary] in $0[index] = summary }
      progress(count)
    }
    return summaries.withLock { summaries in
      summaries.reduce(into: VerificationSummary()) { $0.add($1) }
    }
  }

  /// How many cases there are.
  public func mostCases(
    _ algorithms: [ConvolutionAlgorithm], _ types: [ScalarType]
  ) -> Int {
    let (algorithms, types) = suitable(algorithms, types)
    let many = types.count * algorithms.count
    return switch self {
    case .geometry: OneAxisGeometries.all.count * many
    case .transforms: 8 * WinogradSetPair.count * many
    case .exact, .bound, .special, .algebra: .max
    }
  }

  /// Those that the suite has cases for.
  func suitable(
    _ algorithms: [ConvolutionAlgorithm], _ types: [ScalarType]
  ) -> ([ConvolutionAlgorithm], [ScalarType]) {
    guard self == .transforms else { return (algorithms, types) }
    // Half types are too coarse to show the errors of transforms.
    return (
      algorithms.filter { $0 == .winograd },
      types.filter { $0 == .float32 || $0 == .float64 }
    )
  }

  /// Hands problem `index` to every algorithm.
  private func run(
    _ index: Int, of problems: Int, _ operation: ConvolutionOperation,
    seed: UInt64, algorithms: ArraySlice<ConvolutionAlgorithm>,
    types: [ScalarType]
  ) -> [(VerificationCase, VerificationOutcome)] {
    var generator = SeededGenerator(
      seed: seed &+ UInt64(index) &* 0xD1B5_4A32_D192_ED03)
    var type = generator.pick(types)
    // Short, to be typed.
    var dataSeed = generator.next() >> 40
    let geometry: Conv2DGeometry
    switch self {
    case .geometry:
      // Evenly over all there are; of some, each in any type.
      let all = OneAxisGeometries.all
      let place = index * (all.count * types.count) / problems
      geometry = all[place / types.count]
      if problems == all.count * types.count {
        type = types[place % types.count]
      }
      dataSeed = Self.suitableSeed(type.testType, operation, geometry)
    case .exact where index < 2 * KnownGeometries.regressions.count:
      geometry = try! ProblemDescriptor(
        KnownGeometries.regressions[index / 2].descriptor
      ).geometry(index % 2 == 0 ? .nhwc : .nchw)
    case .algebra:
      let identity = AlgebraicIdentity(seed: dataSeed)
      type = generator.pick(identity.types(among: types))
      geometry = draw(using: &generator) { identity.suits($0) }
    case .transforms:
      // Each pair of sets in turn, then each type, layout and kind of data.
      let round = index / WinogradSetPair.count
      let turn = round / types.count
      type = types[(index + round) % types.count]
      dataSeed = WinogradSetPair.seed(
        index, turn % 4 < 3 ? .impulses : .dense, random: dataSeed)
      geometry = TransformGeometry.draw(
        operation, seed: dataSeed,
        (turn + turn / 4) % 2 == 0 ? .nhwc : .nchw, using: &generator)
    case .exact, .bound, .special:
      geometry = draw(using: &generator)
    }

    let problem = problem(
      type.testType, operation, geometry, seed: dataSeed)
    return algorithms.map { algorithm in
      var test = VerificationCase(
        suite: self == .geometry ? .exact : self, operation: operation,
        geometry: geometry, type: type, algorithm: algorithm,
        threads: generator.int(1...5),
        seed: dataSeed)
      if generator.chance(percent: 20),
        let least = try? leastWorkspace(
          type.testType, operation, geometry, test.options),
        least > 0
      {
        test.workspaceLimit = least
      }
      return (test, problem.run(test))
    }
  }

  /// A random problem, no larger than what the suite's own sums allow in time.
  private func draw(
    using generator: inout SeededGenerator,
    where suits: (Conv2DGeometry) -> Bool = { _ in true }
  ) -> Conv2DGeometry {
    while true {
      let geometry = RandomGeometry.draw(using: &generator)
      if RandomGeometry.work(geometry) <= maximumWork, suits(geometry) {
        return geometry
      }
    }
  }

  /// Most multiply-adds of a drawn problem.
  private var maximumWork: Int {
    switch self {
    case .exact, .geometry, .bound: RandomGeometry.maximumWork
    case .special: RandomGeometry.maximumWork / 3
    case .algebra: RandomGeometry.maximumWork / 10
    case .transforms: .max
    }
  }

  /// An odd seed, for Winograd, with which few sums are mostly not zero.
  private static func suitableSeed<Scalar: TestScalar>(
    _ type: Scalar.Type, _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry
  ) -> UInt64 {
    stride(from: 1, through: 37, by: 2).first {
      ExactProblem<Scalar>(operation, geometry, seed: $0).objection == nil
    } ?? 39
  }
}
