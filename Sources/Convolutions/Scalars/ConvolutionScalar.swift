/// The element types of the operation.
public enum ScalarType: String, Sendable, Hashable, CaseIterable {
  case float16 = "f16"
  case bfloat16 = "bf16"
  case float32 = "f32"
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
}

/// A type that tensors of this package can hold: `Float16`, ``BFloat16``,
/// `Float` and `Double`.
///
/// Half types are storage: they are widened to `Float`, summed there and
/// rounded once, to nearest even. Do not conform other types.
public protocol ConvolutionScalar: BitwiseCopyable, Sendable {
  /// Which of the types this is.
  static var scalarType: ScalarType { get }
}

/// A storage type and the type that its sums are taken in.
protocol StorageScalar: ConvolutionScalar {
  associatedtype Compute: ComputeScalar

  /// `destination[i] = source[i]`, exactly.
  static func widen(
    _ source: UnsafePointer<Self>,
    to destination: UnsafeMutablePointer<Compute>, count: Int)

  /// `destination[i] = source[i]`, rounded to nearest even.
  static func narrow(
    _ source: UnsafePointer<Compute>,
    to destination: UnsafeMutablePointer<Self>, count: Int)

  /// The transpose of a row-major matrix, exactly.
  static func widenTransposed(
    _ source: UnsafePointer<Self>, rows: Int, columns: Int, stride: Int,
    to destination: UnsafeMutablePointer<Compute>,
    stride destinationStride: Int)

  /// The transpose of a row-major matrix, rounded to nearest even.
  static func narrowTransposed(
    _ source: UnsafePointer<Compute>, rows: Int, columns: Int, stride: Int,
    to destination: UnsafeMutablePointer<Self>,
    stride destinationStride: Int)

  /// Pixels of a convolution in groups of `width` channels: see
  /// `conv_gather_groups` in the C kernels.
  static func gatherGroups(
    width: Int, _ source: UnsafePointer<Self>, stride: Int,
    filter: UnsafePointer<Compute>, taps: UnsafePointer<Int>, tapCount: Int,
    to result: UnsafeMutablePointer<Self>, stride resultStride: Int,
    pixels: Int, channels: Int)

  /// Columns of a row of a convolution in groups: see `conv_gather_row` in the
  /// C kernels.
  static func gatherRow(
    _ row: UnsafePointer<Self>, terms: UnsafePointer<Int>, termCount: Int,
    weights: UnsafePointer<Compute>, inner: Range<Int>, count: Int, width: Int,
    to sums: UnsafeMutablePointer<Compute>)

  /// The value in double precision, exactly.
  var double: Double { get }

  /// `value` rounded to nearest even.
  static func rounded(_ value: Double) -> Self
}

/// A type that sums are taken in: the operations that algorithms are made of.
protocol ComputeScalar: StorageScalar, FloatingPoint where Compute == Self {
  /// `C = A B`, or `C += A B`, of row-major matrices.
  static func multiply(
    rows: Int, columns: Int, depth: Int,
    _ a: UnsafePointer<Self>, stride aStride: Int,
    _ b: UnsafePointer<Self>, stride bStride: Int,
    accumulate: Bool,
    into c: UnsafeMutablePointer<Self>, stride cStride: Int)

  /// Adds `outer * inner` contiguous runs of `count` scalars each.
  static func addRuns(
    _ source: UnsafePointer<Self>, outerStride: Int, innerStride: Int,
    to destination: UnsafeMutablePointer<Self>, outerStride: Int,
    innerStride: Int, outer: Int, inner: Int, count: Int)

  /// Copies `outer * inner` contiguous runs of `count` scalars each.
  static func copyRuns(
    _ source: UnsafePointer<Self>, outerStride: Int, innerStride: Int,
    to destination: UnsafeMutablePointer<Self>, outerStride: Int,
    innerStride: Int, outer: Int, inner: Int, count: Int)

  /// `sums[j] += sum over k of factors[k] * rows[k * stride + j]`.
  static func addRowCombination(
    _ factors: UnsafePointer<Self>, _ rows: UnsafePointer<Self>, stride: Int,
    depth: Int, to sums: UnsafeMutablePointer<Self>, count: Int)

  /// `sums[j] += sum over k of vector[k] * rows[j * stride + k]`.
  static func addDots(
    _ vector: UnsafePointer<Self>, _ rows: UnsafePointer<Self>, stride: Int,
    depth: Int, to sums: UnsafeMutablePointer<Self>, count: Int)

  /// `sums[j] += left[j] * right[j]`.
  static func addProducts(
    _ left: UnsafePointer<Self>, _ right: UnsafePointer<Self>,
    to sums: UnsafeMutablePointer<Self>, count: Int)

  /// `destination[q * phases + p] = source[p * phaseStride + q]`.
  static func interleave(
    _ source: UnsafePointer<Self>, phases: Int, phaseStride: Int,
    into destination: UnsafeMutablePointer<Self>, count: Int)
}

extension StorageScalar {
  /// Whether sums are taken in the storage type itself.
  static var isCompute: Bool { Self.self == Compute.self }

  /// The pointer as one to the compute type, where the two are the same.
  static func asCompute(
    _ pointer: UnsafePointer<Self>
  ) -> UnsafePointer<Compute>? {
    isCompute
      ? UnsafeRawPointer(pointer).assumingMemoryBound(to: Compute.self) : nil
  }

  /// The pointer as one to the compute type, where the two are the same.
  static func asCompute(
    _ pointer: UnsafeMutablePointer<Self>
  ) -> UnsafeMutablePointer<Compute>? {
    isCompute
      ? UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Compute.self)
      : nil
  }
}

extension ComputeScalar {
  static func widen(
    _ source: UnsafePointer<Self>, to destination: UnsafeMutablePointer<Self>,
    count: Int
  ) {
    destination.update(from: source, count: count)
  }

  static func narrow(
    _ source: UnsafePointer<Self>, to destination: UnsafeMutablePointer<Self>,
    count: Int
  ) {
    destination.update(from: source, count: count)
  }

  static func narrowTransposed(
    _ source: UnsafePointer<Self>, rows: Int, columns: Int, stride: Int,
    to destination: UnsafeMutablePointer<Self>, stride destinationStride: Int
  ) {
    widenTransposed(
      source, rows: rows, columns: columns, stride: stride, to: destination,
      stride: destinationStride)
  }
}
