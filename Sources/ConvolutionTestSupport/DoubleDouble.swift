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

/// The operation from its definition, element by element in data-format order,
/// in twice the precision of a double.
package struct DoubleDoubleReference: Sendable {
  package struct Element: Sendable {
    /// The element of the gradient.
    package fileprivate(set) var sum = DoubleDouble()
    /// The sum of the magnitudes of its products.
    package fileprivate(set) var magnitude = 0.0
    /// Its products.
    package fileprivate(set) var terms = 0
  }

  package let elements: [Element]

  package init(
    _ geometry: Conv2DGeometry, filter: [Double], outBackprop: [Double]
  ) {
    let g = geometry
    let rows = IntegerReference.hits(g, axis: 0)
    let columns = IntegerReference.hits(g, axis: 1)
    let isNHWC = g.dataFormat == .nhwc
    let plane = g.outputHeight * g.outputWidth
    let block = g.filterSizes[2]
    let depth = g.outputChannels / g.groups
    // Distance of a channel and of a pixel of out_backprop.
    let (channel, pixel) = isNHWC ? (1, g.outputChannels) : (plane, 1)

    func element(_ n: Int, _ ci: Int, _ y: Int, _ x: Int) -> Element {
      var element = Element()
      let first = ci / block * depth
      for (oh, r) in rows[y] {
        for (ow, c) in columns[x] {
          let window =
            n * plane * g.outputChannels + (oh * g.outputWidth + ow) * pixel
          let weights =
            ((r * g.kernelWidth + c) * block + ci % block) * g.outputChannels
          for co in first..<first + depth {
            let (a, b) = (
              outBackprop[window + co * channel], filter[weights + co]
            )
            element.sum.add(a, b)
            element.magnitude += abs(a * b)
          }
          element.terms += depth
        }
      }
      return element
    }

    let sizes = g.inputSizes
    var elements: [Element] = []
    elements.reserveCapacity(g.inputCount)
    for i in 0..<sizes[0] {
      for j in 0..<sizes[1] {
        for k in 0..<sizes[2] {
          for l in 0..<sizes[3] {
            elements.append(
              isNHWC ? element(i, l, j, k) : element(i, j, k, l))
          }
        }
      }
    }
    self.elements = elements
  }
}
