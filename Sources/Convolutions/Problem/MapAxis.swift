/// One image axis of a ``ConvolutionMap``: which tap of which source position
/// lands on which target position.
///
/// Source position `o` lands through tap `t` on target position `y` where
///
///     y * step == o * stride - pad + t * dilation
///
/// The gradients have the windows as their source, `stride` apart, and step 1.
/// The convolution itself has them as its target, `step` apart, and stride 1; it
/// counts its taps from the last to the first. ``Conv2DGeometry`` has checked
/// that no position overflows.
struct MapAxis: Sendable, Hashable {
  let target: Int
  let source: Int
  let kernel: Int
  let stride: Int
  let step: Int
  let dilation: Int
  /// May be negative.
  let pad: Int

  init(
    target: Int, source: Int, kernel: Int, stride: Int, step: Int,
    dilation: Int, pad: Int
  ) {
    (self.target, self.source, self.kernel) = (target, source, kernel)
    (self.stride, self.step) = (stride, step)
    (self.dilation, self.pad) = (dilation, pad)
  }

  /// The axis of the input gradient.
  init(inputGradient axis: Axis) {
    target = axis.input
    source = axis.output
    kernel = axis.kernel
    stride = axis.stride
    step = 1
    dilation = axis.dilation
    pad = axis.padBefore
  }

  /// The axis of the convolution: `y = o * step - padBefore + tap * dilation`
  /// with `tap = kernel - 1 - t`, for `o`.
  init(forward axis: Axis) {
    target = axis.output
    source = axis.input
    kernel = axis.kernel
    stride = 1
    step = axis.stride
    dilation = axis.dilation
    pad = (axis.kernel - 1) * axis.dilation - axis.padBefore
  }

  /// Phases that have positions of the target.
  var phaseCount: Int { min(stride, target) }

  /// From one tap of a phase to the next; 0 where no phase has two.
  var tapsApart: Int {
    let apart = stride / greatestCommonDivisor(stride, dilation)
    return apart < kernel ? apart : 0
  }

  /// At most so many positions a tap takes to the target.
  var longestRun: Int { min(source, target) }

  /// The target position that tap `tap` of source position `source` lands on, or
  /// falls beside. Of a map with step 1.
  func position(source: Int, tap: Int) -> Int {
    source * stride - pad + tap * dilation
  }

  /// Positions that a tap takes from the source to the target, `step` apart in
  /// the source and `stride` apart in the target.
  struct Run {
    let target: Int
    let source: Int
    let count: Int

    var isEmpty: Bool { count == 0 }
  }

  /// What tap `tap` takes to `targets`.
  func run(landingIn targets: Range<Int>, tap: Int) -> Run {
    let shift = pad - tap * dilation
    if step == 1 {
      let sources = sources(landingIn: targets, tap: tap)
      let first = sources.lowerBound
      return Run(
        target: sources.isEmpty ? 0 : first * stride - shift, source: first,
        count: sources.count)
    }
    let lower = max(targets.lowerBound, ceilDivide(-shift, step))
    let upper = min(targets.upperBound, ceilDivide(source - shift, step))
    return lower < upper
      ? Run(target: lower, source: lower * step + shift, count: upper - lower)
      : Run(target: 0, source: 0, count: 0)
  }

  /// The source position that tap `tap` takes to `position`, if there is one.
  func source(tap: Int, at position: Int) -> Int? {
    let offset = position * step + pad - tap * dilation
    guard offset >= 0, offset % stride == 0 else { return nil }
    let place = offset / stride
    return place < source ? place : nil
  }

  /// The smallest range that holds every source position that tap `tap` takes to
  /// `targets`; all of it does where the step is 1.
  func sources(landingIn targets: Range<Int>, tap: Int) -> Range<Int> {
    clamped(reaching(targets, taps: tap...tap))
  }

  /// The smallest range that holds every source position that touches `targets`.
  func sources(touching targets: Range<Int>) -> Range<Int> {
    clamped(touching(targets))
  }

  /// The smallest range that holds every source position that touches
  /// `targets`, were there some before the first and behind the last.
  func touching(_ targets: Range<Int>) -> Range<Int> {
    reaching(targets, taps: 0...kernel - 1)
  }

  private func reaching(
    _ targets: Range<Int>, taps: ClosedRange<Int>
  ) -> Range<Int> {
    guard !targets.isEmpty else { return 0..<0 }
    let first = targets.lowerBound * step + pad - taps.upperBound * dilation
    let last =
      (targets.upperBound - 1) * step + pad - taps.lowerBound * dilation
    let lower = ceilDivide(first, stride)
    return lower..<max(lower, floorDivide(last, stride) + 1)
  }

  private func clamped(_ range: Range<Int>) -> Range<Int> {
    let lower = min(max(0, range.lowerBound), source)
    return lower..<min(max(lower, range.upperBound), source)
  }

  /// At most so many source positions, inside or not, lie from the first to the
  /// last that touches so many positions beside each other.
  func reach(positions: Int) -> Int {
    let span = (positions - 1).multipliedClamped(by: step)
    let taps = (kernel - 1).multipliedClamped(by: dilation)
    let (sum, overflow) = span.addingReportingOverflow(taps)
    return overflow ? .max : min(sum, .max - 1) / stride + 1
  }

  /// At most so many source positions touch `length` positions beside each other.
  func mostSources(touching length: Int) -> Int {
    min(source, reach(positions: length))
  }

  /// The smallest range that holds every tap with which one of `sources` lands
  /// in `targets`; exact where there is one of them. Of a map with step 1.
  func taps(landingIn targets: Range<Int>, sources: Range<Int>) -> Range<Int> {
    let first = pad - sources.lowerBound * stride
    let last = pad - (sources.upperBound - 1) * stride
    let start = ceilDivide(targets.lowerBound + last, dilation)
    let end = ceilDivide(targets.upperBound + first, dilation)
    let lower = min(max(0, start), kernel)
    return lower..<min(max(lower, end), kernel)
  }
}

extension Int {
  /// The product of two numbers from 0 on, or `Int.max`.
  func multipliedClamped(by other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
