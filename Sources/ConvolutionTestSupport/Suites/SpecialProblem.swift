import Convolutions

#if canImport(Glibc)
  import Glibc
#endif

/// Kinds of special data, by the seed.
enum SpecialData: Int, CaseIterable {
  case notFinite, overflow, subnormal

  init(seed: UInt64) {
    self.init(rawValue: Int(seed % UInt64(Self.allCases.count)))!
  }
}

/// Integer data with one value that is not finite, or scaled to the largest or
/// the smallest numbers of the type: the results that are not finite are those
/// of the definition, the others are exact.
struct SpecialProblem<Scalar: TestScalar>: VerificationProblem {
  private let operation: ConvolutionOperation
  private let geometry: Conv2DGeometry
  private let kind: SpecialData
  private let first: [Scalar]
  private let second: [Scalar]
  /// NaN stands for any result that is not finite.
  private let expected: [Scalar]
  private let objection: VerificationOutcome?
  /// Whether Winograd on integer-exact sets is exact on the finite sums.
  private let suitsWinograd: Bool

  init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry, seed: UInt64
  ) {
    let kind = SpecialData(seed: seed)
    var generator = SeededGenerator(seed: seed ^ 0x5EC1A1)
    let terms = max(1, IntegerReference.longestSum(operation, geometry))
    let most = kind == .overflow ? 7 : 3
    func draw(_ count: Int) -> [Int64] {
      (0..<count).map { _ in
        switch kind {
        // Some are zero: 0 * Inf counts like any other product.
        case .notFinite:
          Int64(generator.chance(percent: 20) ? 0 : generator.int(-most...most))
        // Of one sign: no partial sum is larger than the whole.
        case .overflow: Int64(generator.int(1...most))
        case .subnormal: Int64(generator.int(-most...most))
        }
      }
    }
    var firsts = draw(geometry.count(of: operation.operands[0]))
    var seconds = draw(geometry.count(of: operation.operands[1]))
    var (left, right) = (0, 0)
    switch kind {
    case .notFinite: break
    case .overflow:
      // The largest sums are at the edge of the type.
      let largest =
        IntegerReference.scatter(
          operation, geometry, firsts, seconds
        ).max() ?? 0
      let edge =
        Scalar.smallestExponent + Scalar.significandBits
        + Int((Scalar.infinityBits >> UInt64(Scalar.significandBits)) - 1)
      let bits = Int64.bitWidth - largest.leadingZeroBitCount
      left = (edge - bits + generator.int(0...1)) / 2
      right = edge - bits + generator.int(0...1) - left
      if generator.chance(percent: 50) {
        seconds = seconds.map { -$0 }
      }
    case .subnormal:
      // In units of the smallest number that sums are taken in, or of the
      // storage type.
      let unit = Scalar.scalarType == .float64 ? -1074 : -149
      let least = generator.pick([
        max(unit, Scalar.smallestExponent - generator.int(0...4)),
        Scalar.smallestExponent + generator.int(0...2),
      ])
      left = least / 2
      right = least - left
    }
    var first = firsts.map { Scalar(rounding: $0, exponent: right) }
    var second = seconds.map { Scalar(rounding: $0, exponent: left) }
    var reached = [Int64](
      repeating: 0, count: geometry.count(of: operation.result))
    if kind == .notFinite, !firsts.isEmpty, !seconds.isEmpty {
      // Where it reaches: the sums of an indicator against ones.
      let value = generator.pick([
        Scalar.notANumber, .infinity,
        Scalar(bits: Scalar.infinityBits | Scalar.signBit),
      ])
      let inFirst = generator.chance(percent: 50)
      let place = generator.int(
        0...(inFirst ? firsts.count : seconds.count) - 1)
      var mark = [Int64](
        repeating: 0, count: inFirst ? firsts.count : seconds.count)
      mark[place] = 1
      if inFirst {
        first[place] = value
        firsts[place] = 0
      } else {
        second[place] = value
        seconds[place] = 0
      }
      let ones = [Int64](
        repeating: 1, count: inFirst ? seconds.count : firsts.count)
      reached = IntegerReference.scatter(
        operation, geometry, inFirst ? mark : ones, inFirst ? ones : mark)
    }
    let sums = IntegerReference.gather(operation, geometry, firsts, seconds)
    expected = zip(sums, reached).map { sum, reached in
      reached > 0
        ? .notANumber : Scalar(rounding: sum, exponent: left + right)
    }
    // As many bits as ``ExactData`` leaves to Winograd.
    suitsWinograd =
      kind != .subnormal && terms * most * most <= 1 << 14
    objection =
      terms * most * most > 1 << 24
      ? .skipped("too long a sum to be exact")
      : expected.allSatisfy(\.isZero)
        ? .skipped("all results are zero") : nil
    self.operation = operation
    self.geometry = geometry
    self.kind = kind
    self.first = first
    self.second = second
  }

  func run(_ test: VerificationCase) -> VerificationOutcome {
    if let objection { return objection }
    do {
      let plan = try operation.plan(
        Scalar.self, geometry, options: test.options)
      if plan.algorithm == .winograd, !suitsWinograd {
        return .skipped(
          kind == .subnormal
            ? "winograd: rounds subnormal sums"
            : "winograd: too long a sum to be exact")
      }
      let control = FloatingPointControl.current
      let result = result(of: plan, first, second, prefill: .notANumber)
      guard control == FloatingPointControl.current else {
        return .failed("the floating-point control register has changed")
      }
      return compare(result)
    } catch .unsupported(_, let reason) {
      return .skipped("\(test.algorithm.rawValue): \(reason)")
    } catch {
      return .failed("error: \(error)")
    }
  }

  private func compare(_ result: [Scalar]) -> VerificationOutcome {
    let wrong = result.indices.filter { index in
      let (got, right) = (result[index], expected[index])
      return right.isNotANumber
        ? got.isFinite
        : got.bits != right.bits && !(got.isZero && right.isZero)
    }
    guard let first = wrong.first else { return .passed }
    return .failed(
      "\(wrong.count) of \(result.count) results differ, the first \(first): "
        + "got \(result[first]), expected \(expected[first]), \(kind) data")
  }
}

/// How the thread rounds, and what it traps and flushes.
struct FloatingPointControl: Equatable {
  private let bits: UInt32

  static var current: Self {
    #if canImport(Glibc) && arch(x86_64)
      var environment = fenv_t()
      fegetenv(&environment)
      // But for the flags of what has happened.
      return Self(bits: environment.__mxcsr & ~0x3F)
    #else
      return Self(bits: UInt32(truncatingIfNeeded: fegetround()))
    #endif
  }
}
