/// Every `stride`-th column of the input, from `phase` on: the columns that the
/// same taps reach.
///
/// Column `q` of the phase is reached by tap `c` from window `q + shift(c)`.
struct PhaseColumns {
  /// Columns of the phase.
  let count: Int
  /// Columns that all taps reach that reach any; the others are at the border.
  let inner: Range<Int>
  private let axis: Axis
  private let phase: Int

  init(_ axis: Axis, phase: Int) {
    self.axis = axis
    self.phase = phase
    count = (axis.input - 1 - phase) / axis.stride + 1
    var (lower, upper) = (0, count)
    for c in 0..<axis.kernel {
      guard let shift = Self.shift(axis, phase, tap: c) else { continue }
      let (first, end) = (max(0, -shift), min(count, axis.output - shift))
      guard first < end else { continue }
      lower = max(lower, first)
      upper = min(upper, end)
    }
    inner = lower < upper ? lower..<upper : count..<count
  }

  /// The window of which tap `tap` lands on the first column of the phase; it
  /// may be outside out_backprop. `nil` if no window's does, on any column.
  func shift(tap: Int) -> Int? {
    guard let shift = Self.shift(axis, phase, tap: tap),
      max(0, -shift) < min(count, axis.output - shift)
    else { return nil }
    return shift
  }

  private static func shift(_ axis: Axis, _ phase: Int, tap: Int) -> Int? {
    let offset = phase + axis.padBefore - tap * axis.dilation
    return offset % axis.stride == 0 ? offset / axis.stride : nil
  }
}
