import ConvolutionTestSupport
import Convolutions
import Testing

@Suite("Every case of TensorFlow's tests has TensorFlow's answer")
struct TensorFlowTests {
  @Test func everyCaseIsRunOrListed() {
    #expect(TensorFlowCase.all.count == 291)
    #expect(TensorFlowCase.unmapped.count == 3)
    #expect(TensorFlowCase.literal.count == 56)
    #expect(TensorFlowCase.atrous.count == 108)
    #expect(TensorFlowCase.gradients.count == 30)
    #expect(TensorFlowCase.crossChecks.count == 65)
    #expect(TensorFlowCase.errors.count == 23)
    #expect(TensorFlowCase.zeros.count == 4)
    #expect(TensorFlowCase.shapes.count == 2)
  }

  @Test(arguments: TensorFlowCase.literal, DataFormat.allCases)
  func literalValues(_ entry: TensorFlowCase, _ format: DataFormat) throws {
    try check(entry, format, type: Float.self, tolerance: entry.err!)
    try check(entry, format, type: Double.self, tolerance: 1e-12)
  }

  private func check<Scalar: ConvolutionScalar & BinaryFloatingPoint>(
    _ entry: TensorFlowCase, _ format: DataFormat, type: Scalar.Type,
    tolerance: Double
  ) throws {
    let geometry = try entry.geometry(format)
    let filter = entry.filterData.values(count: geometry.filterCount)
    let outBackprop = arrange(
      entry.outBackpropData.values(count: geometry.outBackpropCount),
      sizes: entry.outputSizes!, as: format)
    let sizes = try entry.geometry(.nhwc).inputSizes
    let expected = arrange(entry.expected!, sizes: sizes, as: format)
    for algorithm in ConvolutionAlgorithm.allCases
    where serves(algorithm, geometry) {
      let result = try conv2DBackpropInput(
        inputSizes: arrange(entry.inputSizesArg!, as: format),
        filter: Tensor(
          shape: geometry.filterSizes, scalars: filter.map { Scalar($0) }),
        outBackprop: Tensor(
          shape: geometry.outBackpropSizes,
          scalars: outBackprop.map { Scalar($0) }),
        strides: arrange(entry.strideList, as: format),
        padding: entry.padding(format), dataFormat: format,
        dilations: arrange(entry.dilationList, as: format),
        options: .exact(algorithm))
      #expect(result.shape == arrange(sizes, as: format))
      try #require(result.scalars.count == expected.count)
      for (got, wanted) in zip(result.scalars, expected) {
        let difference = abs(Double(got) - wanted)
        #expect(difference <= tolerance * max(1, abs(wanted)), "\(algorithm)")
      }
    }
  }

