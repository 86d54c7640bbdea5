/// A validated 2-D convolution: every size, stride, dilation and padding,
/// checked once, here.
///
/// "Input" is the tensor of the forward convolution, which is the *result* of
/// the input gradient. With tap `(r, c)` of window `(oh, ow)` at
/// `y = oh * strideHeight - padTop + r * dilationHeight` (and `x` likewise),
/// the gradient is
///
///     result[n, y, x, ci] += outBackprop[n, oh, ow, co] * filter[r, c, ci, co]
///
/// over all taps that land inside.
public struct Conv2DGeometry: Sendable, Hashable {
  /// The order of the activation tensors and of the lists of sizes.
  public let dataFormat: DataFormat
  /// Images in the batch, `N`.
  public private(set) var batch: Int
  /// Channels of the input, `Cin`.
  public let inputChannels: Int
  /// Channels of the output, `Cout`.
  public let outputChannels: Int
  /// Blocks of channels that do not see each other, `Cin / filter dim 2`; at
  /// least 1.
  public let groups: Int
  /// Input channels that one output channel sees: filter dimension 2.
  let channelsPerGroup: Int

  let vertical: Axis
  let horizontal: Axis

  /// Validates a problem.
  ///
  /// - Parameters:
  ///   - inputSizes: four sizes in data-format order, or `[H, W]`; then the
  ///     batch comes from `outBackpropSizes` and the channels from
  ///     `filterSizes[2]`.
  ///   - filterSizes: `[kh, kw, Cin / groups, Cout]`; the first three at least 1.
  ///   - outBackpropSizes: four sizes in data-format order.
  ///   - strides: four entries in data-format order, at least 1; batch and
  ///     channel entries 1.
  ///   - padding: see ``Padding``.
  ///   - dataFormat: order of `inputSizes`, `outBackpropSizes`, `strides`,
  ///     `dilations` and explicit padding.
  ///   - dilations: as `strides`; 1 is a dense kernel.
  /// - Throws: ``Conv2DError``, for the first broken rule in this order: ranks,
  ///   list lengths, signs, batch and depth entries, sizes that overflow,
  ///   channels and batch, image sizes. Any numbers up to `Int.max` are safe.
  /// - Complexity: O(1).
  public init(
    inputSizes: [Int],
    filterSizes: [Int],
    outBackpropSizes: [Int],
    strides: [Int] = [1, 1, 1, 1],
    padding: Padding,
    dataFormat: DataFormat = .nhwc,
    dilations: [Int] = [1, 1, 1, 1]
  ) throws(Conv2DError) {
    try self.init(
      inputSizes, filterSizes, outBackpropSizes, strides, padding, dataFormat,
      dilations)
  }

  /// Validates a convolution, whose output has the sizes that follow.
  ///
  /// - Parameters:
  ///   - inputSizes: four sizes in data-format order.
  ///   - filterSizes: `[kh, kw, Cin / groups, Cout]`; the first three at least 1.
  ///   - strides: four entries in data-format order, at least 1; batch and
  ///     channel entries 1.
  ///   - padding: see ``Padding``.
  ///   - dataFormat: order of `inputSizes`, `strides`, `dilations` and explicit
  ///     padding.
  ///   - dilations: as `strides`; 1 is a dense kernel.
  /// - Throws: ``Conv2DError``, in the order of
  ///   ``init(inputSizes:filterSizes:outBackpropSizes:strides:padding:dataFormat:dilations:)``.
  /// - Complexity: O(1).
  public init(
    inputSizes: [Int],
    filterSizes: [Int],
    strides: [Int] = [1, 1, 1, 1],
    padding: Padding,
    dataFormat: DataFormat = .nhwc,
    dilations: [Int] = [1, 1, 1, 1]
  ) throws(Conv2DError) {
    guard inputSizes.count == 4 else {
      throw .rank(.input, got: inputSizes.count)
    }
    try self.init(
      inputSizes, filterSizes, nil, strides, padding, dataFormat, dilations)
  }

