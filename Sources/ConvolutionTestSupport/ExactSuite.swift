import Convolutions
import Dispatch
import Synchronization

/// Cases whose every partial sum is exact, compared bit for bit.
public enum ExactSuite {
  /// Runs one case.
  public static func run(_ test: VerificationCase) -> VerificationOutcome {
    run(test, type: test.type.testType)
  }

  private static func run<Scalar: TestScalar>(
    _ test: VerificationCase, type: Scalar.Type
  ) -> VerificationOutcome {
    ExactProblem<Scalar>(test.geometry, seed: test.seed).run(test)
  }

  /// Runs known regressions in both layouts, then random cases.
  ///
  /// Each problem is drawn with a type and a layout and handed to every
  /// algorithm in turn; those that cannot serve it count as skipped.
  ///
  /// - Parameters:
  ///   - cases: tests to run, skipped ones included.
  ///   - seed: the same seed gives the same cases and the same summary.
  ///   - algorithms: algorithms to force; not empty.
  ///   - types: types to draw from; not empty.
  ///   - progress: called now and then, from any thread, with the number of
  ///     tests done.
  public static func run(
    cases: Int, seed: UInt64, algorithms: [InputGradientAlgorithm],
    types: [ScalarType], progress: @Sendable (Int) -> Void
  ) -> VerificationSummary {
    let problems = (cases + algorithms.count - 1) / algorithms.count
    let chunk = 16
    let chunks = (problems + chunk - 1) / chunk
    let summaries = Mutex(
      [VerificationSummary](repeating: .init(), count: chunks))
    let done = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: chunks) { index in
      var summary = VerificationSummary()
      for problem in index * chunk..<min((index + 1) * chunk, problems) {
        let first = problem * algorithms.count
        let asked = algorithms.prefix(cases - first)
        for (test, outcome) in run(
          problem: problem, seed: seed, algorithms: asked, types: types)
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

  private static func run(
    problem index: Int, seed: UInt64,
    algorithms: ArraySlice<InputGradientAlgorithm>, types: [ScalarType]
  ) -> [(VerificationCase, VerificationOutcome)] {
    var generator = SeededGenerator(
      seed: seed &+ UInt64(index) &* 0xD1B5_4A32_D192_ED03)
    let type = generator.pick(types)
    // Short, to be typed.
    let dataSeed = generator.next() >> 40
    let known = KnownGeometries.regressions
    let geometry =
      index < 2 * known.count
      ? Descriptor.geometry(
        known[index / 2].descriptor, index % 2 == 0 ? .nhwc : .nchw)!
      : RandomGeometry.draw(using: &generator)

    func runAll<Scalar: TestScalar>(
      _ scalar: Scalar.Type
    ) -> [(VerificationCase, VerificationOutcome)] {
      let problem = ExactProblem<Scalar>(geometry, seed: dataSeed)
      return algorithms.map { algorithm in
        var test = VerificationCase(
          geometry: geometry, type: type, algorithm: algorithm,
          threads: generator.int(1...5), seed: dataSeed)
        if generator.chance(percent: 20),
          let least = try? leastWorkspace(scalar, geometry, algorithm),
          least > 0
        {
          test.workspaceLimit = least
        }
        return (test, problem.run(test))
      }
    }
    return runAll(type.testType)
  }
}

/// The data and the expected result of a case, for every algorithm.
package struct ExactProblem<Scalar: TestScalar> {
  private let geometry: Conv2DGeometry
  private let filter: [Scalar]
  private let outBackprop: [Scalar]
  private let expected: [Scalar]
  private let suitsWinograd: Bool
  private let touched: [Bool]
  /// What is wrong with the case itself.
  private let objection: VerificationOutcome?

  package init(_ geometry: Conv2DGeometry, seed: UInt64) {
    self.geometry = geometry
    suitsWinograd = ExactData.suitsWinograd(seed: seed)
    let filter = ExactData.filter(Scalar.self, geometry, seed: seed)
    let outBackprop = ExactData.outBackprop(Scalar.self, geometry, seed: seed)
    let sums = IntegerReference.scatter(
      geometry, filter: filter.integers, outBackprop: outBackprop.integers)
    let gathered = IntegerReference.gather(
      geometry, filter: filter.integers, outBackprop: outBackprop.integers)
    let touched = IntegerReference.touched(geometry)
    let exponent = filter.exponent + outBackprop.exponent
    expected = sums.map { Scalar(rounding: $0, exponent: exponent) }
    self.filter = filter.scalars
    self.outBackprop = outBackprop.scalars
    self.touched = touched

    let reached = touched.count { $0 }
    let nonZero = sums.count { $0 != 0 }
    objection =
      if sums != gathered {
        .failed("the scatter and the gather reference differ")
      } else if zip(sums, touched).contains(where: { $0 != 0 && !$1 }) {
        .failed("the reference has a sum where no tap reaches")
      } else if 2 * nonZero < reached {
        .skipped("too few non-zero results")
      } else {
        nil
      }
  }

  package func run(_ test: VerificationCase) -> VerificationOutcome {
    if let objection { return objection }
    do {
      let plan = try InputGradientPlan<Scalar>(geometry, options: test.options)
      if plan.algorithm == .winograd, !suitsWinograd {
        return .skipped("winograd: even seeds have data that it rounds")
      }
      let result = try inputGradient(
        geometry, test.options, filter: filter, outBackprop: outBackprop,
        prefill: .notANumber)
      return compare(result)
    } catch .unsupported(_, let reason) {
      return .skipped("\(test.algorithm.rawValue): \(reason)")
    } catch {
      return .failed("error: \(error)")
    }
  }

  /// Bits, but for the sign of an exact zero, which is open where taps reach.
  private func compare(_ result: [Scalar]) -> VerificationOutcome {
    var differences = 0
    var first: Int?
    for index in result.indices where result[index].bits != expected[index].bits
    {
      if touched[index], result[index].isZero, expected[index].isZero {
        continue
      }
      differences += 1
      first = first ?? index
    }
    guard let first else { return .passed }
    return .failed(
      "\(differences) of \(result.count) results differ, the first at "
        + "\(geometry.position(first)): got \(result[first]), "
        + "expected \(expected[first])")
  }
}

extension Conv2DGeometry {
  /// Indices of an element of the result, for people.
  fileprivate func position(_ index: Int) -> [Int] {
    var rest = index
    let reversed = inputSizes.reversed().map { size in
      defer { rest /= size }
      return rest % size
    }
    return reversed.reversed()
  }
}
