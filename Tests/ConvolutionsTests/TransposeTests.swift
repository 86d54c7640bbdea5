import ConvolutionTestSupport
import Convolutions
import Testing

@Suite struct TransposeTests {
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

  @Test(arguments: [0, 3, 5])
  func otherNumbersOfStrides(_ count: Int) throws {
    let (input, filter) = try data(.nhwc)
    let list = Array(repeating: 1, count: count)
    #expect(
      throws: Conv2DError.length(.strides, got: count, allowed: [1, 2, 4])
    ) {
      try conv2DTranspose(
        input: input, filter: filter, outputShape: [4, 3], strides: list)
    }
    #expect(
      throws: Conv2DError.length(.dilations, got: count, allowed: [1, 2, 4])
    ) {
      try conv2DTranspose(
        input: input, filter: filter, outputShape: [4, 3], strides: [1],
        dilations: list)
    }
  }

  @Test func errorsOfTheGradient() throws {
    let (input, filter) = try data(.nhwc)
    #expect(
      throws: Conv2DError.outBackpropSize(
        dimension: 1, got: 4, computed: 5, legalInputSizes: 7...8)
    ) {
      try conv2DTranspose(
        input: input, filter: filter, outputShape: [9, 6], strides: [2])
    }
    #expect(throws: Conv2DError.notPositive(.strides, values: [1, 0, 0, 1])) {
      try conv2DTranspose(
        input: input, filter: filter, outputShape: [8, 6], strides: [0])
    }
  }
}
