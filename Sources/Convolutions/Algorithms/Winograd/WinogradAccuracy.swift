// What accuracy promises, and whether a set of points keeps it. Relative Frobenius
// errors on independent random data, in units of the last place of the type that
// sums are taken in, which is `Float`'s in what is promised.

/// The error of sums in one chain of fused multiply-adds from zero.
///
/// The `k`-th of `n` partial sums has a share `k / n` of the variance of the
/// whole; its rounding has a relative error of 0.42 units in the mean square over
/// all mantissas, and `0.42^2 (n + 1) / 2` is the sum.
func runningSumError(terms: Double) -> Double {
  0.3 * (terms + 1).squareRoot()
}

extension Accuracy {
  /// The largest error for sums of so many terms.
  package func allowedError(terms: Double) -> Double {
    switch self {
    case .standard: max(1e-6 / 0x1p-24, runningSumError(terms: terms))
    case .tight: 1.05 * runningSumError(terms: terms)
    }
  }
}

extension AccuracyTarget {
  /// What the model of the errors of Winograd may be below what is measured
  /// (`convbench verify --suite bound --algorithm winograd`).
  private static var uncertainty: Double { 1.15 }

  /// The largest error that the model may give.
  func mostError(terms: Double) -> Double {
    allowedError(terms: terms) / Self.uncertainty
  }

  private func allowedError(terms: Double) -> Double {
    switch self {
    case .accuracy(let accuracy): accuracy.allowedError(terms: terms)
    case .integers, .sets: Accuracy.tight.allowedError(terms: terms)
    }
  }

  /// Refuses points that may break the promise; exact ones break none, and those
  /// that a test asks for are taken.
  ///
  /// - Parameters:
  ///   - error: what the model gives.
  ///   - terms: of the sums.
  ///   - computeByteCount: bytes of a scalar that sums are taken in.
  func check(
    error: Double, terms: Double, computeByteCount: Int
  ) throws(Conv2DError) {
    // Where there is nothing to sum, there is no error.
    guard isAccuracy, terms > 0, error > mostError(terms: terms) else { return }
    let unit = computeByteCount == 8 ? 0x1p-53 : 0x1p-24
    throw .inaccurate(
      .winograd, error: error * Self.uncertainty * unit,
      allowed: allowedError(terms: terms) * unit)
  }
}

extension MapAxis {
  /// The terms that sums at the positions of a phase have along the axis; those
  /// of more terms weigh more, in proportion.
  func meanTerms(phase: Int) -> Double {
    let taps = PhaseTaps(self, phase: phase)
    return weightedMean(
      (0..<taps.count).map { index in
        let run = run(landingIn: 0..<target, tap: taps.tap(index))
        let first = run.target / stride
        return first..<first + run.count
      })
  }

  /// Of positions that each lie in some of the ranges, in how many: the mean with
  /// that number as its weight.
  private func weightedMean(_ ranges: [Range<Int>]) -> Double {
    var (sum, squares) = (0.0, 0.0)
    for range in ranges {
      sum += Double(range.count)
      for other in ranges {
        squares += Double(range.clamped(to: other).count)
      }
    }
    return sum > 0 ? squares / sum : 0
  }
}

extension MapAxis {
  /// The windows whose tap reads the image, of the taps of the filter; those of
  /// more windows weigh more, in proportion.
  var meanWindows: Double {
    let windows = (0..<kernel).map {
      Double(sources(landingIn: 0..<target, tap: $0).count)
    }
    let sum = windows.reduce(0, +)
    return sum > 0 ? windows.reduce(0) { $0 + $1 * $1 } / sum : 0
  }
}
