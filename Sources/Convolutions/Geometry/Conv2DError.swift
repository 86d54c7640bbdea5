/// A broken rule of the operation, with the numbers that break it.
///
/// Thrown before anything is allocated or written.
public enum Conv2DError: Error, Sendable, Hashable {
  /// A tensor that takes part in the operation.
  public enum TensorName: String, Sendable, Hashable {
    /// The input of the convolution, which is the result of the input gradient.
    case input
    /// The filter.
    case filter
    /// The gradient of the output; of the convolution the output itself.
    case outBackprop = "out_backprop"
    /// A tensor without a role yet.
    case tensor
  }

  /// A list of integers that describes the operation.
  public enum Parameter: String, Sendable, Hashable {
    /// Sizes of the input.
    case inputSizes = "input_sizes"
    /// Steps from window to window.
    case strides
    /// Steps from tap to tap.
    case dilations
    /// The pairs of ``Padding/explicit(_:)``.
    case explicitPaddings = "explicit_paddings"
  }

  /// A tensor must have four dimensions.
  case rank(TensorName, got: Int)
  /// A list has the wrong number of entries.
  case length(Parameter, got: Int, allowed: [Int])
  /// A size is negative.
  case negativeSize(TensorName, sizes: [Int])
  /// Kernel height, kernel width and filter dimension 2 must be positive.
  case emptyFilter(sizes: [Int])
  /// Strides and dilations must be positive.
  case notPositive(Parameter, values: [Int])
  /// Explicit padding must not be negative.
  case negativePadding([Padding.Pair])
  /// Strides and dilations must be 1, and padding 0, in batch and depth.
  case batchOrDepthEntry(Parameter, values: [Int])
  /// A tensor has more than 2^48 scalars, or an offset does not fit an `Int`.
  case tooLarge(String)
  /// The batch sizes differ.
  case batch(input: Int, outBackprop: Int)
  /// The numbers of output channels differ.
  case outDepth(filter: Int, outBackprop: Int)
  /// The input depth is not a multiple of filter dimension 2.
  case inDepth(input: Int, filter: Int)
  /// The output depth is not a multiple of the number of groups.
  case groups(outDepth: Int, groups: Int)
  /// An image size of out_backprop is not the one that follows from the rest.
  /// `legalInputSizes` are the input sizes that would give `got`.
  case outBackpropSize(
    dimension: Int, got: Int, computed: Int, legalInputSizes: ClosedRange<Int>?)
  /// A window does not fit the padded input.
  case windowTooLarge(dimension: Int, effectiveKernel: Int, paddedInput: Int)
  /// A tensor holds another number of scalars than its shape says.
  case elementCount(shape: [Int], got: Int, needed: Int)
  /// The number of threads must be positive.
  case threads(Int)
  /// A workspace limit is below what one thread needs, in bytes.
  case workspaceLimit(limit: Int, needed: Int)
  /// The algorithm cannot serve the geometry.
  case unsupported(ConvolutionAlgorithm, reason: String)
  /// The algorithm might break the promise of the ``Accuracy`` asked for.
  /// `error` is the relative Frobenius error that independent random data may
  /// have, by the model of such errors with its uncertainty.
  case inaccurate(ConvolutionAlgorithm, error: Double, allowed: Double)
  /// Memory for the result or the workspace cannot be had.
  case outOfMemory(bytes: Int)
}

extension Conv2DError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .rank(let tensor, let got):
      "\(tensor.rawValue) has rank \(got); it must have rank 4"
    case .length(let parameter, let got, let allowed):
      "\(parameter.rawValue) has \(got) entries; it must have "
        + allowed.dropLast().map(String.init).joined(separator: ", ")
        + (allowed.count > 1 ? " or " : "") + "\(allowed.last ?? 0)"
    case .negativeSize(let tensor, let sizes):
      "\(tensor.rawValue) has a negative size: \(sizes)"
    case .emptyFilter(let sizes):
      "filter must not have zero elements: kernel height, kernel width and "
        + "input depth (dimensions 0, 1 and 2) must be at least 1, got \(sizes)"
    case .notPositive(let parameter, let values):
      "\(parameter.rawValue) must be positive, got \(values)"
    case .negativePadding(let pairs):
      "All elements of explicit_paddings must be nonnegative, got "
        + list(pairs)
    case .batchOrDepthEntry(let parameter, let values):
      "\(parameter.rawValue) in the batch and depth dimensions must be "
        + (parameter == .explicitPaddings ? "0" : "1") + ", got \(values)"
    case .tooLarge(let what):
      "too large: \(what)"
    case .batch(let input, let outBackprop):
      "input and out_backprop must have the same batch size, got \(input) and "
        + "\(outBackprop)"
    case .outDepth(let filter, let outBackprop):
      "filter and out_backprop must have the same out_depth, got \(filter) and "
        + "\(outBackprop)"
    case .inDepth(let input, let filter):
      "input depth must be evenly divisible by filter depth: \(input) against "
        + "\(filter)"
    case .groups(let outDepth, let groups):
      "out_depth must be evenly divisible by the number of groups: "
        + "\(outDepth) against \(groups)"
    case .outBackpropSize(let dimension, let got, let computed, let legal):
      "Size of out_backprop doesn't match computed in dimension \(dimension): "
        + "actual \(got), computed \(computed); "
        + (legal.map {
          "an input size of \($0.lowerBound)"
            + ($0.count > 1 ? " to \($0.upperBound)" : "")
            + " would give \(got)"
        } ?? "no input size would give \(got)")
    case .windowTooLarge(let dimension, let effectiveKernel, let paddedInput):
      "computed size of out_backprop is negative in dimension \(dimension): "
        + "the dilated kernel covers \(effectiveKernel), the padded input has "
        + "\(paddedInput)"
    case .elementCount(let shape, let got, let needed):
      "a tensor of shape \(shape) needs \(needed) scalars, got \(got)"
    case .threads(let got):
      "the number of threads must be at least 1, got \(got)"
    case .workspaceLimit(let limit, let needed):
      "the workspace limit is \(limit) bytes; this plan needs at least \(needed)"
    case .unsupported(let algorithm, let reason):
      "the \(algorithm.rawValue) algorithm cannot serve this problem: \(reason)"
    case .inaccurate(let algorithm, let error, let allowed):
      "the \(algorithm.rawValue) algorithm may have a relative error of "
        + "\(twoDigits(error)) here; the accuracy asked for allows "
        + "\(twoDigits(allowed))"
    case .outOfMemory(let bytes):
      "out of memory: \(bytes) bytes cannot be allocated"
    }
  }

  private func list(_ pairs: [Padding.Pair]) -> String {
    "[" + pairs.map { "[\($0.before), \($0.after)]" }.joined(separator: ", ")
      + "]"
  }
}

/// A positive number in scientific notation with two digits.
package func twoDigits(_ error: Double) -> String {
  var (value, exponent) = (error, 0)
  // What rounds to 1.0 is not 10.0 of the next.
  while value > 0, value < 0.995 {
    value *= 10
    exponent -= 1
  }
  return "\((value * 10).rounded() / 10)e\(exponent)"
}
