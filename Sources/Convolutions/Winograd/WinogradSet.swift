/// The moduli that Winograd transforms are made from; the C kernels have the
/// transforms of each as straight lines, by its raw value.
package enum WinogradSet: Int, Sendable, Hashable, CaseIterable {
  /// No transform: one product a value.
  case none = 0
  /// 0, 1, -1, infinity: four values from four products; exact on integers.
  case four = 1
  /// 0, 5/8, -5/8, 3/2, -3/2, infinity: six values from six products.
  ///
  /// The points with the least error of all plain sets of six.
  case six = 2
  /// 0, 1, -1, x^2 + 1, infinity: six values from seven products, with
  /// additions alone; exact on integers, and its error is below that of a plain
  /// sum.
  case seven = 3

  /// Values that one application reads.
  package var inputs: Int {
    switch self {
    case .none: 1
    case .four: 4
    case .six, .seven: 6
    }
  }

  package var products: Int {
    switch self {
    case .none: 1
    case .four: 4
    case .six: 6
    case .seven: 7
    }
  }

  private var moduli: [ToomCook.Modulus] {
    let ones: [ToomCook.Modulus] = [.point(0), .point(1), .point(-1)]
    return switch self {
    case .none: [.infinity]
    case .four: ones + [.infinity]
    case .six:
      [.point(0)]
        + [(5, 8), (-5, 8), (3, 2), (-3, 2)].map {
          .point(Rational($0.0, $0.1))
        } + [.infinity]
    case .seven: ones + [.imaginary, .infinity]
    }
  }

  /// The matrices for a number of taps, at least 2 but for ``none``.
  package func matrices(taps: Int) -> ToomCook {
    ToomCook(moduli, outputs: inputs - taps + 1, taps: taps)
  }

  /// The sets whose error is that of a plain sum or less, or all.
  static func allowed(_ accuracy: Accuracy) -> [WinogradSet] {
    accuracy == .tight ? [.four, .seven] : [.four, .six]
  }
}

/// Winograd along one axis of a phase.
struct WinogradAxis: Sendable, Hashable {
  let points: WinogradSet
  let taps: Int

  /// Whether there is one tap, and so no transform.
  var isPlain: Bool { points == .none }
  /// Positions of the result that one application makes.
  var outputs: Int { points.inputs - taps + 1 }
  var inputs: Int { points.inputs }
  var products: Int { points.products }

  /// How rounding errors grow along the axis.
  var amplification: Double { Self.tables[self]!.amplification }

  /// What the filter is transformed with, `[products, taps]`.
  var filterTransform: [Double] { Self.tables[self]!.filterTransform }

  /// Made once: exact fractions take their time.
  private static let tables:
    [WinogradAxis: (amplification: Double, filterTransform: [Double])] = {
      var tables: [WinogradAxis: (Double, [Double])] = [:]
      for points in WinogradSet.allCases {
        for taps in 1...mostTaps where points.inputs >= taps {
          guard (points == .none) == (taps == 1) else { continue }
          let matrices = points.matrices(taps: taps)
          tables[WinogradAxis(points: points, taps: taps)] = (
            matrices.amplification,
            matrices.filterTransform.joined().map(\.double)
          )
        }
      }
      return tables
    }()

  private init(points: WinogradSet, taps: Int) {
    self.points = points
    self.taps = taps
  }

  /// The most taps that any set takes.
  static let mostTaps = 5

  /// The axis with the fewest products for some positions of a phase; `nil` if
  /// none takes so many taps.
  init?(
    taps: Int, positions: Int, accuracy: Accuracy
  ) {
    let sets =
      taps == 1
      ? [WinogradSet.none]
      : WinogradSet.allowed(accuracy).filter { $0.inputs - taps >= 1 }
    func products(_ set: WinogradSet) -> Int {
      ceilDivide(positions, set.inputs - taps + 1) * set.products
    }
    guard taps >= 1, let best = sets.min(by: { products($0) < products($1) })
    else { return nil }
    points = best
    self.taps = taps
  }
}
