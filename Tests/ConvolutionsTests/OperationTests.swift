import Testing

@testable import ConvolutionTestSupport
@testable import Convolutions

@Suite(
  "The three operations agree, and the filter gradient has a call of its own")
struct OperationTests {
  /// `<conv(x, w), dy> == <x, dx> == <w, dw>` on integers, all three by the
  /// library, to the last bit.
  @Test(arguments: ConvolutionAlgorithm.allCases)
  func areAdjoint(_ algorithm: ConvolutionAlgorithm) throws {
    var generator = SeededGenerator(seed: 41)
    var left = 40 * testScale
    while left > 0 {
      let geometry = RandomGeometry.draw(using: &generator)
      guard RandomGeometry.work(geometry) < RandomGeometry.maximumWork / 8
      else { continue }
      left -= 1
      var tensors: [Conv2DError.TensorName: [Double]] = [:]
      for tensor in [Conv2DError.TensorName.input, .filter, .outBackprop] {
        tensors[tensor] = generator.integers(
          geometry.count(of: tensor), in: -9...9
        ).map(Double.init)
      }
      let products = try ConvolutionOperation.allCases.map { operation in
        let operands = operation.operands.map { tensors[$0]! }
        var options = ConvolutionOptions.exact(algorithm)
        if (try? operation.plan(Double.self, geometry, options: options)) == nil
        {
          options = .exact(.automatic)
        }
        let values = try result(
          of: operation, geometry, options, operands[0], operands[1],
          prefill: .nan)
        return zip(values, tensors[operation.result]!)
          .reduce(0.0) { $0 + $1.0 * $1.1 }
      }
      #expect(
        Set(products).count == 1,
        "\(products) of \(geometry.descriptor) \(geometry.dataFormat)")
    }
  }

  /// The operations are linear in each operand: a difference of one is the
  /// gradient, exactly.
  @Test(arguments: DataFormat.allCases)
  func finiteDifferences(_ format: DataFormat) throws {
    let geometry = try problem(
      "g2mb2ic4ih5iw4oc6oh3ow4kh3kw2sh2sw1dh0dw1ph1pw1", format)
    let options = ConvolutionOptions.exact(.automatic)
    var generator = SeededGenerator(seed: 5)
    func integers(_ count: Int) -> [Double] {
      generator.integers(count, in: -9...9).map(Double.init)
    }
    let input = integers(geometry.inputCount)
    let filter = integers(geometry.filterCount)
    let outBackprop = integers(geometry.outBackpropCount)
    func loss(_ input: [Double], _ filter: [Double]) throws -> Double {
      zip(
        try result(
          of: .forward, geometry, options, filter, input, prefill: .nan),
        outBackprop
      ).reduce(0.0) { $0 + $1.0 * $1.1 }
    }
    let base = try loss(input, filter)
    let dx = try result(
      of: .inputGradient, geometry, options, filter, outBackprop,
      prefill: .nan)
    for index in input.indices {
      var moved = input
      moved[index] += 1
      #expect(try loss(moved, filter) - base == dx[index])
    }
    let dw = try result(
      of: .filterGradient, geometry, options, input, outBackprop,
      prefill: .nan)
    for index in filter.indices {
      var moved = filter
      moved[index] += 1
      #expect(try loss(input, moved) - base == dw[index])
    }
  }

  /// Narrow groups copy some of many small images at a time.
  @Test(arguments: DataFormat.allCases)
  func boxesOfManyImages(_ format: DataFormat) throws {
    let geometry = try problem(
      "g16mb100ic16ih3iw4oc16oh3ow4kh3kw3ph1pw1", format)
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      func integers(_ count: Int) -> [Scalar] {
        var generator = SeededGenerator(seed: UInt64(count))
        return generator.integers(count, in: -2...2).map {
          Scalar(rounding: $0)
        }
      }
      let input = integers(geometry.inputCount)
      let outBackprop = integers(geometry.outBackpropCount)
      func gradient(_ algorithm: ConvolutionAlgorithm) throws -> [Scalar] {
        try result(
          of: .filterGradient, geometry, .exact(algorithm), input, outBackprop,
          prefill: .notANumber)
      }
      #expect(
        haveSameBits(try gradient(.narrowGroups), try gradient(.reference)))
    }
    for type in ScalarType.allCases { try check(type.testType) }
  }

  // MARK: The filter gradient's call

  /// TensorFlow's `testConv2D2x2Depth1ValidBackpropFilter` and
  /// `testConv2D2x2Depth3ValidBackpropFilter`'s first numbers.
  @Test func filterGradientGoldens() throws {
    let gradient = try conv2DBackpropFilter(
      input: Tensor<Float>(
        shape: [1, 2, 3, 1], scalars: [1, 2, 3, 4, 5, 6]),
      filterSizes: [2, 2, 1, 1],
      outBackprop: Tensor(shape: [1, 1, 2, 1], scalars: [1, 2]),
      padding: .valid)
    #expect(gradient.shape == [2, 2, 1, 1])
    #expect(gradient.scalars == [5, 8, 14, 17])
  }

  @Test func filterGradientErrors() throws {
    let input = try Tensor<Float>(shape: [1, 4, 4, 2], repeating: 1)
    let gradient = try Tensor<Float>(shape: [1, 4, 4, 3], repeating: 1)
    #expect(throws: Conv2DError.rank(.filter, got: 3)) {
      try conv2DBackpropFilter(
        input: input, filterSizes: [1, 1, 2], outBackprop: gradient,
        padding: .same)
    }
    #expect(throws: Conv2DError.rank(.input, got: 2)) {
      try conv2DBackpropFilter(
        input: Tensor<Float>(shape: [4, 4], repeating: 1),
        filterSizes: [1, 1, 1, 3], outBackprop: gradient, padding: .same)
    }
    #expect(throws: Conv2DError.outDepth(filter: 4, outBackprop: 3)) {
      try conv2DBackpropFilter(
        input: input, filterSizes: [1, 1, 2, 4], outBackprop: gradient,
        padding: .same)
    }
    #expect(
      throws: Conv2DError.outBackpropSize(
        dimension: 1, got: 4, computed: 3, legalInputSizes: 5...5)
    ) {
      try conv2DBackpropFilter(
        input: input, filterSizes: [2, 2, 2, 3], outBackprop: gradient,
        padding: .valid)
    }
  }

  /// No windows, no images, and taps that always fall into padding: +0.0.
  @Test(arguments: ConvolutionAlgorithm.allCases)
  func filterGradientZeros(_ algorithm: ConvolutionAlgorithm) throws {
    let options = ConvolutionOptions(algorithm: algorithm)
    for geometry in [
      try Conv2DGeometry(
        inputSizes: [0, 4, 4, 2], filterSizes: [3, 3, 2, 3], padding: .same),
      try Conv2DGeometry(
        inputSizes: [2, 0, 4, 2], filterSizes: [3, 3, 2, 3], padding: .same),
      try Conv2DGeometry(
        inputSizes: [2, 4, 4, 0], filterSizes: [3, 3, 2, 3], padding: .same),
    ] {
      guard
        let plan = try? FilterGradientPlan<Float>(geometry, options: options)
      else { continue }
      let gradient = result(
        of: plan.operationPlan,
        [Float](repeating: 1, count: geometry.inputCount),
        [Float](repeating: 1, count: geometry.outBackpropCount),
        prefill: .nan)
      #expect(gradient.count == geometry.filterCount)
      #expect(gradient.allSatisfy { $0.bitPattern == 0 })
    }
  }
}
