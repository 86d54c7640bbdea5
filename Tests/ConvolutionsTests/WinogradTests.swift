import ConvolutionTestSupport
import Convolutions
import Testing

/// The transforms, against matrices made from their points in exact arithmetic.
@Suite struct WinogradTests {
  static let axes = WinogradSet.allCases.flatMap { points in
    (points == .none ? 1...1 : 2...points.inputs - 1).map { (points, $0) }
  }

  /// Each triple is a correlation, in exact fractions.
  @Test(arguments: axes)
  func triplesAreExact(_ points: WinogradSet, _ taps: Int) {
    let matrices = points.matrices(taps: taps)
    #expect(matrices.isExact)
    #expect(matrices.products == points.products)
    #expect(matrices.inputs == points.inputs)
  }

  /// What the loops do to each unit vector is a column of the matrix, in runs
  /// that fill vectors and in such that do not, with strides between.
  @Test(arguments: axes)
  func loopsAreTheMatrices(_ points: WinogradSet, _ taps: Int) {
    let matrices = points.matrices(taps: taps)
    check(Float.self, points, matrices)
    check(Double.self, points, matrices)
  }

  private func check<Scalar: WinogradScalar>(
    _ type: Scalar.Type, _ points: WinogradSet, _ matrices: ToomCook
  ) {
    for count in [1, 5, 16, 37] {
      for unit in 0..<matrices.inputs {
        let expected = matrices.inputTransform.map { $0[unit] }
        let result: [Scalar] = apply(
          rows: matrices.inputs, unit: unit, results: matrices.products,
          count: count
        ) { source, destination, stride in
          Scalar.forward(
            points, source, stride: stride, to: destination, runs: 2,
            count: count)
        }
        expect(result, expected, count, "\(points) forward \(unit)")
      }
      let outputs = matrices.outputTransform.count
      guard outputs > 1 || points == .none else { continue }
      for unit in 0..<matrices.products {
        let expected = matrices.outputTransform.map { $0[unit] }
        let result: [Scalar] = apply(
          rows: matrices.products, unit: unit, results: outputs, count: count
        ) { source, destination, stride in
          Scalar.inverse(
            points, outputs: outputs, source, stride: stride, to: destination,
            runs: 2, count: count)
        }
        expect(result, expected, count, "\(points) inverse \(unit)")
      }
    }
  }

  /// Two runs of `count` numbers, a number apart; row `unit` is all ones.
  private func apply<Scalar: WinogradScalar>(
    rows: Int, unit: Int, results: Int, count: Int,
    _ body: (
      UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int
    ) -> Void
  ) -> [Scalar] {
    let stride = 2 * (count + 1) + 1
    let source = (0..<rows * stride).map {
      $0 / stride == unit ? Scalar(1) : 0
    }
    var result = [Scalar](repeating: 99, count: results * stride)
    result.withUnsafeMutableBufferPointer { result in
      source.withUnsafeBufferPointer {
        body($0.baseAddress!, result.baseAddress!, stride)
      }
    }
    return result
  }

  private func expect<Scalar: WinogradScalar>(
    _ result: [Scalar], _ column: [Rational], _ count: Int, _ what: String
  ) {
    let stride = 2 * (count + 1) + 1
    let expected = (0..<result.count).map { index -> Scalar in
      let place = index % stride
      let isGap = place == count || place >= 2 * count + 1
      return isGap ? 99 : Scalar(column[index / stride].double)
    }
    #expect(result == expected, "\(what), \(count) numbers")
  }

