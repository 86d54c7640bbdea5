import Convolutions

/// Kinds of data of the `transforms` suite, by the seed.
package enum TransformData: Int, CaseIterable {
  /// One number in each tile's reach, at every place in turn, and one tap: no
  /// sum hides an error.
  case impulses
  /// None is zero.
  case dense

  init(seed: UInt64) {
    let pairs = UInt64(WinogradSetPair.count)
    self.init(rawValue: Int(seed / pairs % UInt64(Self.allCases.count)))!
  }

  /// What rounding may amount to, in units in the last place.
  package func allowedUnits(terms: Int) -> Double {
    switch self {
    case .impulses: 4
    case .dense: 3 * (1 + 0.09 * Double(terms)).squareRoot()
    }
  }
}

extension WinogradSetPair {
  private static let sets = WinogradSet.allCases.filter { $0 != .one }

  /// All pairs of sets that transform anything.
  package static var count: Int { sets.count * sets.count }

  /// That of a case.
  package init(seed: UInt64) {
    let index = Int(seed % UInt64(Self.count))
    self.init(
      rows: Self.sets[index / Self.sets.count],
      columns: Self.sets[index % Self.sets.count])
  }

  /// A seed of pair `index`, the first few far apart, and a kind of data.
  static func seed(
    _ index: Int, _ kind: TransformData, random: UInt64
  ) -> UInt64 {
    let kinds = UInt64(TransformData.allCases.count)
    return (random / kinds * kinds + UInt64(kind.rawValue)) * UInt64(count)
      + UInt64(index * 27 % count)
  }
}

/// Winograd with each pair of sets of points in turn, on data whose results are
/// known to a few units in the last place.
///
/// All numbers and sums of products are exact in double precision. A result may
/// be off by
///
///     k u sqrt(sum of (w d g)^2)
///
/// over all products `w d` that a tile mixes into it, with the growths `g` of
/// ``TransformAxis``: of impulses mostly one product, and `k` is 4; dense it is
/// 3 sqrt(1 + 0.09 n) for sums over `n` channels or tiles.
struct TransformProblem<Scalar: TestScalar>: VerificationProblem {
  let operation: ConvolutionOperation
  let geometry: Conv2DGeometry
  let sets: WinogradSetPair
  let kind: TransformData
  private let rows: TransformAxis
  private let columns: TransformAxis
  private let data: TransformOperands

  init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry, seed: UInt64
  ) {
    self.operation = operation
    self.geometry = geometry
    sets = WinogradSetPair(seed: seed)
    kind = TransformData(seed: seed)
    rows = TransformAxis(operation, geometry, axis: 0, sets.rows)
    columns = TransformAxis(operation, geometry, axis: 1, sets.columns)
    data = TransformOperands(
      operation, geometry, kind, rows, columns, seed: seed)
  }

  func run(_ test: VerificationCase) -> VerificationOutcome {
    guard test.algorithm == .winograd else {
      return .skipped("\(test.algorithm.rawValue): it has no transforms")
    }
    guard Scalar.scalarType == .float32 || Scalar.scalarType == .float64 else {
      return .skipped("half types hide the errors of transforms")
    }
    do {
      let plan = try operation.plan(
        Scalar.self, geometry, options: test.options)
      let (first, second): ([Scalar], [Scalar]) = data.scalars()
      return judge(result(of: plan, first, second, prefill: .notANumber))
    } catch .unsupported(_, let reason) {
      return .skipped("\(test.algorithm.rawValue): \(reason)")
    } catch {
      return .failed("error: \(error)")
    }
  }

  private func judge(_ result: [Scalar]) -> VerificationOutcome {
    let unit = Scalar.scalarType == .float64 ? 0x1p-53 : 0x1p-24
    let allowed = unit * kind.allowedUnits(terms: data.terms)
    let touched = IntegerReference.touched(operation, geometry)
    var sums = PlaneSums(rows, columns)
    var worst = 0.0
    for plane in 0..<data.resultPlanes {
      sums.clear()
      data.forEachProduct(of: plane) { sums.add($0, $1) }
      for index in sums.values.indices {
        let place = data.place(ofResult: plane, index)
        let got = result[place].asDouble
        let error = abs(got - sums.values[index])
        let tolerance = allowed * sums.squares[index].squareRoot()
        guard error <= tolerance else {
          return .failed(
            "result \(place) is \(got), not \(sums.values[index]) by more "
              + "than \(tolerance), sets \(sets.rows) and \(sets.columns), "
              + "\(kind) data")
        }
        if !touched[place], result[place].bits != 0 {
          return .failed("no tap reaches result \(place), which is \(got)")
        }
        if error > 0 { worst = max(worst, error / tolerance) }
      }
    }
    return .within(
      kind == .dense
        ? ErrorRatios(bound: 0, quality: worst) : ErrorRatios(bound: worst))
  }
}

/// The numbers of a channel that are not zero, row by row.
struct TransformPlane: Sendable {
  struct Row: Sendable {
    let index: Int
    var numbers: [(column: Int, value: Double)]
  }

  private(set) var rows: [Row] = []

  /// - Precondition: places are given in order.
  mutating func append(row: Int, column: Int, _ value: Double) {
    if rows.last?.index != row { rows.append(Row(index: row, numbers: [])) }
    rows[rows.count - 1].numbers.append((column, value))
  }
}

/// The sums of a channel of the result, and the squares of what may be left of
/// the terms in each.
private struct PlaneSums {
  let rows: TransformAxis
  let columns: TransformAxis
  private(set) var values: [Double]
  private(set) var squares: [Double]
  private var lineValues: [Double]
  private var lineSquares: [Double]

  init(_ rows: TransformAxis, _ columns: TransformAxis) {
    (self.rows, self.columns) = (rows, columns)
    lineValues = [Double](repeating: 0, count: columns.results)
    lineSquares = lineValues
    values = [Double](repeating: 0, count: rows.results * columns.results)
    squares = values
  }

  mutating func clear() {
    for index in values.indices { (values[index], squares[index]) = (0, 0) }
  }

  mutating func add(_ source: TransformPlane, _ other: TransformPlane) {
    for line in source.rows {
      for otherLine in other.rows {
        let places = rows.places(source: line.index, other: otherLine.index)
        guard !places.isEmpty else { continue }
        sum(line, otherLine)
        for place in places {
          let first = place.index * columns.results
          let square = place.growth * place.growth
          for column in 0..<columns.results {
            if place.isTrue { values[first + column] += lineValues[column] }
            squares[first + column] += square * lineSquares[column]
          }
        }
      }
    }
  }

  /// The sums along a row.
  private mutating func sum(
    _ line: TransformPlane.Row, _ otherLine: TransformPlane.Row
  ) {
    for column in 0..<columns.results {
      (lineValues[column], lineSquares[column]) = (0, 0)
    }
    for (column, value) in line.numbers {
      for (other, weight) in otherLine.numbers {
        let term = value * weight
        for place in columns.places(source: column, other: other) {
          if place.isTrue { lineValues[place.index] += term }
          let left = term * place.growth
          lineSquares[place.index] += left * left
        }
      }
    }
  }
}
