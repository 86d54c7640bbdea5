/// The gradient of a 2-D convolution with respect to its input; TensorFlow's
/// `conv2d_backprop_input`.
///
/// Works for every combination of data format, strides, dilations, padding,
/// groups and type. Groups follow from the shapes: input channels over filter
/// dimension 2. Half types are summed in `Float` over the whole reduction and
/// rounded once.
///
/// For more than one call on a geometry, make an ``InputGradientPlan`` once.
///
/// - Parameters:
///   - inputSizes: shape of the result in data-format order, or `[H, W]`; then
///     batch and channels follow from the tensors, without groups.
///   - filter: `[kh, kw, Cin / groups, Cout]` in both data formats.
///   - outBackprop: `[N, oh, ow, Cout]` (NHWC) or `[N, Cout, oh, ow]` (NCHW).
///   - strides: four entries in data-format order, batch and channels 1.
///   - padding: see ``Padding``.
///   - dataFormat: order of the activation tensors and of the lists.
///   - dilations: as `strides`.
///   - options: algorithm, accuracy, threads, workspace limit.
/// - Returns: the gradient, of shape `inputSizes`; cells that no window touches
///   are +0.0.
/// - Throws: ``Conv2DError`` for the first broken rule; nothing is computed
///   then.
/// - Complexity: O(N * oh * ow * kh * kw * Cin / groups * Cout).
public func conv2DBackpropInput<Scalar>(
  inputSizes: [Int],
  filter: Tensor<Scalar>,
  outBackprop: Tensor<Scalar>,
  strides: [Int] = [1, 1, 1, 1],
  padding: Padding,
  dataFormat: DataFormat = .nhwc,
  dilations: [Int] = [1, 1, 1, 1],
  options: ConvolutionOptions = .init()
) throws(Conv2DError) -> Tensor<Scalar> {
  let geometry = try Conv2DGeometry(
    inputSizes: inputSizes, filterSizes: filter.shape,
    outBackpropSizes: outBackprop.shape, strides: strides, padding: padding,
    dataFormat: dataFormat, dilations: dilations)
  return try InputGradientPlan<Scalar>(geometry, options: options)
    .result(filter, outBackprop)
}

/// A transposed convolution; TensorFlow's `conv2d_transpose`, PyTorch's
/// `conv_transpose2d`.
///
/// The same map as ``conv2DBackpropInput(inputSizes:filter:outBackprop:strides:padding:dataFormat:dilations:options:)``
/// with the names of the generator's side.
///
/// - Parameters:
///   - input: `[N, h, w, channels in]` or `[N, channels in, h, w]`.
///   - filter: `[kh, kw, channels out / groups, channels in]`.
///   - outputShape: shape of the result, four sizes in data-format order, or
///     `[H, W]`.
///   - strides: one number for both image axes, two for height and width, or
///     four in data-format order.
///   - padding: the padding of the convolution that this one transposes.
///   - dataFormat: order of the tensors and of the lists.
///   - dilations: as `strides`.
///   - options: algorithm, accuracy, threads, workspace limit.
/// - Returns: a tensor of shape `outputShape`.
/// - Throws: ``Conv2DError`` for the first broken rule, in the words of the
///   gradient: `input` there is the result here, and `out_backprop` the input.
/// - Complexity: as the gradient.
public func conv2DTranspose<Scalar>(
  input: Tensor<Scalar>,
  filter: Tensor<Scalar>,
  outputShape: [Int],
  strides: [Int],
  padding: Padding = .same,
  dataFormat: DataFormat = .nhwc,
  dilations: [Int] = [1],
  options: ConvolutionOptions = .init()
) throws(Conv2DError) -> Tensor<Scalar> {
  do throws(Conv2DError) {
    return try conv2DBackpropInput(
      inputSizes: outputShape, filter: filter, outBackprop: input,
      strides: expand(strides, dataFormat), padding: padding,
      dataFormat: dataFormat, dilations: expand(dilations, dataFormat),
      options: options)
  } catch .length(let parameter, let got, allowed: [4])
    where parameter != .explicitPaddings
  {
    throw .length(parameter, got: got, allowed: [1, 2, 4])
  }
}

/// One or two numbers as four in data-format order; other lists as they are.
private func expand(_ values: [Int], _ dataFormat: DataFormat) -> [Int] {
  guard values.count == 1 || values.count == 2 else { return values }
  return dataFormat.order(
    batch: 1, height: values[0], width: values[values.count - 1], channels: 1)
}
