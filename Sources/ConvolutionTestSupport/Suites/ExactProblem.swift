import Convolutions

/// Data whose every partial sum is exact, compared bit for bit.
package struct ExactProblem<Scalar: TestScalar>: VerificationProblem {
  private let operation: ConvolutionOperation
  private let geometry: Conv2DGeometry
  private let first: [Scalar]
  private let second: [Scalar]
  private let expected: [Scalar]
  private let suitsWinograd: Bool
  private let touched: [Bool]
  /// What is wrong with the case itself.
  let objection: VerificationOutcome?

  package init(
    _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry, seed: UInt64
  ) {
    self.operation = operation
    self.geometry = geometry
    suitsWinograd = ExactData.suitsWinograd(seed: seed)
    let first = ExactData.first(Scalar.self, operation, geometry, seed: seed)
    let second = ExactData.second(Scalar.self, operation, geometry, seed: seed)
    let sums = IntegerReference.scatter(
      operation, geometry, first.integers, second.integers)
    let gathered = IntegerReference.gather(
      operation, geometry, first.integers, second.integers)
    let touched = IntegerReference.touched(operation, geometry)
    let exponent = first.exponent + second.exponent
    expected = sums.map { Scalar(rounding: $0, exponent: exponent) }
    self.first = first.scalars
    self.second = second.scalars
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
      let plan = try operation.plan(
        Scalar.self, geometry, options: test.options)
      if plan.algorithm == .winograd, !suitsWinograd {
        return .skipped("winograd: even seeds have data that it rounds")
      }
      return compare(result(of: plan, first, second, prefill: .notANumber))
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
        + "\(position(first)): got \(result[first]), "
        + "expected \(expected[first])")
  }

  /// Indices of an element of the result, for people.
  private func position(_ index: Int) -> [Int] {
    var rest = index
    let sizes = geometry.sizes(of: operation.result)
    let reversed = sizes.reversed().map { size in
      defer { rest /= size }
      return rest % size
    }
    return reversed.reversed()
  }
}