  /// Relative Frobenius errors: within the promises, and as the plan expects.
  @Test(arguments: [
    "mb1ic64ih16iw16oc128oh16ow16kh3kw3ph1pw1",
    "mb1ic32ih20iw20oc256oh10ow10kh4kw4sh2sw2ph1pw1",
    "mb1ic48ih17iw14oc64oh17ow14kh5kw5ph2pw2",
    "mb2ic40ih12iw30oc512oh12ow30kh1kw3ph0pw1",
  ])
  func errors(_ descriptor: String) throws {
    let geometry = try problem(descriptor)
    let (filter, outBackprop) = realData(Float.self, geometry)
    let truth = try inputGradient(
      geometry, .init(algorithm: .taps), filter: filter.map(Double.init),
      outBackprop: outBackprop.map(Double.init), prefill: .nan)
    func error(_ result: [Float], at places: [Int]) -> Double {
      let difference = places.reduce(0) {
        let difference = Double(result[$1]) - truth[$1]
        return $0 + difference * difference
      }
      let whole = places.reduce(0) { $0 + truth[$1] * truth[$1] }
      return (difference / whole).squareRoot()
    }
    // One sum after the other is slow here: a tenth of the results will do.
    let sample = stride(from: 0, to: truth.count, by: 11).map { $0 }
    let plain = error(
      runningSums(geometry, filter, outBackprop, at: sample), at: sample)
    for accuracy in Accuracy.allCases {
      let result = try inputGradient(
        geometry, .init(algorithm: .winograd, accuracy: accuracy),
        filter: filter, outBackprop: outBackprop, prefill: .nan)
      let measured = error(result, at: Array(truth.indices))
      let plan = try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: .winograd, accuracy: accuracy))
      let expected = try #require(plan.expectedError)
      #expect(measured < (accuracy == .tight ? plain : 1e-6), "\(accuracy)")
      #expect((0.5...1.3).contains(measured / expected), "\(accuracy)")
    }
  }

  /// Some results of NHWC, term after term in one `Float`.
  private func runningSums(
    _ geometry: Conv2DGeometry, _ filter: [Float], _ outBackprop: [Float],
    at places: [Int]
  ) -> [Float] {
    let (channels, depth) = (geometry.inputChannels, geometry.outputChannels)
    var result = [Float](repeating: 0, count: geometry.inputCount)
    func window(_ position: Int, _ tap: Int, _ stride: Int, _ windows: Int)
      -> Int?
    {
      let (window, rest) = (position - tap).quotientAndRemainder(
        dividingBy: stride)
      return rest == 0 && (0..<windows).contains(window) && position >= tap
        ? window : nil
    }
    for place in places {
      let (pixel, channel) = place.quotientAndRemainder(dividingBy: channels)
      let (row, x) = pixel.quotientAndRemainder(
        dividingBy: geometry.inputWidth)
      let (image, y) = row.quotientAndRemainder(
        dividingBy: geometry.inputHeight)
      for r in 0..<geometry.kernelHeight {
        guard
          let oh = window(
            y + geometry.padTop, r, geometry.strides[0], geometry.outputHeight)
        else { continue }
        for c in 0..<geometry.kernelWidth {
          guard
            let ow = window(
              x + geometry.padLeft, c, geometry.strides[1],
              geometry.outputWidth)
          else { continue }
          let tap = (r * geometry.kernelWidth + c) * channels + channel
          let source =
            (image * geometry.outputHeight + oh) * geometry.outputWidth + ow
          for k in 0..<depth {
            result[place] +=
              filter[tap * depth + k] * outBackprop[source * depth + k]
          }
        }
      }
    }
    return result
  }

  /// The amplifications that the study of the points gives.
  @Test func amplifications() {
    for (points, expected) in [
      (WinogradSet.four, 1.67), (.six, 4.78), (.seven, 1.83),
    ] {
      let axis = points.matrices(taps: 3).amplification
      #expect(abs(axis * axis - expected) < 0.01, "\(points)")
    }
  }
}

/// What the loops are compiled for.
private protocol WinogradScalar: BinaryFloatingPoint {
  static func forward(
    _ points: WinogradSet, _ source: UnsafePointer<Self>, stride: Int,
    to destination: UnsafeMutablePointer<Self>, runs: Int, count: Int)
  static func inverse(
    _ points: WinogradSet, outputs: Int, _ source: UnsafePointer<Self>,
    stride: Int, to destination: UnsafeMutablePointer<Self>, runs: Int,
    count: Int)
}

extension Float: WinogradScalar {
  static func forward(
    _ points: WinogradSet, _ source: UnsafePointer<Float>, stride: Int,
    to destination: UnsafeMutablePointer<Float>, runs: Int, count: Int
  ) {
    winogradForward(
      points, source, stride: stride, step: count + 1, to: destination,
      stride: stride, step: count + 1, runs: runs, count: count)
  }

  static func inverse(
    _ points: WinogradSet, outputs: Int, _ source: UnsafePointer<Float>,
    stride: Int, to destination: UnsafeMutablePointer<Float>, runs: Int,
    count: Int
  ) {
    winogradInverse(
      points, outputs: outputs, source, stride: stride, step: count + 1,
      to: destination, stride: stride, step: count + 1, runs: runs,
      count: count)
  }
}

extension Double: WinogradScalar {
  static func forward(
    _ points: WinogradSet, _ source: UnsafePointer<Double>, stride: Int,
    to destination: UnsafeMutablePointer<Double>, runs: Int, count: Int
  ) {
    winogradForward(
      points, source, stride: stride, step: count + 1, to: destination,
      stride: stride, step: count + 1, runs: runs, count: count)
  }

  static func inverse(
    _ points: WinogradSet, outputs: Int, _ source: UnsafePointer<Double>,
    stride: Int, to destination: UnsafeMutablePointer<Double>, runs: Int,
    count: Int
  ) {
    winogradInverse(
      points, outputs: outputs, source, stride: stride, step: count + 1,
      to: destination, stride: stride, step: count + 1, runs: runs,
      count: count)
  }
}
