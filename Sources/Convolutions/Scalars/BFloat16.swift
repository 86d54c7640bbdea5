/// A 16-bit floating-point number with the exponent of `Float`: its upper half.
///
/// A storage type; arithmetic happens in `Float`.
public struct BFloat16: Sendable, BitwiseCopyable {
  /// The upper 16 bits of the `Float` of the same value.
  public var bitPattern: UInt16

  /// The number with these bits.
  public init(bitPattern: UInt16) {
    self.bitPattern = bitPattern
  }

  /// Rounds to nearest, ties to even; subnormals are kept, overflow gives
  /// infinity, a NaN stays a (quiet) NaN.
  public init(_ value: Float) {
    let bits = value.bitPattern
    if value.isNaN {
      bitPattern = UInt16(truncatingIfNeeded: bits >> 16) | 0x0040
    } else {
      let bias = 0x7FFF + (bits >> 16 & 1)
      bitPattern = UInt16(truncatingIfNeeded: (bits &+ bias) >> 16)
    }
  }
}

extension BFloat16 {
  /// Rounds to nearest even, once: the `Float` between is rounded to odd, which
  /// keeps every tie and every near-tie on its side.
  static func rounded(_ value: Double) -> BFloat16 {
    var single = Float(value)
    if single.isFinite, Double(single) != value {
      if abs(Double(single)) > abs(value) {
        single = single.sign == .plus ? single.nextDown : single.nextUp
      }
      single = Float(bitPattern: single.bitPattern | 1)
    }
    return BFloat16(single)
  }
}

extension Float {
  /// The same value, exactly.
  public init(_ value: BFloat16) {
    self.init(bitPattern: UInt32(value.bitPattern) << 16)
  }
}

// As every floating-point type: zeros of either sign are equal, a NaN is not.
extension BFloat16: Hashable {
  public static func == (left: BFloat16, right: BFloat16) -> Bool {
    Float(left) == Float(right)
  }

  public func hash(into hasher: inout Hasher) {
    Float(self).hash(into: &hasher)
  }
}

extension BFloat16: ExpressibleByFloatLiteral {
  public init(floatLiteral value: Double) {
    self = .rounded(value)
  }
}

extension BFloat16: CustomStringConvertible {
  public var description: String { Float(self).description }
}
