/// An exact fraction, reduced; traps where `Int` overflows.
package struct Rational: Hashable, Sendable, ExpressibleByIntegerLiteral {
  package let numerator: Int
  /// Positive.
  package let denominator: Int

  package init(_ numerator: Int, _ denominator: Int = 1) {
    precondition(denominator != 0, "a fraction of zero")
    let shared = greatestCommonDivisor(abs(numerator), abs(denominator))
    let sign = denominator < 0 ? -1 : 1
    self.numerator = sign * numerator / shared
    self.denominator = sign * denominator / shared
  }

  package init(integerLiteral value: Int) { self.init(value) }

  /// The nearest double.
  package var double: Double { Double(numerator) / Double(denominator) }

  package static func + (a: Self, b: Self) -> Self {
    // Over the least common denominator, so that products stay small.
    let shared = greatestCommonDivisor(a.denominator, b.denominator)
    return Self(
      a.numerator * (b.denominator / shared)
        + b.numerator * (a.denominator / shared),
      a.denominator / shared * b.denominator)
  }

  package static func - (a: Self, b: Self) -> Self { a + Self(-1) * b }

  package static func * (a: Self, b: Self) -> Self {
    // Across first, for the same reason.
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
