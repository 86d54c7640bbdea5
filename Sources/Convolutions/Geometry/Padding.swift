/// How the forward convolution pads its input.
public enum Padding: Sendable, Hashable {
  /// `out = ceil(in / stride)`; the odd pixel of padding goes to the far side.
  case same
  /// No padding.
  case valid
  /// One pair a dimension, in the order of the data format; the pairs of the
  /// batch and channel dimensions must be zero and no entry may be negative
  /// (checked by ``Conv2DGeometry``). Padding beyond the kernel is legal.
  case explicit([Pair])

  /// Padding before and after the data, along one dimension, in pixels.
  public struct Pair: Sendable, Hashable {
    /// Pixels above or left of the data, at least 0.
    public var before: Int
    /// Pixels below or right of the data, at least 0.
    public var after: Int

    /// A pair; ``Conv2DGeometry`` checks the numbers.
    public init(_ before: Int, _ after: Int) {
      self.before = before
      self.after = after
    }
  }

  /// Explicit padding of the two image dimensions, in pixels, in the order of
  /// `dataFormat`.
  public static func explicit(
    top: Int, bottom: Int, left: Int, right: Int,
    dataFormat: DataFormat
  ) -> Padding {
    .explicit(
      dataFormat.order(
        batch: Pair(0, 0), height: Pair(top, bottom),
        width: Pair(left, right), channels: Pair(0, 0)))
  }
}
