import ConvolutionTestSupport
import Testing

@testable import Convolutions

@Suite("NaN and infinity reach their own results and no others")
struct NonFiniteTests {
  static let problems = [
    "mb2ic5ih7iw8oc6oh7ow8kh3kw3sh1sw1ph1pw1",
    "mb2ic4ih9iw8oc5oh5ow4kh3kw3sh2sw2ph1pw1",
    "mb2ic3ih6iw6oc4oh10ow10kh3kw3sh1sw1dh1dw1ph4pw4",
    "g2mb2ic6ih7iw6oc4oh3ow3kh2kw3sh2sw2ph0pw1",
    "g4mb2ic4ih6iw7oc4oh6ow7kh3kw3sh1sw1ph1pw1",
    "mb2ic17ih5iw7oc19oh5ow7kh1kw1sh1sw1ph0pw0",
    "mb2ic3ih5iw4oc5oh3ow2kh3kw3sh1sw1dh3dw3ph3pw3",
    "mb2ic33ih6iw21oc40oh6ow21kh3kw3sh1sw1ph1pw1",
  ]

  @Test(arguments: problems, DataFormat.allCases)
  func reachTheirOwnResults(_ descriptor: String, _ format: DataFormat) throws {
    let geometry = try problem(descriptor, format)
    for type in ScalarType.allCases {
      for algorithm in ConvolutionAlgorithm.allCases
      where serves(algorithm, geometry) {
        try check(geometry, algorithm, type.testType)
      }
    }
  }

  private func check<Scalar: TestScalar>(
    _ geometry: Conv2DGeometry, _ algorithm: ConvolutionAlgorithm,
    _ type: Scalar.Type
  ) throws {
    // Some weights are zero: 0 * Inf counts like any other product.
    var generator = SeededGenerator(seed: 40)
    let weights = (0..<geometry.filterCount).map { _ in
      Int64(generator.chance(percent: 20) ? 0 : generator.int(-3...3))
    }
    let gradients = generator.integers(
      geometry.outBackpropCount, in: -3...3)
    let plan = try InputGradientPlan<Scalar>(
      geometry,
      options: .exact(algorithm, threads: 2))
    let values: [Scalar] = [
      .notANumber, .infinity,
      Scalar(bits: Scalar.infinityBits | Scalar.signBit),
    ]
    for trial in 0..<6 {
      let value = values[trial % 3]
      let inFilter = trial >= 3
      let place = generator.int(
        0...(inFilter ? weights.count : gradients.count) - 1)
      var filter = weights.map { Scalar(rounding: $0) }
      var outBackprop = gradients.map { Scalar(rounding: $0) }
      // What the number reaches: the sums in which a 1 in its place, among zeros,
      // meets ones.
      var filterMark = [Int64](
        repeating: inFilter ? 0 : 1, count: weights.count)
      var gradientMark = [Int64](
        repeating: inFilter ? 1 : 0, count: gradients.count)
      var finiteWeights = weights
      var finiteGradients = gradients
      if inFilter {
        filter[place] = value
        filterMark[place] = 1
        finiteWeights[place] = 0
      } else {
        outBackprop[place] = value
        gradientMark[place] = 1
        finiteGradients[place] = 0
      }
      let reached = IntegerReference.scatter(
        geometry, filter: filterMark, outBackprop: gradientMark)
      let sums = IntegerReference.gather(
        geometry, filter: finiteWeights, outBackprop: finiteGradients)
      let result = inputGradient(
        plan, filter: plan.prepare(filter: filter.span),
        outBackprop: outBackprop, prefill: .notANumber)
      let wrong = result.indices.filter { index in
        reached[index] > 0
          ? result[index].isFinite
          : result[index].asDouble
            != Scalar(rounding: sums[index]).asDouble
      }
      #expect(
        wrong.isEmpty,
        "\(algorithm) \(type) \(value) at \(place), filter: \(inFilter)")
    }
  }

  /// Padding is never multiplied: infinite data leave what they do not reach
  /// at +0.0.
  @Test(arguments: DataFormat.allCases, forcedAlgorithms)
  func untouchedStaysZero(
    _ format: DataFormat, _ algorithm: ConvolutionAlgorithm
  ) throws {
    // 1x1 kernel, stride 2: three of four pixels have no tap.
    let geometry = try problem(
      "mb2ic9ih9iw8oc6oh5ow4kh1kw1sh2sw2ph0pw0", format)
    guard serves(algorithm, geometry) else { return }
    let result = try inputGradient(
      geometry, .exact(algorithm),
      filter: [Float](repeating: -.infinity, count: geometry.filterCount),
      outBackprop: [Float](repeating: -1, count: geometry.outBackpropCount),
      prefill: .nan)
    #expect(result.count { $0 == .infinity } == 2 * 5 * 4 * 9)
    #expect(
      result.count { $0.bitPattern == 0 } == result.count - 2 * 5 * 4 * 9)
  }

  /// Every place of a list of any length is looked at.
  @Test func everyPlaceIsSeen() {
    func check<Compute: ComputeScalar & BinaryFloatingPoint>(
      _ type: Compute.Type
    ) {
      for count in 0..<50 {
        var numbers = [Compute](
          repeating: .greatestFiniteMagnitude, count: count)
        #expect(Compute.areFinite(numbers, count: count))
        for place in 0..<count {
          for wrong in [Compute.nan, .infinity, -.infinity] {
            numbers[place] = wrong
            #expect(!Compute.areFinite(numbers, count: count))
          }
          numbers[place] = -1
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }
}
