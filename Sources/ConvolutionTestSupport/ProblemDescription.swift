import Convolutions

/// The lists that describe a problem, before anybody has looked at them; a
/// small legal problem to begin with.
package struct ProblemDescription: Sendable, Hashable {
  package var inputSizes = [2, 6, 5, 4]
  package var filterSizes = [3, 2, 4, 6]
  package var outBackpropSizes = [2, 4, 4, 6]
  package var strides = [1, 1, 1, 1]
  package var padding = Padding.valid
  package var dataFormat = DataFormat.nhwc
  package var dilations = [1, 1, 1, 1]

  package init() {}

  package func geometry() throws(Conv2DError) -> Conv2DGeometry {
    try Conv2DGeometry(
      inputSizes: inputSizes, filterSizes: filterSizes,
      outBackpropSizes: outBackpropSizes, strides: strides, padding: padding,
      dataFormat: dataFormat, dilations: dilations)
  }
}

// MARK: - Legality

extension ProblemDescription {
  /// Whether the problem keeps the rules and is of a size that the library
  /// takes: its own arithmetic, too wide to overflow.
  package var isLegal: Bool {
    guard filterSizes.count == 4, outBackpropSizes.count == 4,
      [2, 4].contains(inputSizes.count), strides.count == 4,
      dilations.count == 4
    else { return false }
    let (channel, height, width) = dataFormat == .nhwc ? (3, 1, 2) : (1, 2, 3)
    var pads: [Padding.Pair]?
    if case .explicit(let pairs) = padding {
      guard pairs.count == 4, pairs[0] == .init(0, 0),
        pairs[channel] == .init(0, 0),
        pairs.allSatisfy({ min($0.before, $0.after) >= 0 })
      else { return false }
      pads = pairs
    }
    var input = inputSizes
    if input.count == 2 {
      input = [outBackpropSizes[0], 0, 0, 0]
      input[channel] = filterSizes[2]
      (input[height], input[width]) = (inputSizes[0], inputSizes[1])
    }
    guard [input, filterSizes, outBackpropSizes].allSatisfy(Self.fits),
      filterSizes[..<3].allSatisfy({ $0 > 0 }),
      (strides + dilations).allSatisfy({ $0 > 0 }),
      strides[0] == 1, strides[channel] == 1, dilations[0] == 1,
      dilations[channel] == 1,
      input[0] == outBackpropSizes[0],
      outBackpropSizes[channel] == filterSizes[3],
      input[channel].isMultiple(of: filterSizes[2]),
      filterSizes[3].isMultiple(of: max(1, input[channel] / filterSizes[2]))
    else { return false }
    return [height, width].enumerated().allSatisfy { axis, index in
      let windows = Self.windows(
        input: input[index], kernel: filterSizes[axis], stride: strides[index],
        dilation: dilations[index], padding: padding, pads: pads?[index])
      return windows == Int128(outBackpropSizes[index])
    }
  }

  /// No size is negative, and the product of those that are not 0 is at most
  /// 2^48.
  private static func fits(_ sizes: [Int]) -> Bool {
    var count: Int128 = 1
    for size in sizes {
      guard size >= 0 else { return false }
      count *= Int128(max(1, size))
      guard count <= 1 << 48 else { return false }
    }
    return true
  }

  /// The size of out_backprop along an axis, unless it is negative or a number
  /// on the way to it, or to the padding, needs more than 64 bits.
  private static func windows(
    input: Int, kernel: Int, stride: Int, dilation: Int, padding: Padding,
    pads: Padding.Pair?
  ) -> Int128? {
    let (input, stride) = (Int128(input), Int128(stride))
    let window = Int128(kernel - 1) * Int128(dilation) + 1
    let steps: [Int128]
    let windows: Int128
    if padding == .same {
      windows = (input + stride - 1) / stride
      let covered = (max(windows, 1) - 1) * stride + window
      steps = [window, input + stride - 1, covered]
    } else {
      let padded = input + Int128(pads?.before ?? 0) + Int128(pads?.after ?? 0)
      let numerator = padded - window + stride
      guard numerator > -stride else { return nil }
      windows = numerator / stride
      steps = [window, padded, numerator]
    }
    return steps.allSatisfy { $0 <= Int.max } ? windows : nil
  }
}