  /// TensorFlow's expectation: the same with zeros between the weights and no
  /// dilation.
  @Test(arguments: TensorFlowCase.atrous, DataFormat.allCases)
  func atrousEqualsZeroStuffedKernel(
    _ entry: TensorFlowCase, _ format: DataFormat
  ) throws {
    let geometry = try entry.geometry(format)
    let filter = ExactData.filter(Double.self, geometry, seed: 3)
    let outBackprop = ExactData.outBackprop(Double.self, geometry, seed: 3)
    let stuffed = ZeroStuffed(geometry, filter.integers)
    let sums = IntegerReference.scatter(
      try #require(stuffed.geometry), filter: stuffed.filter,
      outBackprop: outBackprop.integers)
    let exponent = filter.exponent + outBackprop.exponent
    for algorithm in ConvolutionAlgorithm.allCases
    where serves(algorithm, geometry) {
      let result = try inputGradient(
        geometry, .exact(algorithm), filter: filter.scalars,
        outBackprop: outBackprop.scalars, prefill: .nan)
      #expect(
        result == sums.map { Double(rounding: $0, exponent: exponent) },
        "\(algorithm)")
    }
  }

  /// A gradient check is the adjoint identity on numbers that are not exact;
  /// here they are.
  @Test(arguments: TensorFlowCase.gradients, DataFormat.allCases)
  func gradientChecks(_ entry: TensorFlowCase, _ format: DataFormat) throws {
    let geometry = try entry.geometry(format)
    for algorithm in forcedAlgorithms where serves(algorithm, geometry) {
      expectAdjoint(geometry, algorithm)
    }
  }

  @Test(arguments: TensorFlowCase.crossChecks, DataFormat.allCases)
  func crossChecks(_ entry: TensorFlowCase, _ format: DataFormat) throws {
    let geometry = try entry.geometry(format)
    let problem = ExactProblem<Float>(
      .inputGradient, geometry, seed: UInt64(2 * entry.id + 1))
    for algorithm in forcedAlgorithms where serves(algorithm, geometry) {
      let test = VerificationCase(
        geometry: geometry, type: .float32, algorithm: algorithm, threads: 2,
        seed: UInt64(2 * entry.id + 1))
      guard case .passed = problem.run(test) else {
        Issue.record("\(problem.run(test))\n\(test.reproduction)")
        continue
      }
    }
  }

  /// The TF32 check: 1 + 2^-12 has to survive a product.
  @Test(arguments: DataFormat.allCases)
  func keepsFullSinglePrecision(_ format: DataFormat) throws {
    let entry = try #require(TensorFlowCase.all.first { $0.id == 263 })
    let geometry = try entry.geometry(format)
    let (weight, ones) = (
      Float(1 + 0x1p-12),
      [Float](repeating: 1, count: geometry.outBackpropCount)
    )
    for algorithm in forcedAlgorithms where serves(algorithm, geometry) {
      let result = try inputGradient(
        geometry, .exact(algorithm),
        filter: Array(repeating: weight, count: geometry.filterCount),
        outBackprop: ones, prefill: .nan)
      // Inside the image all nine taps of 32 channels land.
      let inside = geometry.batch * 18 * 18 * 32
      #expect(result.count { $0 == 288 * weight } == inside)
    }
  }

  @Test(arguments: TensorFlowCase.errors)
  func errorCases(_ entry: TensorFlowCase) throws {
    // SAME with one window is right for any stride; see the contract.
    if entry.id == 286 {
      #expect(throws: Never.self) { try entry.geometry(.nhwc) }
      return
    }
    var entry = entry
    var format = DataFormat.nhwc
    switch entry.id {
    case 97...102:
      // The forward op's padding parser: any sizes do.
      entry.inputSizesArg = [2, 4, 4, 2]
      entry.filterSizes = [2, 2, 2, 2]
      entry.outputSizes = [2, 4, 4, 2]
      if entry.id == 99 { format = .nchw }
    case 269:
      entry.inputSizesArg = [4, 4, 2]
      entry.filterSizes = [2, 2, 2, 2]
      entry.outputSizes = [2, 4, 4, 2]
    case 270:
      entry.inputSizesArg = [2, 4, 4, 2]
      entry.filterSizes = [2, 2, 2, 2]
      entry.outputSizes = [4, 4, 2]
    default: break
    }
    let padding = entry.padding(format)
    #expect(throws: Conv2DError.self) {
      try Conv2DGeometry(
        inputSizes: entry.inputSizesArg ?? [],
        filterSizes: entry.filterSizes ?? [],
        outBackpropSizes: entry.outputSizes ?? [],
        strides: entry.strideList, padding: padding, dataFormat: format,
        dilations: entry.dilationList)
    }
  }

  @Test(arguments: TensorFlowCase.zeros)
  func zeroAnswers(_ entry: TensorFlowCase) throws {
    let geometry = try entry.geometry(.nhwc)
    for algorithm in ConvolutionAlgorithm.allCases
    where serves(algorithm, geometry) {
      let result = try inputGradient(
        geometry, .exact(algorithm),
        filter: [Float](repeating: 1, count: geometry.filterCount),
        outBackprop: [Float](repeating: 1, count: geometry.outBackpropCount),
        prefill: .nan)
      #expect(!result.isEmpty)
      #expect(result.allSatisfy { $0.bitPattern == 0 })
    }
  }

  @Test(arguments: TensorFlowCase.shapes)
  func inferredShapes(_ entry: TensorFlowCase) throws {
    if entry.id == 272 {
      let geometry = try Conv2DGeometry(
        inputSizes: [4, 5], filterSizes: [2, 2, 2, 3],
        outBackpropSizes: [1, 4, 5, 3], padding: .same)
      #expect(geometry.inputSizes == [1, 4, 5, 2])
    } else {
      #expect(try entry.geometry(.nhwc).inputSizes == entry.inputSizes)
    }
  }
}
