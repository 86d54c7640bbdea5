import Convolutions

/// A problem's operands from ``ExactData``, and the result that they must give to
/// the bit, but for the sign of a zero.
package struct ExactCase<Scalar: TestScalar>: Sendable {
  package let first: [Scalar]
  package let second: [Scalar]
  package let expected: [Scalar]

  package init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry, seed: UInt64
  ) {
    let first = ExactData.first(Scalar.self, operation, geometry, seed: seed)
    let second = ExactData.second(Scalar.self, operation, geometry, seed: seed)
    let exponent = first.exponent + second.exponent
    expected = IntegerReference.scatter(
      operation, geometry, first.integers, second.integers
    ).map { Scalar(rounding: $0, exponent: exponent) }
    self.first = first.scalars
    self.second = second.scalars
  }
}
