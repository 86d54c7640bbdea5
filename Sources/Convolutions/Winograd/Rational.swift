/// An exact fraction, reduced; traps where `Int` overflows.
package struct Rational: Hashable, Sendable, ExpressibleByIntegerLiteral {
  package let numerator: Int
  /// Positive.
  package let denominator: Int

  package init(_ numerator: Int, _ denominator: Int = 1) {
    precondition(denominator != 0, "a fraction of zero")
    var (a, b) = (abs(numerator), abs(denominator))
    while b != 0 { (a, b) = (b, a % b) }
    let sign = denominator < 0 ? -1 : 1
    self.numerator = sign * numerator / a
    self.denominator = sign * denominator / a
  }

  package init(integerLiteral value: Int) { self.init(value) }

  /// The nearest double.
  package var double: Double { Double(numerator) / Double(denominator) }

  package static func + (a: Self, b: Self) -> Self {
    Self(
      a.numerator * b.denominator + b.numerator * a.denominator,
      a.denominator * b.denominator)
  }

  package static func - (a: Self, b: Self) -> Self { a + Self(-1) * b }

  package static func * (a: Self, b: Self) -> Self {
    // Across first, so that products stay small.
    let (left, right) = (
      Self(a.numerator, b.denominator), Self(b.numerator, a.denominator)
    )
    return Self(
      left.numerator * right.numerator, left.denominator * right.denominator,
      reduced: ())
  }

  package static func / (a: Self, b: Self) -> Self {
    a * Self(b.denominator, b.numerator)
  }

  private init(_ numerator: Int, _ denominator: Int, reduced: Void) {
    self.numerator = numerator
    self.denominator = denominator
  }
}
