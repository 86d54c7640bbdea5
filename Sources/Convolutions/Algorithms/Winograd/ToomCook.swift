/// The three matrices of a minimal filtering algorithm along one axis:
/// `outputs` values of a correlation with `taps` weights from fewer products
/// than `outputs * taps`.
///
/// `y = outputTransform [(filterTransform g) * (inputTransform d)]`, the product
/// in the middle element by element.
///
/// Sources: Winograd, Arithmetic Complexity of Computations, 1980; Lavin, Gray,
/// arXiv 1509.09308; Barabasz, Anderson, Soodhalter, Gregg, arXiv 1803.10986.
package struct ToomCook: Sendable, Hashable {
  /// A factor of the polynomial that products are taken modulo.
  package enum Modulus: Sendable, Hashable {
    /// `x - p`: one product.
    case point(Rational)
    /// `x^2 + 1`: three products, of the remainders `a + b x` at 0, at 1 and at
    /// infinity.
    case imaginary
    /// The leading coefficient: one product.
    case infinity
  }

  /// `[outputs, products]`.
  package let outputTransform: [[Rational]]
  /// `[products, taps]`.
  package let filterTransform: [[Rational]]
  /// `[products, outputs + taps - 1]`; the last coefficient of a row is 1.
  package let inputTransform: [[Rational]]

  package var products: Int { inputTransform.count }
  package var inputs: Int { inputTransform[0].count }

  /// - Precondition: the moduli make up degree `outputs + taps - 1`.
  package init(_ moduli: [Modulus], outputs: Int, taps: Int) {
    let left = moduli.flatMap { $0.functionals(outputs) }
    let right = moduli.flatMap { $0.functionals(taps) }
    let inputs = outputs + taps - 1
    // Product t, a linear form of outputs times one of taps, has weight
    // b[t][l] in the sum that makes d[l]: the transposed algorithm must give
    // the polynomial product, coefficient by coefficient.
    var rows: [[Rational]] = []
    for i in 0..<outputs {
      for j in 0..<taps {
        rows.append(
          left.indices.map { left[$0][i] * right[$0][j] }
            + (0..<inputs).map { $0 == i + j ? 1 : 0 })
      }
    }
    let solution = Self.solve(rows, unknowns: left.count)
    // Whatever a row is divided by goes to the filter, which is transformed in
    // double precision.
    var input: [[Rational]] = []
    var filter: [[Rational]] = []
    for (row, form) in zip(solution, right) {
      let last = row.last { $0 != 0 } ?? 1
      input.append(row.map { $0 / last })
      filter.append(form.map { $0 * last })
    }
    inputTransform = input
    filterTransform = filter
    outputTransform = (0..<outputs).map { i in left.map { $0[i] } }
    precondition(isExact, "the moduli do not make up the degree")
  }

  /// Whether the three make the correlation: what proves a triple.
  package var isExact: Bool {
    (0..<outputTransform.count).allSatisfy { i in
      (0..<filterTransform[0].count).allSatisfy { j in
        (0..<inputs).allSatisfy { l in
          let sum = (0..<products).reduce(Rational(0)) {
            $0 + outputTransform[i][$1] * filterTransform[$1][j]
              * inputTransform[$1][l]
          }
          return sum == (l == i + j ? 1 : 0)
        }
      }
    }
  }

  /// How rounding errors grow, against those of a plain sum: the norms of the
  /// three matrices, product by product. That of two axes is the product.
  package var amplification: Double {
    let squares = outputAmplifications.map { $0 * $0 }
    return (squares.reduce(0, +) / Double(squares.count)).squareRoot()
  }

  /// The same of each output alone: errors are uneven within a tile.
  package var outputAmplifications: [Double] {
    func norm(_ values: [Rational]) -> Double {
      values.reduce(0) { $0 + $1.double * $1.double }
    }
    let norms = zip(filterTransform, inputTransform).map {
      norm($0) * norm($1)
    }
    return outputTransform.map { row in
      let sum = zip(row, norms).reduce(0.0) { sum, product in
        sum + norm([product.0]) * product.1
      }
      return (sum / Double(filterTransform[0].count)).squareRoot()
    }
  }

  /// The most that errors may grow, against those of a sum of terms of the
  /// largest magnitude: the sums of the magnitudes in the rows of the three
  /// matrices. That of two axes is the product.
  package var growth: Double {
    func sum(_ values: [Rational]) -> Double {
      values.reduce(0) { $0 + abs($1.double) }
    }
    return outputTransform.map { row in
      (0..<products).reduce(0.0) { total, t in
        total + abs(row[t].double) * sum(filterTransform[t])
          * sum(inputTransform[t])
      }
    }.max() ?? 0
  }

  /// Solves for each right-hand side behind the coefficients of the unknowns.
  private static func solve(
    _ equations: [[Rational]], unknowns: Int
  ) -> [[Rational]] {
    var rows = equations
    var pivots: [Int] = []
    for column in 0..<unknowns {
      let next = pivots.count
      guard
        let pivot = (next..<rows.count).first(where: { rows[$0][column] != 0 })
      else { continue }
      rows.swapAt(next, pivot)
      let scale = rows[next][column]
      rows[next] = rows[next].map { $0 / scale }
      for index in rows.indices where index != next {
        let factor = rows[index][column]
        guard factor != 0 else { continue }
        rows[index] = zip(rows[index], rows[next]).map { $0 - factor * $1 }
      }
      pivots.append(column)
    }
    let sides = rows[0].count - unknowns
    var solution = [[Rational]](
      repeating: [Rational](repeating: 0, count: sides), count: unknowns)
    for (row, column) in pivots.enumerated() {
      solution[column] = Array(rows[row][unknowns...])
    }
    return solution
  }
}

extension ToomCook.Modulus {
  /// What each product takes of a polynomial with so many coefficients.
  fileprivate func functionals(_ count: Int) -> [[Rational]] {
    switch self {
    case .point(let p):
      var power: Rational = 1
      return [
        (0..<count).map { _ in
          defer { power = power * p }
          return power
        }
      ]
    case .imaginary:
      // x^j is 1, x, -1, -x, 1, ...
      let signs = (0..<count).map { Rational($0 / 2 % 2 == 0 ? 1 : -1) }
      let even = (0..<count).map { $0 % 2 == 0 ? signs[$0] : 0 }
      let odd = (0..<count).map { $0 % 2 == 1 ? signs[$0] : 0 }
      return [even, zip(even, odd).map { $0 + $1 }, odd]
    case .infinity:
      return [(0..<count).map { $0 == count - 1 ? 1 : 0 }]
    }
  }
}