  /// - Parameter outBackpropSizes: `nil` for those that follow from the rest.
  private init(
    _ inputSizes: [Int], _ filterSizes: [Int], _ outBackpropSizes: [Int]?,
    _ strides: [Int], _ padding: Padding, _ dataFormat: DataFormat,
    _ dilations: [Int]
  ) throws(Conv2DError) {
    // Ranks and lengths.
    guard filterSizes.count == 4 else {
      throw .rank(.filter, got: filterSizes.count)
    }
    if let outBackpropSizes, outBackpropSizes.count != 4 {
      throw .rank(.outBackprop, got: outBackpropSizes.count)
    }
    guard inputSizes.count == 4 || inputSizes.count == 2 else {
      throw .length(.inputSizes, got: inputSizes.count, allowed: [2, 4])
    }
    for (parameter, values) in [
      (Conv2DError.Parameter.strides, strides), (.dilations, dilations),
    ] where values.count != 4 {
      throw .length(parameter, got: values.count, allowed: [4])
    }
    if case .explicit(let pairs) = padding, pairs.count != 4 {
      throw .length(.explicitPaddings, got: pairs.count, allowed: [4])
    }

    // Signs.
    for (tensor, sizes) in [
      (Conv2DError.TensorName.input, inputSizes), (.filter, filterSizes),
      (.outBackprop, outBackpropSizes ?? []),
    ] where sizes.contains(where: { $0 < 0 }) {
      throw .negativeSize(tensor, sizes: sizes)
    }
    guard filterSizes[..<3].allSatisfy({ $0 > 0 }) else {
      throw .emptyFilter(sizes: filterSizes)
    }
    for (parameter, values) in [
      (Conv2DError.Parameter.strides, strides), (.dilations, dilations),
    ] where values.contains(where: { $0 < 1 }) {
      throw .notPositive(parameter, values: values)
    }
    if case .explicit(let pairs) = padding,
      pairs.contains(where: { $0.before < 0 || $0.after < 0 })
    {
      throw .negativePadding(pairs)
    }

    // Batch and depth entries.
    let batchIndex = dataFormat.batchIndex
    let channelIndex = dataFormat.channelIndex
    for (parameter, values) in [
      (Conv2DError.Parameter.strides, strides), (.dilations, dilations),
    ] where values[batchIndex] != 1 || values[channelIndex] != 1 {
      throw .batchOrDepthEntry(parameter, values: values)
    }
    if case .explicit(let pairs) = padding {
      for index in [batchIndex, channelIndex]
      where pairs[index] != Padding.Pair(0, 0) {
        throw .batchOrDepthEntry(
          .explicitPaddings, values: [pairs[index].before, pairs[index].after])
      }
    }

    // Sizes that overflow. All element counts, in bytes of the widest type.
    let heightIndex = dataFormat.heightIndex
    let widthIndex = dataFormat.widthIndex
    var fullInputSizes = inputSizes
    if inputSizes.count == 2, let outBackpropSizes {
      fullInputSizes = dataFormat.order(
        batch: outBackpropSizes[batchIndex], height: inputSizes[0],
        width: inputSizes[1], channels: filterSizes[2])
    }
    for (tensor, sizes) in [
      (Conv2DError.TensorName.input, fullInputSizes), (.filter, filterSizes),
      (.outBackprop, outBackpropSizes ?? [0]),
    ] {
      _ = try checkedElementCount(sizes, of: tensor)
    }

    // Channels, batch, groups.
    let batch = fullInputSizes[batchIndex]
    let inputChannels = fullInputSizes[channelIndex]
    let outputChannels = filterSizes[3]
    if let outBackpropSizes {
      guard batch == outBackpropSizes[batchIndex] else {
        throw .batch(input: batch, outBackprop: outBackpropSizes[batchIndex])
      }
      guard outputChannels == outBackpropSizes[channelIndex] else {
        throw .outDepth(
          filter: outputChannels, outBackprop: outBackpropSizes[channelIndex])
      }
    }
    guard inputChannels % filterSizes[2] == 0 else {
      throw .inDepth(input: inputChannels, filter: filterSizes[2])
    }
    let groups = max(1, inputChannels / filterSizes[2])
    guard outputChannels % groups == 0 else {
      throw .groups(outDepth: outputChannels, groups: groups)
    }

    // Image sizes.
    func axis(
      index: Int, kernel: Int
    ) throws(Conv2DError) -> Axis {
      try checkedAxis(
        dimension: index, input: fullInputSizes[index],
        output: outBackpropSizes?[index], kernel: kernel,
        stride: strides[index], dilation: dilations[index],
        padding: AxisPadding(padding, dimension: index))
    }
    vertical = try axis(index: heightIndex, kernel: filterSizes[0])
    horizontal = try axis(index: widthIndex, kernel: filterSizes[1])
    _ = try checkedElementCount(
      [batch, vertical.output, horizontal.output, outputChannels],
      of: .outBackprop)

    self.dataFormat = dataFormat
    self.batch = batch
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.groups = groups
    self.channelsPerGroup = filterSizes[2]
  }
}

