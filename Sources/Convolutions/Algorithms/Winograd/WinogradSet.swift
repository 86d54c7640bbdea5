/// The moduli that Winograd's transforms are made from, by the number of
/// products; the C kernels have the transforms of each as straight lines.
///
/// Points are chosen for the least error of their number, and so that constants
/// are exact in `Float`; x^2 + 1 costs a product more than two points would, and
/// much less error.
package enum WinogradSet: Int, Sendable, Hashable, CaseIterable {
  /// No transform: one product a value.
  case one = 1
  /// 0, +-1, infinity: exact on integers.
  case four = 4
  /// +-3/8, +-5/4, infinity.
  case five = 5
  /// 0, +-5/8, +-3/2, infinity.
  case six = 6
  /// 0, +-1, x^2 + 1, infinity: six values, with additions alone; exact on
  /// integers, and its error is below that of a plain sum.
  case seven = 7
  /// +-1/2, +-5/4, x^2 + 1, infinity: seven values.
  case eight = 8
  /// 0, +-3/4, +-3/2, x^2 + 1, infinity: eight values.
  case nine = 9
  /// +-3/8, +-7/8, +-7/4, x^2 + 1, infinity: nine values.
  case ten = 10
  /// 0, +-1/2, +-1, +-7/4, x^2 + 1, infinity: ten values.
  case eleven = 11

  package var products: Int { rawValue }

  /// Values that one application reads.
  package var inputs: Int { rawValue >= 7 ? rawValue - 1 : rawValue }

  /// Numbers of taps that the loops are made for.
  package var taps: ClosedRange<Int> {
    switch self {
    case .one: 1...1
    case .four: 2...3
    case .five: 2...4
    case .six, .seven, .eight: 2...5
    case .nine: 3...6
    case .ten: 3...7
    case .eleven: 3...8
    }
  }

  private var moduli: [ToomCook.Modulus] {
    func pairs(_ points: (Int, Int)...) -> [ToomCook.Modulus] {
      points.flatMap {
        [.point(Rational($0.0, $0.1)), .point(Rational(-$0.0, $0.1))]
      }
    }
    return switch self {
    case .one: [.infinity]
    case .four: [.point(0)] + pairs((1, 1)) + [.infinity]
    case .five: pairs((3, 8), (5, 4)) + [.infinity]
    case .six: [.point(0)] + pairs((5, 8), (3, 2)) + [.infinity]
    case .seven: [.point(0)] + pairs((1, 1)) + [.imaginary, .infinity]
    case .eight: pairs((1, 2), (5, 4)) + [.imaginary, .infinity]
    case .nine: [.point(0)] + pairs((3, 4), (3, 2)) + [.imaginary, .infinity]
    case .ten: pairs((3, 8), (7, 8), (7, 4)) + [.imaginary, .infinity]
    case .eleven:
      [.point(0)] + pairs((1, 2), (1, 1), (7, 4)) + [.imaginary, .infinity]
    }
  }

  /// The matrices for a number of ``taps``.
  package func matrices(taps: Int) -> ToomCook {
    ToomCook(moduli, outputs: inputs - taps + 1, taps: taps)
  }
}

/// The sets of the two axes of an image.
package struct WinogradSetPair: Sendable, Hashable {
  package var rows: WinogradSet
  package var columns: WinogradSet

  package init(rows: WinogradSet, columns: WinogradSet) {
    (self.rows, self.columns) = (rows, columns)
  }
}

/// What decides which sets a plan may take.
enum AccuracyTarget: Sendable, Hashable {
  case accuracy(Accuracy)
  /// Sums of small integers are exact.
  case integers
  /// These sets, whatever their error, where an axis has more than one tap.
  case sets(WinogradSetPair)

  /// Whether a plan chooses by the error.
  var isAccuracy: Bool {
    if case .accuracy = self { true } else { false }
  }

  /// The sets to choose from, for rows (axis 0) or columns (axis 1).
  func sets(axis: Int) -> [WinogradSet] {
    switch self {
    case .accuracy: WinogradSet.allCases
    case .integers: [.one, .four, .seven]
    case .sets(let pair): [.one, axis == 0 ? pair.rows : pair.columns]
    }
  }
}

/// Winograd along one axis of a phase.
struct WinogradAxis: Sendable, Hashable {
  let points: WinogradSet
  let taps: Int

  /// Whether there is one tap, and so no transform.
  var isPlain: Bool { points == .one }
  /// Positions of the result that one application makes.
  var outputs: Int { points.inputs - taps + 1 }
  var inputs: Int { points.inputs }
  var products: Int { points.products }

  /// How rounding errors grow along an axis of so many positions, the last of
  /// whose tiles may be cut.
  func amplification(positions: Int) -> Double {
    let each = table.amplifications
    let squares = each.enumerated().reduce(0.0) { sum, output in
      let tiles = ceilDivide(positions - output.offset, outputs)
      return sum + Double(tiles) * output.element * output.element
    }
    return (squares / Double(max(1, positions))).squareRoot()
  }

  /// What bounds how they grow.
  var growth: Double { table.growth }

  /// What the filter is transformed with, `[products, taps]`.
  var filterTransform: [Double] { table.filterTransform }

  private struct Table {
    let amplifications: [Double]
    let growth: Double
    let filterTransform: [Double]

    init(_ matrices: ToomCook) {
      amplifications = matrices.outputAmplifications
      growth = matrices.growth
      filterTransform = matrices.filterTransform.joined().map(\.double)
    }
  }

  private var table: Table {
    Self.tables[points.rawValue][taps - points.taps.lowerBound]
  }

  /// By products, then by taps. Made once: exact fractions take their time.
  private static let tables = (0...WinogradSet.allCases.last!.rawValue).map {
    WinogradSet(rawValue: $0).map { points in
      points.taps.map { Table(points.matrices(taps: $0)) }
    } ?? []
  }

  /// The most taps that any set takes.
  static let mostTaps = WinogradSet.allCases.map(\.taps.upperBound).max()!
}
