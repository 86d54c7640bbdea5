import Convolutions

/// A sum of products in two doubles, as if in twice the precision.
///
/// Source: Ogita, Rump, Oishi, "Accurate sum and dot product", SIAM J. Sci.
/// Comput. 26 (2005), algorithm 5.3.
package struct DoubleDouble: Sendable {
  private(set) var high = 0.0
  private(set) var low = 0.0

  mutating func add(_ a: Double, _ b: Double) {
    let product = a * b
    let productError = (-product).addingProduct(a, b)
    let sum = high + product
    let part = sum - high
    let sumError = (high - (sum - part)) + (product - part)
    high = sum
    low += productError + sumError
  }

  package var value: Double { high + low }

  /// `other - self`, where the two nearly cancel.
  func error(of other: Double) -> Double { (other - high) - low }
}

/// An operation from its definition, element by element, in twice the precision of
/// a double.
package struct DoubleDoubleReference: Sendable {
  package struct Element: Sendable {
    /// The element of the result.
    package fileprivate(set) var sum = DoubleDouble()
    /// The sum of the magnitudes of its products.
    package fileprivate(set) var magnitude = 0.0
    /// Its products.
    package fileprivate(set) var terms = 0
  }

  package let elements: [Element]

  package init(
    _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry, _ first: [Double], _ second: [Double]
  ) {
    let terms = ResultTerms(operation, geometry)
    elements = (0..<geometry.count(of: operation.result)).map { place in
      var element = Element()
      terms.forEachRun(of: place) { run in
        for index in 0..<run.count {
          let (a, b) = (
            first[run.first + index * run.firstStride],
            second[run.second + index * run.secondStride]
          )
          element.sum.add(a, b)
          element.magnitude += abs(a * b)
        }
        element.terms += run.count
      }
      return element
    }
  }
}