// MARK: - Sizes

extension Conv2DGeometry {
  /// Rows of the input, `H`.
  public var inputHeight: Int { vertical.input }
  /// Columns of the input, `W`.
  public var inputWidth: Int { horizontal.input }
  /// Rows of out_backprop.
  public var outputHeight: Int { vertical.output }
  /// Columns of out_backprop.
  public var outputWidth: Int { horizontal.output }
  /// Rows of taps.
  public var kernelHeight: Int { vertical.kernel }
  /// Columns of taps.
  public var kernelWidth: Int { horizontal.kernel }
  /// `[height, width]`.
  public var strides: [Int] { [vertical.stride, horizontal.stride] }
  /// `[height, width]`; 1 is a dense kernel.
  public var dilations: [Int] { [vertical.dilation, horizontal.dilation] }
  /// Rows of padding above the image.
  public var padTop: Int { vertical.padBefore }
  /// Rows of padding below the image.
  public var padBottom: Int { vertical.padAfter }
  /// Columns of padding left of the image.
  public var padLeft: Int { horizontal.padBefore }
  /// Columns of padding right of the image.
  public var padRight: Int { horizontal.padAfter }

  /// Shape of the result, in data-format order.
  public var inputSizes: [Int] {
    dataFormat.order(
      batch: batch, height: inputHeight, width: inputWidth,
      channels: inputChannels)
  }

  /// `[kh, kw, Cin / groups, Cout]`.
  public var filterSizes: [Int] {
    [kernelHeight, kernelWidth, channelsPerGroup, outputChannels]
  }

  /// Shape of out_backprop, in data-format order.
  public var outBackpropSizes: [Int] {
    dataFormat.order(
      batch: batch, height: outputHeight, width: outputWidth,
      channels: outputChannels)
  }

  /// Scalars of the result.
  public var inputCount: Int {
    batch * inputHeight * inputWidth * inputChannels
  }

  /// Scalars of the filter.
  public var filterCount: Int {
    taps * channelsPerGroup * outputChannels
  }

  /// Scalars of out_backprop.
  public var outBackpropCount: Int {
    batch * outputHeight * outputWidth * outputChannels
  }

  /// Nominal work, `2 * N * oh * ow * kh * kw * Cin / groups * Cout`, in
  /// floating-point operations; windows over padding included.
  public var flops: Double {
    2 * Double(batch) * Double(outputHeight) * Double(outputWidth)
      * Double(taps) * Double(channelsPerGroup) * Double(outputChannels)
  }

  /// Taps of the kernel, `kh * kw`.
  var taps: Int { kernelHeight * kernelWidth }

  /// Output channels that one input channel sees: the depth of the sum.
  var depthPerGroup: Int { outputChannels / groups }

  /// The same of another number of images, fewer or such that sizes do not
  /// overflow.
  package func withBatch(_ batch: Int) -> Self {
    var geometry = self
    geometry.batch = batch
    return geometry
  }
}

// MARK: - Legal input sizes

extension Conv2DGeometry {
  /// The input sizes, along one axis, for which the forward convolution has
  /// `outputSize` windows; the caller of the input gradient has to pick one.
  ///
  /// - Parameters:
  ///   - outputSize: size of out_backprop along the axis, at least 0.
  ///   - kernelSize: taps along the axis, at least 1.
  ///   - stride: at least 1.
  ///   - dilation: at least 1.
  ///   - padding: ``Padding``, of which the pair at `dimension` is used.
  ///   - dimension: index of the axis in data-format order.
  /// - Returns: the sizes, or `nil` if there is none (or a number is outside
  ///   its range, or the sizes overflow).
  /// - Complexity: O(1).
  public static func legalInputSizes(
    outputSize: Int, kernelSize: Int, stride: Int = 1, dilation: Int = 1,
    padding: Padding, dimension: Int = 1
  ) -> ClosedRange<Int>? {
    if case .explicit(let pairs) = padding {
      guard pairs.indices.contains(dimension), pairs[dimension].before >= 0,
        pairs[dimension].after >= 0
      else { return nil }
    }
    guard outputSize >= 0, kernelSize >= 1, stride >= 1, dilation >= 1 else {
      return nil
    }
    return legalSizes(
      output: outputSize, kernel: kernelSize, stride: stride,
      dilation: dilation, padding: AxisPadding(padding, dimension: dimension))
  }
}
