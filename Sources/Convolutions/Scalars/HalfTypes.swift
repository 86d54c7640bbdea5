internal import CConvolutionKernels

extension Float16: ConvolutionScalar {
  public static var scalarType: ScalarType { .float16 }
}

extension Float16: StorageScalar {
  typealias Compute = Float

  static func widen(
    _ source: UnsafePointer<Float16>,
    to destination: UnsafeMutablePointer<Float>, count: Int
  ) {
    conv_widen_f16(destination, source, count)
  }

  static func narrow(
    _ source: UnsafePointer<Float>,
    to destination: UnsafeMutablePointer<Float16>, count: Int
  ) {
    conv_narrow_f16(destination, source, count)
  }

  var double: Double { Double(self) }

  static func rounded(_ value: Double) -> Float16 { Float16(value) }
}

extension BFloat16: ConvolutionScalar {
  public static var scalarType: ScalarType { .bfloat16 }
}

extension BFloat16: StorageScalar {
  typealias Compute = Float

  static func widen(
    _ source: UnsafePointer<BFloat16>,
    to destination: UnsafeMutablePointer<Float>, count: Int
  ) {
    conv_widen_bf16(destination, source, count)
  }

  static func narrow(
    _ source: UnsafePointer<Float>,
    to destination: UnsafeMutablePointer<BFloat16>, count: Int
  ) {
    conv_narrow_bf16(destination, source, count)
  }

  var double: Double { Double(Float(self)) }

  /// Rounds once: the intermediate `Float` is rounded to odd, which keeps
  /// every tie and every near-tie on its side.
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
