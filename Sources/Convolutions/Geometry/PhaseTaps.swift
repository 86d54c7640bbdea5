/// The taps that reach every `stride`-th position of an axis, from `phase` on,
/// in the order of their windows.
///
/// Position `phase + q * stride` meets tap `tap(i)` of window
/// `q + window(i)`, which may be outside out_backprop.
struct PhaseTaps: Sendable, Hashable {
  /// Taps of the phase.
  let count: Int
  private let lastTap: Int
  /// From one tap back to the next; 0 where there is no next, as a wild stride
  /// times anything may not fit an `Int`.
  let tapStep: Int
  private let firstWindow: Int
  /// From the window of one tap to that of the next.
  let windowStep: Int

  init(_ axis: Axis, phase: Int) {
    // Taps of one phase lie the stride apart, less what the dilation shares
    // with it.
    let shared = greatestCommonDivisor(axis.stride, axis.dilation)
    let step = axis.stride / shared
    windowStep = axis.dilation / shared
    func offset(_ tap: Int) -> Int {
      phase + axis.padBefore - tap * axis.dilation
    }
    guard
      let first = (0..<min(axis.kernel, step))
        .first(where: { offset($0) % axis.stride == 0 })
    else {
      (count, lastTap, firstWindow, tapStep) = (0, 0, 0, 0)
      return
    }
    count = (axis.kernel - 1 - first) / step + 1
    lastTap = first + (count - 1) * step
    tapStep = count > 1 ? step : 0
    firstWindow = offset(lastTap) / axis.stride
  }

  func tap(_ index: Int) -> Int { lastTap - index * tapStep }

  func window(_ index: Int) -> Int { firstWindow + index * windowStep }

  /// The taps, by index, whose window for position `q` of the phase is one of
  /// `windows`.
  func indices(at q: Int, windows: Int) -> Range<Int> {
    let lower = min(max(0, ceilDivide(-firstWindow - q, windowStep)), count)
    let upper = min(
      max(lower, ceilDivide(windows - firstWindow - q, windowStep)), count)
    return lower..<upper
  }

  /// The positions, of so many of the phase, that all taps reach that reach
  /// any; the others are at the border.
  func inner(positions: Int, windows: Int) -> Range<Int> {
    let first = indices(at: positions - 1, windows: Int.max / 2).lowerBound
    let last = indices(at: 0, windows: windows).upperBound - 1
    guard first <= last else { return positions..<positions }
    let lower = max(0, -window(first))
    let upper = min(positions, windows - window(last))
    return lower < upper ? lower..<upper : positions..<positions
  }
}

func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  b == 0 ? a : greatestCommonDivisor(b, a % b)
}
