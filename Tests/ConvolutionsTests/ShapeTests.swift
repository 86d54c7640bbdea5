import ConvolutionTestSupport
import Convolutions
import Testing

@Suite("Short sizes, empty shapes and padding of any width are served")
struct ShapeTests {
  @Test(arguments: DataFormat.allCases)
  func twoElementInputSizes(_ format: DataFormat) throws {
    let full = try Conv2DGeometry(
      inputSizes: format.order(batch: 3, height: 7, width: 5, channels: 4),
      filterSizes: [3, 2, 4, 6],
      outBackpropSizes: format.order(
        batch: 3, height: 3, width: 4, channels: 6),
      strides: format.order(height: 2, width: 1),
      padding: .valid, dataFormat: format)
    let short = try Conv2DGeometry(
      inputSizes: [7, 5], filterSizes: [3, 2, 4, 6],
      outBackpropSizes: full.outBackpropSizes,
      strides: format.order(height: 2, width: 1),
      padding: .valid, dataFormat: format)
    #expect(short == full)
    #expect(short.groups == 1)
    #expect(short.inputSizes == full.inputSizes)

    let (filter, outBackprop) = realData(Float.self, full)
    let result = try conv2DBackpropInput(
      inputSizes: [7, 5],
      filter: Tensor(shape: full.filterSizes, scalars: filter),
      outBackprop: Tensor(shape: full.outBackpropSizes, scalars: outBackprop),
      strides: format.order(height: 2, width: 1),
      padding: .valid, dataFormat: format)
    #expect(result.shape == full.inputSizes)
    #expect(
      LayerCheck.errors(
        .inputGradient, geometry: full, filter, outBackprop,
        result: result.scalars
      ).largest < LayerCheck.tolerance(.float32))
  }

  /// `[N, H, W, Cin, Cout, oh]` with a zero in it: the result is empty, or zeros
  /// overwrite what was there.
  @Test(
    arguments: [
      [0, 4, 4, 2, 3, 4], [2, 0, 4, 2, 3, 0], [2, 4, 0, 2, 3, 4],
      [2, 4, 4, 0, 3, 4], [2, 4, 4, 2, 0, 4], [2, 4, 4, 0, 0, 4],
      [0, 0, 0, 0, 0, 0],
    ], DataFormat.allCases)
  func zerosInShapes(_ sizes: [Int], _ format: DataFormat) throws {
    let geometry = try Conv2DGeometry(
      inputSizes: format.order(
        batch: sizes[0], height: sizes[1], width: sizes[2],
        channels: sizes[3]),
      filterSizes: [3, 3, max(1, sizes[3]), sizes[4]],
      outBackpropSizes: format.order(
        batch: sizes[0], height: sizes[5], width: sizes[2],
        channels: sizes[4]),
      padding: .same, dataFormat: format)
    for algorithm in ConvolutionAlgorithm.allCases
    where serves(algorithm, geometry) {
      for type in ScalarType.allCases {
        try expectZeros(geometry, algorithm, type.testType)
      }
    }
  }

  /// A kernel that is a little too large for the image leaves no windows.
  @Test(arguments: DataFormat.allCases, forcedAlgorithms)
  func noWindows(
    _ format: DataFormat, _ algorithm: ConvolutionAlgorithm
  ) throws {
    let geometry = try Conv2DGeometry(
      inputSizes: format.order(batch: 2, height: 3, width: 5, channels: 3),
      filterSizes: [5, 2, 3, 4],
      outBackpropSizes: format.order(
        batch: 2, height: 0, width: 4, channels: 4),
      strides: format.order(height: 3, width: 1),
      padding: .valid, dataFormat: format)
    guard serves(algorithm, geometry) else { return }
    try expectZeros(geometry, algorithm, Float.self)
    try expectZeros(geometry, algorithm, BFloat16.self)
  }

  private func expectZeros<Scalar: TestScalar>(
    _ geometry: Conv2DGeometry, _ algorithm: ConvolutionAlgorithm,
    _ type: Scalar.Type
  ) throws {
    let result = try inputGradient(
      geometry, .exact(algorithm),
      filter: [Scalar](repeating: .infinity, count: geometry.filterCount),
      outBackprop: [Scalar](
        repeating: .infinity, count: geometry.outBackpropCount),
      prefill: .notANumber)
    #expect(result.count == geometry.inputCount)
    #expect(result.allSatisfy { $0.bits == 0 }, "\(algorithm) \(type)")
  }

  /// Far more padding than kernel: whole windows over padding.
  @Test(arguments: DataFormat.allCases, ScalarType.allCases)
  func paddingBeyondKernel(_ format: DataFormat, _ type: ScalarType) throws {
    for (kernel, pads, stride) in [
      (1, (4, 5, 3, 7), 1), (2, (5, 3, 4, 6), 2), (3, (9, 9, 9, 9), 1),
      (3, (9, 0, 0, 11), 3),
    ] {
      let height = (5 + pads.0 + pads.1 - kernel) / stride + 1
      let width = (4 + pads.2 + pads.3 - kernel) / stride + 1
      let geometry = try Conv2DGeometry(
        inputSizes: format.order(batch: 2, height: 5, width: 4, channels: 6),
        filterSizes: [kernel, kernel, 3, 4],
        outBackpropSizes: format.order(
          batch: 2, height: height, width: width, channels: 4),
        strides: format.order(height: stride, width: stride),
        padding: .explicit(
          top: pads.0, bottom: pads.1, left: pads.2, right: pads.3,
          dataFormat: format),
        dataFormat: format)
      #expect(geometry.groups == 2)
      for algorithm in forcedAlgorithms where serves(algorithm, geometry) {
        expectExact(
          VerificationCase(
            geometry: geometry, type: type, algorithm: algorithm, threads: 2,
            seed: 11))
      }
    }
  }

  @Test func samePaddingPutsTheOddPixelBehind() throws {
    let geometry = try Conv2DGeometry(
      inputSizes: [1, 6, 7, 1], filterSizes: [4, 3, 1, 1],
      outBackpropSizes: [1, 6, 4, 1], strides: [1, 1, 2, 1], padding: .same)
    #expect([geometry.padTop, geometry.padBottom] == [1, 2])
    #expect([geometry.padLeft, geometry.padRight] == [1, 1])
  }

  @Test func descriptorsAreBenchdnns() throws {
    for layer in LayerTable.headline {
      let geometry = try problem(layer.descriptor)
      let again = try problem(geometry.descriptor)
      #expect(again == geometry, "\(layer.name)")
    }
  }
}
