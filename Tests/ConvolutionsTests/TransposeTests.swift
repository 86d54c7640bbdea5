import ConvolutionTestSupport
import Convolutions
import Testing

@Suite("The transposed convolution is the input gradient")
struct TransposeTests {
  private func data(
    _ format: DataFormat
  ) throws -> (input: Tensor<Float>, filter: Tensor<Float>) {
    let input = format.order(batch: 2, height: 4, width: 3, channels: 5)
    return (
      try Tensor(
        shape: input,
        scalars: LayerCheck.randomScalars(Float.self, count: 120, seed: 1)),
      try Tensor(
        shape: [3, 2, 4, 5],
        scalars: LayerCheck.randomScalars(Float.self, count: 120, seed: 2))
    )
  }

  /// Strides as one number, two, or four in data-format order.
  @Test(arguments: DataFormat.allCases)
  func equalsTheGradient(_ format: DataFormat) throws {
    let (input, filter) = try data(format)
    for (strides, dilations) in [
      ([1], [1]), ([2], [1]), ([2, 3], [1]), ([3, 1], [2]), ([1], [2, 3]),
      (format.order(height: 2, width: 1), [1]),
      ([2, 1], format.order(height: 1, width: 3)),
    ] {
      func four(_ list: [Int]) -> [Int] {
        list.count == 4
          ? list
          : format.order(height: list[0], width: list.last!)
      }
      let (s, d) = (four(strides), four(dilations))
      for padding in [Padding.valid, .same] {
        func size(_ output: Int, _ kernel: Int, _ index: Int) -> Int {
          padding == .same
            ? output * s[index]
            : (output - 1) * s[index] + (kernel - 1) * d[index] + 1
        }
        let shape = format.order(
          batch: 2, height: size(4, 3, format.heightIndex),
          width: size(3, 2, format.widthIndex), channels: 4)
        let gradient = try conv2DBackpropInput(
          inputSizes: shape, filter: filter, outBackprop: input, strides: s,
          padding: padding, dataFormat: format, dilations: d)
        let transposed = try conv2DTranspose(
          input: input, filter: filter, outputShape: shape, strides: strides,
          padding: padding, dataFormat: format, dilations: dilations)
        #expect(transposed == gradient)
        #expect(transposed.shape == shape)
        let short = try conv2DTranspose(
          input: input, filter: filter,
          outputShape: [shape[format.heightIndex], shape[format.widthIndex]],
          strides: strides, padding: padding, dataFormat: format,
          dilations: dilations)
        #expect(short == gradient)
      }
    }
  }

  @Test func samePaddingIsTheDefault() throws {
    let (input, filter) = try data(.nhwc)
    #expect(
      try conv2DTranspose(
        input: input, filter: filter, outputShape: [8, 6], strides: [2])
        == conv2DBackpropInput(
          inputSizes: [8, 6], filter: filter, outBackprop: input,
          strides: [1, 2, 2, 1], padding: .same))
  }

  /// Strides and dilations that are too many, too few, or not legal.
  static let lists: [([Int], [Int], String, String)] = [
    ([], [1], "length strides", "strides has 0 entries"),
    ([1, 2, 1], [1], "length strides", "strides has 3 entries"),
    ([1, 1, 1, 1, 1], [1], "length strides", "strides has 5 entries"),
    ([1], [], "length dilations", "dilations has 0 entries"),
    ([2], [1, 1, 1], "length dilations", "dilations has 3 entries"),
    ([1, 1], [1, 1, 1, 1, 1], "length dilations", "dilations has 5 entries"),
    ([1, 1, 1], [], "length strides", "strides has 3 entries"),
    ([0], [1], "notPositive strides", "got [1, 0, 0, 1]"),
    ([2, -1], [1], "notPositive strides", "got [1, 2, -1, 1]"),
    ([1], [0], "notPositive dilations", "got [1, 0, 0, 1]"),
    ([1], [1, .min], "notPositive dilations", "got [1, 1, \(Int.min), 1]"),
    ([0, 0], [-1], "notPositive strides", "got [1, 0, 0, 1]"),
    ([1, 1, 1, 2], [1], "batchOrDepthEntry strides", "got [1, 1, 1, 2]"),
    ([1], [2, 1, 1, 1], "batchOrDepthEntry dilations", "got [2, 1, 1, 1]"),
    (
      [3], [1], "outBackpropSize 1",
      "actual 3, computed 2; an input size of 7 to 9 would give 3"
    ),
    ([1], [.max], "tooLarge", "dimension 1 with input 6, kernel 3"),
  ]

  @Test(arguments: lists)
  func brokenLists(
    _ strides: [Int], _ dilations: [Int], _ kind: String, _ words: String
  ) throws {
    let input = try Tensor<Float>(shape: [1, 3, 3, 2], repeating: 1)
    let filter = try Tensor<Float>(shape: [3, 3, 4, 2], repeating: 1)
    let error = #expect(throws: Conv2DError.self) {
      try conv2DTranspose(
        input: input, filter: filter, outputShape: [6, 6], strides: strides,
        dilations: dilations)
    }
    #expect(error?.kind == kind)
    #expect(error.map { "\($0)".contains(words) } == true, "\(error as Any)")
    if kind.hasPrefix("length") {
      #expect("\(error!)".hasSuffix("it must have 1, 2 or 4"))
    }
  }
}
