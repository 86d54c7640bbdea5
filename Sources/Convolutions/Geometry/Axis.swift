/// One image axis of a validated problem: which tap of which window lands
/// where.
///
/// Output index `o` and tap `t` meet input position
/// `o * stride - padBefore + t * dilation`. ``Conv2DGeometry`` has checked that
/// no position overflows.
struct Axis: Sendable, Hashable {
  let input: Int
  let output: Int
  let kernel: Int
  let stride: Int
  let dilation: Int
  let padBefore: Int
  let padAfter: Int

  /// The input position of tap `tap` of window `output`; outside
  /// `0 ..< input` where the tap falls into padding.
  func position(output: Int, tap: Int) -> Int {
    output * stride - padBefore + tap * dilation
  }

  /// The window whose tap `tap` lands on `position`, if there is one.
  func window(tap: Int, at position: Int) -> Int? {
    let offset = position + padBefore - tap * dilation
    guard offset >= 0, offset % stride == 0 else { return nil }
    let window = offset / stride
    return window < output ? window : nil
  }

  /// The windows whose tap `tap` lands in `inputs`.
  func outputs(landingIn inputs: Range<Int>, tap: Int) -> Range<Int> {
    let shift = padBefore - tap * dilation
    let first = ceilDivide(inputs.lowerBound + shift, stride)
    let end = ceilDivide(inputs.upperBound + shift, stride)
    let lower = min(max(0, first), output)
    return lower..<min(max(lower, end), output)
  }

  /// The smallest range that holds every window that touches `inputs`.
  func outputs(touching inputs: Range<Int>) -> Range<Int> {
    let lower = outputs(landingIn: inputs, tap: kernel - 1).lowerBound
    let upper = outputs(landingIn: inputs, tap: 0).upperBound
    return lower..<max(lower, upper)
  }

  /// The smallest range that holds every window that touches `inputs`, were
  /// there windows before the first and behind the last.
  func touching(_ inputs: Range<Int>) -> Range<Int> {
    let first = inputs.lowerBound + padBefore - (kernel - 1) * dilation
    let last = inputs.upperBound - 1 + padBefore
    let lower = ceilDivide(first, stride)
    return lower..<max(lower, last / stride + 1)
  }

  /// At most so many windows touch `length` positions beside each other.
  func mostOutputs(touching length: Int) -> Int {
    let (reach, overflow) = ((kernel - 1) * dilation)
      .addingReportingOverflow(length - 1)
    return overflow ? output : min(output, reach / stride + 1)
  }

  /// The smallest range that holds every tap with which a window of `outputs`
  /// lands in `inputs`; exact where `outputs` holds one window.
  func taps(landingIn inputs: Range<Int>, outputs: Range<Int>) -> Range<Int> {
    let first = padBefore - outputs.lowerBound * stride
    let last = padBefore - (outputs.upperBound - 1) * stride
    let start = ceilDivide(inputs.lowerBound + last, dilation)
    let end = ceilDivide(inputs.upperBound + first, dilation)
    let lower = min(max(0, start), kernel)
    return lower..<min(max(lower, end), kernel)
  }
}

/// `numerator / denominator` rounded up; `denominator` is positive.
func ceilDivide(_ numerator: Int, _ denominator: Int) -> Int {
  let quotient = numerator / denominator
  return numerator % denominator > 0 ? quotient + 1 : quotient
}
