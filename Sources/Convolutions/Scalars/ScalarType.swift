internal import CConvolutionKernels

/// The element types of the operation.
public enum ScalarType: String, Sendable, Hashable, CaseIterable {
  /// `Float16`; sums are taken in `Float`.
  case float16 = "f16"
  /// ``BFloat16``; sums are taken in `Float`.
  case bfloat16 = "bf16"
  /// `Float`.
  case float32 = "f32"
  /// `Double`.
  case float64 = "f64"

  /// Bytes of one stored scalar.
  public var byteCount: Int {
    switch self {
    case .float16, .bfloat16: 2
    case .float32: 4
    case .float64: 8
    }
  }

  /// Bytes of one scalar of the type that sums are taken in.
  var computeByteCount: Int { self == .float64 ? 8 : 4 }

  /// Whether sums are taken in the type itself.
  var isCompute: Bool { byteCount == computeByteCount }

  /// The C kernels that read and write the type.
  var kernels: UnsafePointer<conv_storage> {
    switch self {
    case .float16: conv_storage(CONV_STORAGE_f16)
    case .bfloat16: conv_storage(CONV_STORAGE_bf16)
    case .float32: conv_storage(CONV_STORAGE_f32)
    case .float64: conv_storage(CONV_STORAGE_f64)
    }
  }
}
