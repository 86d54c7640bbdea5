import Convolutions

/// Two transposed convolutions that draw an image of 8x8 from 16 numbers.
///
///     codes  [N, 1, 1, 16] -> 4x4 kernel, VALID        -> hidden [N, 4, 4, 32]
///     hidden, rectified    -> 4x4 kernel, stride 2, SAME -> image [N, 8, 8, 1]
///
/// Trained by gradient descent with momentum on the mean squared error. Plans,
/// workspaces and tensors are made once.
struct Decoder: ~Copyable {
  static let batch = 64
  private static let rate: Float = 0.1

  private var first: Layer
  private var second: Layer
  private var hidden: Tensor<Float>
  private var image: Tensor<Float>
  private var imageGradient: Tensor<Float>
  private var hiddenGradient: Tensor<Float>

  init() throws {
    var draw = Draw(seed: 7)
    let first = try Layer(
      from: [Self.batch, 1, 1, 16], to: [Self.batch, 4, 4, 32], stride: 1,
      padding: .valid, fanIn: 16, &draw)
    let second = try Layer(
      from: [Self.batch, 4, 4, 32], to: [Self.batch, 8, 8, 1], stride: 2,
      padding: .same, fanIn: 32 * 4, &draw)
    let hidden = try first.emptyOutput()
    let image = try second.emptyOutput()
    self.first = first
    self.second = second
    self.hidden = hidden
    hiddenGradient = hidden
    self.image = image
    imageGradient = image
  }

  /// One step on a batch.
  ///
  /// - Returns: the loss before it.
  mutating func step(codes: Tensor<Float>, pixels: Tensor<Float>) -> Double {
    first.run(codes, into: &hidden)
    for index in hidden.scalars.indices {
      hidden.scalars[index] = max(0, hidden.scalars[index])
    }
    second.run(hidden, into: &image)

    var loss = 0.0
    let count = Float(image.scalars.count)
    for index in image.scalars.indices {
      let error = image.scalars[index] - pixels.scalars[index]
      loss += Double(error * error)
      imageGradient.scalars[index] = 2 * error / count
    }

    second.differentiate(hidden, imageGradient, into: &hiddenGradient)
    for index in hidden.scalars.indices where hidden.scalars[index] == 0 {
      hiddenGradient.scalars[index] = 0
    }
    first.differentiate(codes, hiddenGradient)
    second.descend(rate: Self.rate)
    first.descend(rate: Self.rate)
    return loss / Double(count)
  }
}

/// A transposed convolution with a bias, and what its training needs.
private struct Layer: ~Copyable {
  private static let momentum: Float = 0.9

  // The layer runs as the input gradient of a convolution. Its gradients are
  // the two other maps of the same geometry.
  private let run: InputGradientPlan<Float>
  private let inputGradient: ForwardPlan<Float>
  private let filterGradient: FilterGradientPlan<Float>
  private var workspace: Workspace

  private var filter: Tensor<Float>
  private var bias: [Float]
  private var filterSlope: Tensor<Float>
  private var biasSlope: [Float]
  private var filterSpeed: [Float]
  private var biasSpeed: [Float]

  /// - Parameter fanIn: terms of an output, for the size of the first weights.
  init(
    from input: [Int], to output: [Int], stride: Int, padding: Padding,
    fanIn: Int, _ draw: inout Draw
  ) throws {
    let sizes = [4, 4, output[3], input[3]]
    let geometry = try Conv2DGeometry(
      inputSizes: output, filterSizes: sizes, outBackpropSizes: input,
      strides: [1, stride, stride, 1], padding: padding)
    let run = try InputGradientPlan<Float>(geometry)
    let inputGradient = try ForwardPlan<Float>(geometry)
    let filterGradient = try FilterGradientPlan<Float>(geometry)
    let scale = (3 / Float(fanIn)).squareRoot()
    let count = sizes.reduce(1, *)
    let filter = try Tensor(
      shape: sizes, scalars: (0..<count).map { _ in draw.next() * scale })
    self.run = run
    self.inputGradient = inputGradient
    self.filterGradient = filterGradient
    self.filter = filter
    filterSlope = filter
    workspace = Workspace(
      byteCount: max(
        run.workspaceByteCount, inputGradient.workspaceByteCount,
        filterGradient.workspaceByteCount))
    filterSpeed = Array(repeating: 0, count: count)
    bias = Array(repeating: 0, count: output[3])
    biasSlope = bias
    biasSpeed = bias
  }

  func emptyOutput() throws -> Tensor<Float> {
    try Tensor(shape: run.geometry.inputSizes, repeating: 0)
  }

  mutating func run(_ input: Tensor<Float>, into output: inout Tensor<Float>) {
    run.execute(
      filter: run.prepare(filter: filter), outBackprop: input, into: &output,
      workspace: &workspace)
    for index in output.scalars.indices {
      output.scalars[index] += bias[index % bias.count]
    }
  }

  /// The gradients of filter and bias, and of the input.
  mutating func differentiate(
    _ input: Tensor<Float>, _ gradient: Tensor<Float>,
    into result: inout Tensor<Float>
  ) {
    differentiate(input, gradient)
    inputGradient.execute(
      filter: inputGradient.prepare(filter: filter), input: gradient,
      into: &result, workspace: &workspace)
  }

  mutating func differentiate(
    _ input: Tensor<Float>, _ gradient: Tensor<Float>
  ) {
    filterGradient.execute(
      input: gradient, outBackprop: input, into: &filterSlope,
      workspace: &workspace)
    for index in biasSlope.indices { biasSlope[index] = 0 }
    for index in gradient.scalars.indices {
      biasSlope[index % biasSlope.count] += gradient.scalars[index]
    }
  }

  mutating func descend(rate: Float) {
    for index in filterSpeed.indices {
      filterSpeed[index] =
        Self.momentum * filterSpeed[index] + filterSlope.scalars[index]
      filter.scalars[index] -= rate * filterSpeed[index]
    }
    for index in bias.indices {
      biasSpeed[index] = Self.momentum * biasSpeed[index] + biasSlope[index]
      bias[index] -= rate * biasSpeed[index]
    }
  }
}

/// Numbers from -1 up to 1, the same everywhere.
struct Draw {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) / 8_388_608 - 1
  }
}
