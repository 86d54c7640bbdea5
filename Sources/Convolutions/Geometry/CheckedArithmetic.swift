// The arithmetic of shapes on numbers nobody has looked at yet. Swift traps on
// overflow, so every step here reports it instead.

/// ``Padding`` along one axis.
enum AxisPadding {
  case same
  case explicit(before: Int, after: Int)

  init(_ padding: Padding, dimension: Int) {
    switch padding {
    case .same: self = .same
    case .valid: self = .explicit(before: 0, after: 0)
    case .explicit(let pairs):
      self = .explicit(
        before: pairs[dimension].before, after: pairs[dimension].after)
    }
  }
}

/// Most scalars of a tensor: more than any address space holds, and few enough
/// that the arithmetic of plans, a small multiple of it, cannot overflow.
let maximumElementCount = 1 << 48

/// The product of nonnegative `sizes`, if a tensor may have that many elements.
///
/// Zeros are taken last, so an overflow hides behind no zero.
func checkedElementCount(
  _ sizes: [Int], of tensor: Conv2DError.TensorName
) throws(Conv2DError) -> Int {
  var count: Int? = 1
  for size in sizes where size != 0 { count = product(count, size) }
  guard let count, count <= maximumElementCount else {
    throw .tooLarge("\(tensor.rawValue) of sizes \(sizes)")
  }
  return sizes.contains(0) ? 0 : count
}

/// An ``Axis`` if `output` is the size that follows from the rest, or `nil`.
///
/// All numbers are nonnegative; `kernel`, `stride` and `dilation` positive.
func checkedAxis(
  dimension: Int, input: Int, output: Int?, kernel: Int, stride: Int,
  dilation: Int, padding: AxisPadding
) throws(Conv2DError) -> Axis {
  func tooLarge() -> Conv2DError {
    .tooLarge(
      "dimension \(dimension) with input \(input), kernel \(kernel), "
        + "stride \(stride), dilation \(dilation)")
  }
  guard let window = sum(product(kernel - 1, dilation), 1) else {
    throw tooLarge()
  }
  let computed: Int
  let before: Int
  let after: Int
  switch padding {
  case .same:
    guard let rounded = sum(input, stride - 1) else { throw tooLarge() }
    computed = rounded / stride
    guard
      let covered = sum(product(max(computed, 1) - 1, stride), window)
    else { throw tooLarge() }
    let needed = computed == 0 ? 0 : max(0, covered - input)
    before = needed / 2
    after = needed - before
  case .explicit(let first, let second):
    guard let padded = sum(sum(input, first), second),
      let numerator = sum(padded - window, stride)
    else { throw tooLarge() }
    guard numerator > -stride else {
      throw .windowTooLarge(
        dimension: dimension, effectiveKernel: window, paddedInput: padded)
    }
    computed = numerator / stride
    before = first
    after = second
  }
  if let output, computed != output {
    throw .outBackpropSize(
      dimension: dimension, got: output, computed: computed,
      legalInputSizes: legalSizes(
        output: output, kernel: kernel, stride: stride, dilation: dilation,
        padding: padding))
  }
  return Axis(
    input: input, output: computed, kernel: kernel, stride: stride,
    dilation: dilation, padBefore: before, padAfter: after)
}

/// The input sizes that give `output` windows.
func legalSizes(
  output: Int, kernel: Int, stride: Int, dilation: Int, padding: AxisPadding
) -> ClosedRange<Int>? {
  switch padding {
  case .same:
    guard output > 0 else { return 0...0 }
    guard let high = product(output, stride) else { return nil }
    return high - stride + 1...high
  case .explicit(let before, let after):
    guard let window = sum(product(kernel - 1, dilation), 1),
      let pads = sum(before, after)
    else { return nil }
    // A numerator `input + pads - window + stride` in (-stride, 0] also gives
    // no window: division truncates toward zero.
    if output == 0 {
      let high = window - pads - 1
      guard high >= 0 else { return nil }
      let span = product(stride - 1, 2) ?? high
      return max(0, high - min(high, span))...high
    }
    guard let low = sum(product(output - 1, stride), window),
      let high = sum(low, stride - 1), high >= pads
    else { return nil }
    return max(0, low - pads)...high - pads
  }
}

private func sum(_ left: Int?, _ right: Int) -> Int? {
  guard let left else { return nil }
  let (value, overflow) = left.addingReportingOverflow(right)
  return overflow ? nil : value
}

private func product(_ left: Int?, _ right: Int) -> Int? {
  guard let left else { return nil }
  let (value, overflow) = left.multipliedReportingOverflow(by: right)
  return overflow ? nil : value
}
