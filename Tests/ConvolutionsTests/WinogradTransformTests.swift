import ConvolutionTestSupport
import Testing

@testable import Convolutions

/// The matrices are made from the points in exact arithmetic. One row of the
/// source is not zero, so that a result is one coefficient times a power of two,
/// which rounds nothing but the coefficient.
@Suite("Every coefficient of the Winograd transforms is right to the last bit")
struct WinogradTransformTests {
  static let axes = WinogradSet.allCases.flatMap { points in
    points.taps.map { WinogradAxis(points: points, taps: $0) }
  }

  /// Runs of less than a vector, of whole ones, and of some and a rest.
  private static let counts = [1, 3, 15, 16, 17, 31, 32, 33, 48, 61]

  private static func matrices(_ axis: WinogradAxis) -> ToomCook {
    axis.points.matrices(taps: axis.taps)
  }

  /// Each triple is a correlation, in exact fractions.
  @Test(arguments: axes)
  func triplesAreExact(_ axis: WinogradAxis) {
    let matrices = Self.matrices(axis)
    #expect(matrices.isExact)
    #expect(matrices.products == axis.products)
    #expect(matrices.inputs == axis.inputs)
  }

  @Test(arguments: axes)
  func forward(_ axis: WinogradAxis) {
    let matrix = Self.matrices(axis).inputTransform
    func check<Scalar: ComputeScalar>(_ type: Scalar.Type) {
      expect(Scalar.self, matrix, "\(axis)") { source, destination, layout in
        Scalar.winogradForward(
          axis.points, source, stride: layout.stride, step: layout.step,
          to: destination, stride: layout.stride, step: layout.step,
          runs: layout.runs, count: layout.count)
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test(arguments: axes)
  func inverse(_ axis: WinogradAxis) {
    let matrix = Self.matrices(axis).outputTransform
    func check<Scalar: ComputeScalar>(_ type: Scalar.Type) {
      expect(Scalar.self, matrix, "\(axis)") { source, destination, layout in
        Scalar.winogradInverse(
          axis.points, outputs: axis.outputs, source, stride: layout.stride,
          step: layout.step, to: destination, stride: layout.stride,
          step: layout.step, runs: layout.runs, count: layout.count)
      }
    }
    check(Float.self)
    check(Double.self)
  }

  /// Of out_backprop in the place of the filter.
  @Test(arguments: axes)
  func gradient(_ axis: WinogradAxis) {
    let matrix = Self.matrices(axis).filterTransform
    func check<Scalar: ComputeScalar>(_ type: Scalar.Type) {
      expect(Scalar.self, matrix, "\(axis)") { source, destination, layout in
        Scalar.winogradGradient(
          axis.filterTransform, taps: axis.taps, source,
          stride: layout.stride, step: layout.step, to: destination,
          stride: layout.stride, step: layout.step, runs: layout.runs,
          count: layout.count)
      }
    }
    check(Float.self)
    check(Double.self)
  }

  /// Both axes at once, each with the next of the list.
  @Test(arguments: axes.indices)
  func filter(_ index: Int) {
    let axes = (Self.axes[index], Self.axes[(index + 1) % Self.axes.count])
    checkFilter(Float.self, axes.0, axes.1)
    checkFilter(Double.self, axes.0, axes.1)
  }

  // MARK: Along one axis

  private struct Layout {
    let count: Int
    let runs: Int
    /// From run to run, and from row to row, a few numbers more than needed.
    var step: Int { count + 3 }
    var stride: Int { runs * step + 5 }
  }

  /// Applies a transform to each unit vector.
  private func expect<Scalar: ComputeScalar>(
    _ type: Scalar.Type, _ matrix: [[Rational]], _ what: String,
    _ apply: (
      UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Layout
    ) -> Void
  ) {
    var generator = SeededGenerator(seed: 1)
    for (index, count) in Self.counts.enumerated() {
      let layout = Layout(count: count, runs: 1 + index % 3)
      let places = (0..<layout.runs).flatMap { run in
        (0..<count).map { run * layout.step + $0 }
      }
      for unit in matrix[0].indices {
        var source = [Scalar](
          repeating: 0, count: matrix[0].count * layout.stride)
        let factors = places.map { _ in Self.power(&generator) }
        for (place, factor) in zip(places, factors) {
          source[unit * layout.stride + place] = Scalar(factor)
        }
        var expected = [Scalar](
          repeating: .nan, count: matrix.count * layout.stride)
        var result = expected
        for (row, coefficients) in matrix.enumerated() {
          let coefficient = Scalar(coefficients[unit].double)
          for (place, factor) in zip(places, factors) {
            expected[row * layout.stride + place] =
              coefficient * Scalar(factor)
          }
        }
        apply(&source, &result, layout)
        #expect(
          Self.areSame(result, expected),
          "\(what), \(type), unit \(unit), \(count) numbers")
      }
    }
  }

  // MARK: Along two

  private func checkFilter<Scalar: ComputeScalar>(
    _ type: Scalar.Type, _ vertical: WinogradAxis, _ horizontal: WinogradAxis
  ) {
    let rows = Self.matrices(vertical).filterTransform
    let columns = Self.matrices(horizontal).filterTransform
    let tapCount = vertical.taps * horizontal.taps
    var generator = SeededGenerator(seed: 2)
    for unit in 0..<tapCount {
      let count = Self.counts[
        (unit + vertical.products) % Self.counts.count]
      let depth = 1 + unit % 2
      let stride = unit % 3 == 0 ? count : count + 16
      let panel = depth * stride
      // Past the caches, where there are whole lines.
      let streams = unit % 2 == 1
      let productStride = (panel + 15) / 16 * 16 + 16
      let taps = (0..<tapCount).map { (tapCount - 1 - $0) * panel }
      var source = [Scalar](repeating: 0, count: tapCount * panel)
      let places = (0..<depth).flatMap { k in
        (0..<count).map { k * stride + $0 }
      }
      let factors = places.map { _ in Self.power(&generator) }
      for (place, factor) in zip(places, factors) {
        source[taps[unit] + place] = Scalar(factor)
      }
      let products = vertical.products * horizontal.products
      var expected = [Scalar](
        repeating: .nan, count: products * productStride)
      let result = UnsafeMutableRawBufferPointer.allocate(
        byteCount: expected.count * MemoryLayout<Scalar>.stride, alignment: 64
      ).initializeMemory(as: Scalar.self, repeating: .nan)
      defer { result.deallocate() }
      let (r, q) = unit.quotientAndRemainder(dividingBy: horizontal.taps)
      for product in 0..<products {
        let (p, t) = product.quotientAndRemainder(
          dividingBy: horizontal.products)
        // In double precision, rounded once.
        let coefficient = Scalar(
          columns[t][q].double * rows[p][r].double)
        for (place, factor) in zip(places, factors) {
          expected[product * productStride + place] =
            coefficient * Scalar(factor)
        }
      }
      Scalar.winogradFilter(
        source, stride: stride, taps: taps, vertical: vertical,
        horizontal: horizontal, to: result.baseAddress!, stride: stride,
        productStride: productStride, depth: depth, count: count,
        streams: streams)
      #expect(
        Self.areSame(Array(result), expected),
        "\(vertical) by \(horizontal), \(type), tap \(unit)")
    }
  }

  /// A sign and a power of two.
  private static func power(_ generator: inout SeededGenerator) -> Double {
    let value = 0x1p-3 * Double(1 << generator.int(0...6))
    return generator.chance(percent: 50) ? value : -value
  }

  /// Whether the numbers are equal, and nothing is written where NaN is expected.
  private static func areSame<Scalar: ComputeScalar>(
    _ result: [Scalar], _ expected: [Scalar]
  ) -> Bool {
    zip(result, expected).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
  }
}
