/// A 2-D convolution (cross-correlation); TensorFlow's `conv2d`.
///
///     result[n, oh, ow, co] = sum over r, c, ci of
///         input[n, oh * stride - padTop + r * dilation, ..., ci]
///         * filter[r, c, ci, co]
///
/// Works for every combination of data format, strides, dilations, padding,
/// groups and type. Groups follow from the shapes: input channels over filter
/// dimension 2. Half types are summed in `Float` over the whole reduction and
/// rounded once.
///
/// For more than one call on a geometry, make a ``ForwardPlan`` once.
///
/// - Parameters:
///   - input: `[N, H, W, Cin]` (NHWC) or `[N, Cin, H, W]` (NCHW).
///   - filter: `[kh, kw, Cin / groups, Cout]` in both data formats.
///   - strides: four entries in data-format order, batch and channels 1.
///   - padding: see ``Padding``.
///   - dataFormat: order of the activation tensors and of the lists.
///   - dilations: as `strides`.
///   - options: algorithm, accuracy, threads, workspace limit.
/// - Returns: `[N, oh, ow, Cout]` or `[N, Cout, oh, ow]`; windows that lie in
///   padding alone are +0.0.
/// - Throws: ``Conv2DError`` for the first broken rule; nothing is computed
///   then. Its `out_backprop` is the result here.
/// - Complexity: O(N * oh * ow * kh * kw * Cin / groups * Cout).
public func conv2D<Scalar>(
  input: Tensor<Scalar>,
  filter: Tensor<Scalar>,
  strides: [Int] = [1, 1, 1, 1],
  padding: Padding,
  dataFormat: DataFormat = .nhwc,
  dilations: [Int] = [1, 1, 1, 1],
  options: ConvolutionOptions = .init()
) throws(Conv2DError) -> Tensor<Scalar> {
  let geometry = try Conv2DGeometry(
    inputSizes: input.shape, filterSizes: filter.shape, strides: strides,
    padding: padding, dataFormat: dataFormat, dilations: dilations)
  return try ForwardPlan<Scalar>(geometry, options: options)
    .result(filter, input)
}
