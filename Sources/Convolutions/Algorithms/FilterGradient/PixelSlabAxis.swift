/// One axis of a slab: the input positions that a block of taps reads for some
/// windows, sorted by where they fall between two strides.
///
/// Window `o` and tap `t` meet position `o * stride - padBefore + t * dilation`.
/// Taps whose distance is a multiple of the stride read the same positions, one
/// window later each; there are no more than `stride / gcd(stride, dilation)`
/// kinds of taps. A slab keeps the positions of each kind beside each other:
/// so windows beside each other read positions beside each other, whatever the
/// stride.
struct PixelSlabAxis: Sendable {
  private let stride: Int
  private let dilation: Int
  private let input: Int
  private let firstTap: Int
  private let firstOutput: Int
  private let period: Int
  private let origin: Int
  private let firstShift: Int
  private let first: Int
  /// Kinds of taps.
  let kinds: Int
  /// Places of each kind.
  let count: Int

  init(_ axis: MapAxis, taps: Range<Int>, outputs: Range<Int>) {
    stride = axis.stride
    dilation = axis.dilation
    input = axis.target
    firstTap = taps.lowerBound
    firstOutput = outputs.lowerBound
    period = Self.period(axis)
    kinds = min(period, taps.count)
    firstShift = taps.lowerBound * axis.dilation / axis.stride
    let lastShift = (taps.upperBound - 1) * axis.dilation / axis.stride
    origin =
      (outputs.lowerBound + firstShift) * axis.stride - axis.pad
    // Places outside the image are left out at both ends.
    let places = outputs.count + lastShift - firstShift
    first = min(places, max(0, ceilDivide(1 - stride - origin, stride)))
    count = max(
      0, min(places, ceilDivide(axis.target - origin, stride)) - first)
  }

  private static func period(_ axis: MapAxis) -> Int {
    axis.stride / greatestCommonDivisor(axis.stride, axis.dilation)
  }

  /// At most so many places of all kinds, for so many taps and windows.
  static func mostPlaces(_ axis: MapAxis, taps: Int, outputs: Int) -> Int {
    let kinds = min(period(axis), taps)
    let places = outputs + (taps - 1) * axis.dilation / axis.stride + 1
    return kinds * min(places, axis.target / axis.stride + 2)
  }

  /// The kind of a tap, and the place that it reads for a window.
  func place(tap: Int, output: Int) -> (kind: Int, place: Int) {
    (
      (tap - firstTap) % period,
      output - firstOutput + tap * dilation / stride - firstShift - first
    )
  }

  /// The input position of a place.
  func position(kind: Int, place: Int) -> Int {
    origin + (firstTap + kind) * dilation % stride + (first + place) * stride
  }

  /// The places of a kind that lie inside the image.
  func places(kind: Int) -> Range<Int> {
    let start = position(kind: kind, place: 0)
    let lower = max(0, ceilDivide(-start, stride))
    return lower..<max(lower, min(count, ceilDivide(input - start, stride)))
  }
}
