/// The taps that reach every `stride`-th target position of an axis, from `phase`
/// on, in the order of their source positions.
///
/// Position `phase + q * stride` meets tap `tap(i)` of source position
/// `q * step + source(i)`, which may be outside the source.
struct PhaseTaps: Sendable, Hashable {
  /// Taps of the phase.
  let count: Int
  private let lastTap: Int
  /// From one tap back to the next; 0 where there is no next, as a wild stride
  /// times anything may not fit an `Int`.
  let tapStep: Int
  private let firstSource: Int
  /// From the source position of one tap to that of the next.
  let sourceStep: Int
  /// From the source positions of one position to those of the next.
  let step: Int

  init(_ axis: MapAxis, phase: Int) {
    // Taps of one phase lie the stride apart, less what the dilation shares
    // with it.
    let shared = greatestCommonDivisor(axis.stride, axis.dilation)
    let tapsApart = axis.stride / shared
    sourceStep = axis.dilation / shared
    step = axis.step
    func offset(_ tap: Int) -> Int {
      phase * axis.step + axis.pad - tap * axis.dilation
    }
    guard
      let first = (0..<min(axis.kernel, tapsApart))
        .first(where: { offset($0) % axis.stride == 0 })
    else {
      (count, lastTap, firstSource, tapStep) = (0, 0, 0, 0)
      return
    }
    count = (axis.kernel - 1 - first) / tapsApart + 1
    lastTap = first + (count - 1) * tapsApart
    tapStep = count > 1 ? tapsApart : 0
    firstSource = offset(lastTap) / axis.stride
  }

  func tap(_ index: Int) -> Int { lastTap - index * tapStep }

  func source(_ index: Int) -> Int { firstSource + index * sourceStep }

  /// The taps, by index, whose source position for position `q` of the phase is
  /// one of `sources`.
  func indices(at q: Int, sources: Int) -> Range<Int> {
    let first = firstSource + q * step
    let lower = min(max(0, ceilDivide(-first, sourceStep)), count)
    let upper = min(max(lower, ceilDivide(sources - first, sourceStep)), count)
    return lower..<upper
  }

  /// The positions of the phase for which the source position of a tap is one of
  /// `sources`.
  func positions(tap: Int, sources: Int) -> Range<Int> {
    let lower = max(0, ceilDivide(-source(tap), step))
    return lower..<max(lower, ceilDivide(sources - source(tap), step))
  }

  /// The positions, of so many of the phase, that all taps reach that reach
  /// any; the others are at the border.
  func inner(positions: Int, sources: Int) -> Range<Int> {
    let first = indices(at: positions - 1, sources: Int.max / 2).lowerBound
    let last = indices(at: 0, sources: sources).upperBound - 1
    guard first <= last else { return positions..<positions }
    let lower = max(0, ceilDivide(-source(first), step))
    let upper = min(positions, ceilDivide(sources - source(last), step))
    return lower < upper ? lower..<upper : positions..<positions
  }
}

extension MapAxis {
  /// Whether a phase has one tap, which lands inside at all its positions.
  func isEven(phase: Int) -> Bool {
    let taps = PhaseTaps(self, phase: phase)
    return taps.count == 1
      && taps.positions(tap: 0, sources: source)
        .contains(0..<(target - 1 - phase) / stride + 1)
  }

  /// The taps of each phase that has a target position.
  var phases: [PhaseTaps] {
    (0..<phaseCount).map { PhaseTaps(self, phase: $0) }
  }
}

extension [PhaseTaps] {
  /// Taps before each phase, and of all at the end.
  var tapsBefore: [Int] {
    reduce(into: [0]) { $0.append($0.last! + $1.count) }
  }
}

func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  b == 0 ? a : greatestCommonDivisor(b, a % b)
}
