/// The gradient of a 2-D convolution with respect to its filter; TensorFlow's
/// `conv2d_backprop_filter`.
///
///     result[r, c, ci, co] = sum over n, oh, ow of
///         input[n, oh * stride - padTop + r * dilation, ..., ci]
///         * outBackprop[n, oh, ow, co]
///
/// Works for every combination of data format, strides, dilations, padding,
/// groups and type. Half types are summed in `Float` over the whole reduction and
/// rounded once. Sums over the batch are taken in an order that follows from the
/// problem alone.
///
/// For more than one call on a geometry, make a ``FilterGradientPlan`` once.
///
/// - Parameters:
///   - input: `[N, H, W, Cin]` (NHWC) or `[N, Cin, H, W]` (NCHW).
///   - filterSizes: shape of the result, `[kh, kw, Cin / groups, Cout]` in both
///     data formats.
///   - outBackprop: `[N, oh, ow, Cout]` or `[N, Cout, oh, ow]`.
///   - strides: four entries in data-format order, batch and channels 1.
///   - padding: see ``Padding``.
///   - dataFormat: order of the activation tensors and of the lists.
///   - dilations: as `strides`.
///   - options: algorithm, accuracy, threads, workspace limit.
/// - Returns: the gradient, of shape `filterSizes`; taps that always fall into
///   padding are +0.0.
/// - Throws: ``Conv2DError`` for the first broken rule; nothing is computed
///   then.
/// - Complexity: O(N * oh * ow * kh * kw * Cin / groups * Cout).
public func conv2DBackpropFilter<Scalar>(
  input: Tensor<Scalar>,
  filterSizes: [Int],
  outBackprop: Tensor<Scalar>,
  strides: [Int] = [1, 1, 1, 1],
  padding: Padding,
  dataFormat: DataFormat = .nhwc,
  dilations: [Int] = [1, 1, 1, 1],
  options: ConvolutionOptions = .init()
) throws(Conv2DError) -> Tensor<Scalar> {
  guard input.shape.count == 4 else {
    throw .rank(.input, got: input.shape.count)
  }
  let geometry = try Conv2DGeometry(
    inputSizes: input.shape, filterSizes: filterSizes,
    outBackpropSizes: outBackprop.shape, strides: strides, padding: padding,
    dataFormat: dataFormat, dilations: dilations)
  return try FilterGradientPlan<Scalar>(geometry, options: options)
    .result(input, outBackprop)
}
