/// A type that tensors of this package can hold: `Float16`, ``BFloat16``,
/// `Float` and `Double`.
///
/// Half types are storage: they are widened to `Float`, summed there and
/// rounded once, to nearest even. No other type can conform.
public protocol ConvolutionScalar: BitwiseCopyable, Sendable {
  /// Which of the types this is.
  static var scalarType: ScalarType { get }
  /// Keeps other modules' types out.
  static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> { get }
}

extension Float16: ConvolutionScalar {
  public static var scalarType: ScalarType { .float16 }
  public static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> {
    .init()
  }
}

extension BFloat16: ConvolutionScalar {
  public static var scalarType: ScalarType { .bfloat16 }
  public static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> {
    .init()
  }
}

extension Float: ConvolutionScalar {
  public static var scalarType: ScalarType { .float32 }
  public static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> {
    .init()
  }
}

extension Double: ConvolutionScalar {
  public static var scalarType: ScalarType { .float64 }
  public static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> {
    .init()
  }
}
