/// The order of the four dimensions of an activation tensor.
///
/// The filter is `[kh, kw, Cin / groups, Cout]` in both.
public enum DataFormat: String, Sendable, Hashable, CaseIterable {
  /// `[N, H, W, C]`, channels contiguous.
  case nhwc = "NHWC"
  /// `[N, C, H, W]`, image rows contiguous.
  case nchw = "NCHW"

  /// Index of the batch dimension.
  public var batchIndex: Int { 0 }

  /// Index of the channel dimension.
  public var channelIndex: Int { self == .nhwc ? 3 : 1 }

  /// Index of the image-row dimension.
  public var heightIndex: Int { self == .nhwc ? 1 : 2 }

  /// Index of the image-column dimension.
  public var widthIndex: Int { self == .nhwc ? 2 : 3 }

  /// Puts four values, one per dimension, into this order.
  public func order<Value>(
    batch: Value, height: Value, width: Value, channels: Value
  ) -> [Value] {
    switch self {
    case .nhwc: [batch, height, width, channels]
    case .nchw: [batch, channels, height, width]
    }
  }
}
