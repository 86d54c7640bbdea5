import Convolutions
import Testing

@testable import ConvolutionTestSupport

/// What holds of the three operations together, and of each of them as of the
/// input gradient.
@Suite struct OperationTests {
  private static let others: [ConvolutionOperation] = [
    .forward, .filterGradient,
  ]

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
      func integers(_ tensor: Conv2DError.TensorName) -> [Double] {
        (0..<geometry.count(of: tensor)).map { _ in
          Double(generator.int(-9...9))
        }
      }
      let tensors: [Conv2DError.TensorName: [Double]] = [
        .input: integers(.input), .filter: integers(.filter),
        .outBackprop: integers(.outBackprop),
      ]
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
    func integers(_ tensor: Conv2DError.TensorName) -> [Double] {
      (0..<geometry.count(of: tensor)).map { _ in
        Double(generator.int(-9...9))
      }
    }
    let (input, filter) = (integers(.input), integers(.filter))
    let outBackprop = integers(.outBackprop)
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

  /// Real layers in small.
  private static let realLayers = [
    "mb2ic256ih7oc256oh7kh3ph1", "mb2ic3ih40oc64oh20kh7sh2ph3",
    "mb2ic64ih17iw17oc64oh17ow17kh1kw7ph0pw3",
    "g32mb2ic128ih14oc128oh14kh3ph1",
  ]

  /// Layers that other tests cut in many ways, and real ones in small.
  private static let layers = InvarianceTests.problems + realLayers

  @Test func realLayersHaveTheWidthOfTheirHeight() throws {
    for descriptor in Self.realLayers {
      let geometry = try problem(descriptor)
      #expect(geometry.inputWidth == geometry.inputHeight, "\(descriptor)")
      #expect(geometry.outputWidth == geometry.outputHeight, "\(descriptor)")
    }
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<400 {
      let layer = try #require(
        KnownGeometries.scaledLayer(using: &generator))
      #expect(layer.inputWidth >= 4 && layer.inputHeight >= 4)
    }
    // Of most layers of the table both sides are the same.
    generator = SeededGenerator(seed: 3)
    let squares = (0..<400).count { _ in
      KnownGeometries.scaledLayer(using: &generator).map {
        $0.inputWidth == $0.inputHeight && $0.strides[0] == $0.strides[1]
      } ?? false
    }
    #expect(squares >= 320, "\(squares)")
  }

  /// The same bits for any number of threads, workspace limit and repetition.
  @Test(arguments: layers, others)
  func invariance(
    _ descriptor: String, _ operation: ConvolutionOperation
  ) throws {
    for format in DataFormat.allCases {
      let geometry = try problem(descriptor, format)
      for algorithm in InvarianceTests.algorithms {
        try checkInvariance(
          Float.self, operation, geometry, algorithm, threads: [2, 3, 5, 16])
        try checkInvariance(
          BFloat16.self, operation, geometry, algorithm, threads: [4])
      }
    }
  }

  private func checkInvariance<Scalar: TestScalar>(
    _ type: Scalar.Type, _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry, _ algorithm: ConvolutionAlgorithm,
    threads: [Int]
  ) throws {
    var options = ConvolutionOptions(algorithm: algorithm, threads: 1)
    guard
      let plain = try? operation.plan(type, geometry, options: options)
    else { return }
    let operands = (0..<2).map { index in
      LayerCheck.randomScalars(
        type, count: geometry.count(of: operation.operands[index]),
        seed: UInt64(index + 1))
    }
    func bits(_ plan: any AnyConvolutionPlan<Scalar>) -> [UInt64] {
      result(of: plan, operands[0], operands[1], prefill: .notANumber)
        .map(\.bits)
    }
    let expected = bits(plain)
    let name =
      "\(operation) \(geometry.descriptor) \(geometry.dataFormat) "
      + "\(type) \(algorithm)"
    #expect(bits(plain) == expected, "\(name), again")
    for count in threads {
      options.threads = count
      options.workspaceLimit = nil
      let plan = try operation.plan(type, geometry, options: options)
      #expect(bits(plan) == expected, "\(name), \(count) threads")
      options.workspaceLimit = plain.workspaceByteCount
      let least = try operation.plan(type, geometry, options: options)
      #expect(least.workspaceByteCount <= plain.workspaceByteCount)
      #expect(bits(least) == expected, "\(name), least workspace")
      if plain.workspaceByteCount > 0 {
        options.workspaceLimit = plain.workspaceByteCount - 1
        #expect(
          throws: Conv2DError.workspaceLimit(
            limit: plain.workspaceByteCount - 1,
            needed: plain.workspaceByteCount)
        ) {
          try operation.plan(type, geometry, options: options)
        }
      }
    }
  }

  /// An image of the output has the same bits beside others.
  @Test(arguments: layers)
  func forwardBatchPosition(_ descriptor: String) throws {
    for format in DataFormat.allCases {
      let all = try problem(descriptor, format)
      let one = try Conv2DGeometry(
        inputSizes: format.order(
          batch: 1, height: all.inputHeight, width: all.inputWidth,
          channels: all.inputChannels),
        filterSizes: all.filterSizes,
        strides: format.order(
          batch: 1, height: all.strides[0], width: all.strides[1], channels: 1),
        padding: .explicit(
          top: all.padTop, bottom: all.padBottom, left: all.padLeft,
          right: all.padRight, dataFormat: format),
        dataFormat: format,
        dilations: format.order(
          batch: 1, height: all.dilations[0], width: all.dilations[1],
          channels: 1))
      let filter = LayerCheck.randomScalars(
        Float.self, count: all.filterCount, seed: 1)
      let input = LayerCheck.randomScalars(
        Float.self, count: all.inputCount, seed: 2)
      for algorithm in InvarianceTests.algorithms {
        let options = ConvolutionOptions(algorithm: algorithm, threads: 2)
        guard
          let together = try? result(
            of: .forward, all, options, filter, input, prefill: .nan)
        else { continue }
        for image in 0..<all.batch {
          let alone = try result(
            of: .forward, one, options, filter,
            Array(input[image * one.inputCount..<(image + 1) * one.inputCount]),
            prefill: .nan)
          let part = together[
            image * one.outBackpropCount..<(image + 1) * one.outBackpropCount]
          #expect(
            alone.map(\.bitPattern) == part.map(\.bitPattern),
            "\(algorithm), image \(image)")
        }
      }
    }
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
        of: plan, [Float](repeating: 1, count: geometry.inputCount),
        [Float](repeating: 1, count: geometry.outBackpropCount),
        prefill: .nan)
      #expect(gradient.count == geometry.filterCount)
      #expect(gradient.allSatisfy { $0.bitPattern == 0 })
    }
  }
}
