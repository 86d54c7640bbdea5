import ConvolutionTestSupport
import Convolutions
import Testing

@Suite("The convolution is that of TensorFlow, and refuses broken problems")
struct ForwardTests {
  /// TensorFlow's `Conv2DTest.testConv2D2x2Filter` and `…Stride2`: 1, 2, 3, ….
  @Test func numbersOfTensorFlow() throws {
    func counting(_ shape: [Int]) throws -> Tensor<Float> {
      try Tensor(
        shape: shape,
        scalars: (0..<shape.reduce(1, *)).map { Float($0 + 1) })
    }
    let input = try counting([1, 2, 3, 3])
    let filter = try counting([2, 2, 3, 3])
    let valid = try conv2D(input: input, filter: filter, padding: .valid)
    #expect(valid.shape == [1, 1, 2, 3])
    #expect(valid.scalars == [2271, 2367, 2463, 2901, 3033, 3165])
    let strided = try conv2D(
      input: input, filter: filter, strides: [1, 2, 2, 1], padding: .valid)
    #expect(strided.shape == [1, 1, 1, 3])
    #expect(strided.scalars == [2271, 2367, 2463])
  }

  @Test func outputSizesFollow() throws {
    let geometry = try Conv2DGeometry(
      inputSizes: [2, 9, 8, 6], filterSizes: [3, 2, 3, 4],
      strides: [1, 2, 3, 1], padding: .same)
    #expect(geometry.outBackpropSizes == [2, 5, 3, 4])
    #expect(geometry.groups == 2)
  }

  @Test func brokenProblemsAreRefused() throws {
    func geometry(
      _ input: [Int], _ filter: [Int], strides: [Int] = [1, 1, 1, 1],
      padding: Padding = .valid
    ) throws(Conv2DError) -> Conv2DGeometry {
      try Conv2DGeometry(
        inputSizes: input, filterSizes: filter, strides: strides,
        padding: padding)
    }
    #expect(throws: Conv2DError.rank(.input, got: 2)) {
      try geometry([4, 4], [1, 1, 1, 1])
    }
    #expect(throws: Conv2DError.rank(.filter, got: 3)) {
      try geometry([1, 4, 4, 1], [1, 1, 1])
    }
    #expect(throws: Conv2DError.inDepth(input: 4, filter: 3)) {
      try geometry([1, 4, 4, 4], [1, 1, 3, 1])
    }
    #expect(throws: Conv2DError.groups(outDepth: 3, groups: 2)) {
      try geometry([1, 4, 4, 4], [1, 1, 2, 3])
    }
    #expect(
      throws: Conv2DError.windowTooLarge(
        dimension: 1, effectiveKernel: 6, paddedInput: 4)
    ) {
      try geometry([1, 4, 4, 1], [6, 1, 1, 1])
    }
    // Padding alone can make an output of more than 2^48 scalars.
    let most = 1 << 26
    #expect(
      throws: Conv2DError.tooLarge(
        "out_backprop of sizes \([1, 2 * most, 2 * most, 1])")
    ) {
      try geometry(
        [1, 1, 1, 1], [1, 1, 1, 1],
        padding: .explicit(
          top: 2 * most - 1, bottom: 0, left: 2 * most - 1, right: 0,
          dataFormat: .nhwc))
    }
  }

  /// Windows in padding alone, an empty input, an empty output.
  @Test func emptyAndPaddedGiveZeros() throws {
    let padded = try conv2D(
      input: Tensor<Float>(shape: [1, 1, 1, 1], scalars: [2]),
      filter: Tensor(shape: [1, 1, 1, 1], scalars: [3]),
      padding: .explicit(
        top: 1, bottom: 0, left: 0, right: 1, dataFormat: .nhwc))
    #expect(padded.scalars.map(\.bitPattern) == [0, 0, Float(6).bitPattern, 0])
    let empty = try conv2D(
      input: Tensor<Float>(shape: [1, 0, 3, 1], scalars: []),
      filter: Tensor(shape: [1, 1, 1, 2], repeating: 1),
      padding: .explicit(
        top: 1, bottom: 0, left: 0, right: 0, dataFormat: .nhwc))
    #expect(empty.shape == [1, 1, 3, 2])
    #expect(empty.scalars.map(\.bitPattern) == [0, 0, 0, 0, 0, 0])
    let none = try conv2D(
      input: Tensor<Float>(shape: [1, 2, 2, 1], repeating: 1),
      filter: Tensor(shape: [1, 1, 1, 0], scalars: []), padding: .valid)
    #expect(none.shape == [1, 2, 2, 0])
  }

  /// At stride 1 it is the input gradient with rotated taps and the two channel
  /// dimensions exchanged: the same plan, and the same bits.
  @Test(arguments: DataFormat.allCases, ConvolutionAlgorithm.allCases)
  func isAnInputGradient(
    _ format: DataFormat, _ algorithm: ConvolutionAlgorithm
  ) throws {
    let forward = try problem("mb2ic20ih9iw8oc24oh9ow8kh3kw3ph1pw1", format)
    let gradient = try problem("mb2ic24ih9iw8oc20oh9ow8kh3kw3ph1pw1", format)
    let options = ConvolutionOptions(algorithm: algorithm, threads: 2)
    guard let plan = try? ForwardPlan<Float>(forward, options: options) else {
      return
    }
    let filter = LayerCheck.randomScalars(
      Float.self, count: forward.filterCount, seed: 1)
    let input = LayerCheck.randomScalars(
      Float.self, count: forward.inputCount, seed: 2)
    var rotated = filter
    for tap in 0..<9 {
      for ci in 0..<20 {
        for co in 0..<24 {
          rotated[((8 - tap) * 24 + co) * 20 + ci] =
            filter[(tap * 20 + ci) * 24 + co]
        }
      }
    }
    let twin = try InputGradientPlan<Float>(gradient, options: options)
    #expect(plan.description == twin.description)
    let output = result(of: plan.operationPlan, filter, input, prefill: .nan)
    let other = result(
      of: twin.operationPlan, rotated, input, prefill: .nan)
    #expect(haveSameBits(output, other))
  }
}
