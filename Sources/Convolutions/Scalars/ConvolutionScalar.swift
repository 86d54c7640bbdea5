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
}

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

/// A storage type and the type that its sums are taken in.
protocol StorageScalar: ConvolutionScalar {
  associatedtype Compute: ComputeScalar

  /// The transpose of a matrix whose columns lie `step` apart, exactly.
  static func widenTransposed(
    _ source: UnsafePointer<Self>, rows: Int, columns: Int, stride: Int,
    step: Int,
    to destination: UnsafeMutablePointer<Compute>,
    stride destinationStride: Int)

  /// The transpose of a row-major matrix, rounded to nearest even.
  static func narrowTransposed(
    _ source: UnsafePointer<Compute>, rows: Int, columns: Int, stride: Int,
    to destination: UnsafeMutablePointer<Self>,
    stride destinationStride: Int)

  /// Rows of a matrix, exactly.
  static func widenRows(
    _ source: UnsafePointer<Self>, stride: Int,
    to destination: UnsafeMutablePointer<Compute>,
    stride destinationStride: Int, rows: Int, count: Int)

  /// Rows of a matrix, rounded to nearest even.
  static func narrowRows(
    _ source: UnsafePointer<Compute>, stride: Int,
    to destination: UnsafeMutablePointer<Self>,
    stride destinationStride: Int, rows: Int, count: Int)

  /// Pixels of a convolution in groups of `width` channels: see
  /// `conv_gather_pixels` in the C kernels.
  static func gatherPixels(
    width: Int, _ source: UnsafePointer<Self>, stride: Int,
    weights: UnsafePointer<Compute>, stride weightStride: Int,
    runs: UnsafePointer<Int>, runCount: Int,
    to result: UnsafeMutablePointer<Self>, stride resultStride: Int,
    pixels: Int, channels: Int, ahead: Int)

  /// A part of a channel's plane from rows of the same type, which the table of
  /// the planes lists if there is no copy: see `conv_gather_plane` in the C kernels.
  static func gatherPlane(
    _ planes: GroupPlanes<Compute>, _ part: PlanePart, columns: Int,
    source copy: UnsafePointer<Compute>?, weights: UnsafePointer<Compute>,
    isExact: Bool,
    to result: UnsafeMutablePointer<Self>, stride: Int)

  /// The value in double precision, exactly.
  var double: Double { get }

  /// `value` rounded to nearest even.
  static func rounded(_ value: Double) -> Self
}

/// A type that sums are taken in: the operations that algorithms are made of.
protocol ComputeScalar: StorageScalar, FloatingPoint where Compute == Self {
  /// `C = A B`, or `C += A B`, of row-major matrices; transposed, `A` is stored
  /// `[depth, rows]`.
  static func multiply(
    transposed: Bool, rows: Int, columns: Int, depth: Int,
    _ a: UnsafePointer<Self>, stride aStride: Int,
    _ b: UnsafePointer<Self>, stride bStride: Int,
    accumulate: Bool,
    into c: UnsafeMutablePointer<Self>, stride cStride: Int)

  /// The product of rows, each of which reads where `sources` says, with panels,
  /// `stride` apart, whose lines lie `step` apart: see `conv_multiply_panels` in
  /// the C kernels.
  static func multiplyPanels(
    rows: Int, sources: UnsafePointer<UnsafePointer<Self>?>, taps: Int,
    depth: Int, offsets: UnsafePointer<Int>, _ panels: UnsafePointer<Self>,
    stride: Int, step: Int,
    into results: UnsafePointer<UnsafeMutablePointer<Self>?>, column: Int,
    columns: Int, adds: Bool)

  /// Runs fused multiply-adds at the processor's peak: see `conv_spin` in the C
  /// kernels.
  static func spin(_ sums: UnsafeMutablePointer<Self>, steps: Int) -> Int

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

  /// Winograd's transform of what is read, along one axis: see
  /// `conv_winograd_forward` in the C kernels.
  static func winogradForward(
    _ set: WinogradSet, _ source: UnsafePointer<Self>, stride: Int, step: Int,
    to destination: UnsafeMutablePointer<Self>, stride destinationStride: Int,
    step destinationStep: Int, runs: Int, count: Int)

  /// Winograd's transform of the products, along one axis: see
  /// `conv_winograd_inverse` in the C kernels.
  static func winogradInverse(
    _ set: WinogradSet, outputs: Int, _ source: UnsafePointer<Self>,
    stride: Int, step: Int, to destination: UnsafeMutablePointer<Self>,
    stride destinationStride: Int, step destinationStep: Int, runs: Int,
    count: Int)

  /// Winograd's transform of a filter: see `conv_winograd_filter` in the C
  /// kernels.
  static func winogradFilter(
    _ source: UnsafePointer<Self>, stride: Int, taps: UnsafePointer<Int>,
    vertical: WinogradAxis, horizontal: WinogradAxis,
    to destination: UnsafeMutablePointer<Self>, stride destinationStride: Int,
    productStride: Int, depth: Int, count: Int, streams: Bool)

  /// Whether no number is infinite or NaN.
  static func areFinite(_ numbers: UnsafePointer<Self>, count: Int) -> Bool

  /// A transform with any matrix along one axis: see `conv_winograd_gradient`
  /// in the C kernels.
  static func winogradGradient(
    _ matrix: [Double], taps: Int, _ source: UnsafePointer<Self>, stride: Int,
    step: Int, to destination: UnsafeMutablePointer<Self>,
    stride destinationStride: Int, step destinationStep: Int, runs: Int,
    count: Int)

  /// `sums[i, j] += sum over k of left[k, i] * right[k, j]`.
  static func addOuterProducts(
    _ left: UnsafePointer<Self>, stride leftStride: Int,
    _ right: UnsafePointer<Self>, stride rightStride: Int,
    to sums: UnsafeMutablePointer<Self>, stride: Int, rows: Int, columns: Int,
    depth: Int)

  /// The gradient of some taps over a box of pixels: see
  /// `conv_add_tap_products` in the C kernels.
  static func addTapProducts(
    width: Int, taps: UnsafePointer<Int>, tapCount: Int,
    _ input: UnsafePointer<Self>, _ inputStrides: PixelStrides,
    _ gradients: UnsafePointer<Self>, _ gradientStrides: PixelStrides,
    to sums: UnsafeMutablePointer<Self>, rows: Int, pixels: Int, channels: Int)

  /// `sums[j] += left[j] * right[j]`.
  static func addProducts(
    _ left: UnsafePointer<Self>, _ right: UnsafePointer<Self>,
    to sums: UnsafeMutablePointer<Self>, count: Int)
}

extension StorageScalar {
  /// `destination[i] = source[i]`, exactly.
  static func widen(
    _ source: UnsafePointer<Self>,
    to destination: UnsafeMutablePointer<Compute>, count: Int
  ) {
    widenRows(
      source, stride: 0, to: destination, stride: 0, rows: 1, count: count)
  }

  /// `destination[i] = source[i]`, rounded to nearest even.
  static func narrow(
    _ source: UnsafePointer<Compute>,
    to destination: UnsafeMutablePointer<Self>, count: Int
  ) {
    narrowRows(
      source, stride: 0, to: destination, stride: 0, rows: 1, count: count)
  }

  /// `destination[q * phases + p] = source[p * phaseStride + q]`, rounded to
  /// nearest even: the columns of a row, sorted by phase, in order.
  static func interleave(
    _ source: UnsafePointer<Compute>, phases: Int, phaseStride: Int,
    to destination: UnsafeMutablePointer<Self>, count: Int
  ) {
    if phases == 1 {
      narrow(source, to: destination, count: count)
      return
    }
    let (whole, rest) = count.quotientAndRemainder(dividingBy: phases)
    narrowTransposed(
      source, rows: phases, columns: whole, stride: phaseStride,
      to: destination, stride: phases)
    if rest > 0 {
      narrowTransposed(
        source + whole, rows: rest, columns: 1, stride: phaseStride,
        to: destination + whole * phases, stride: phases)
    }
  }

  /// The transpose of a row-major matrix, exactly.
  static func widenTransposed(
    _ source: UnsafePointer<Self>, rows: Int, columns: Int, stride: Int,
    to destination: UnsafeMutablePointer<Compute>,
    stride destinationStride: Int
  ) {
    widenTransposed(
      source, rows: rows, columns: columns, stride: stride, step: 1,
      to: destination, stride: destinationStride)
  }

  /// `destination[p * phaseStride + q] = source[q * phases + p]`, exactly: the
  /// columns of a row, in order, sorted by phase.
  static func sortByPhase(
    _ source: UnsafePointer<Self>, phases: Int,
    to destination: UnsafeMutablePointer<Compute>, phaseStride: Int, count: Int
  ) {
    if phases == 1 {
      widen(source, to: destination, count: count)
      return
    }
    let (whole, rest) = count.quotientAndRemainder(dividingBy: phases)
    widenTransposed(
      source, rows: whole, columns: phases, stride: phases, to: destination,
      stride: phaseStride)
    if rest > 0 {
      widenTransposed(
        source + whole * phases, rows: 1, columns: rest, stride: phases,
        to: destination + whole, stride: phaseStride)
    }
  }

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

extension StorageScalar {
  /// The pointer as one to the storage type, where the two are the same.
  static func asStorage(
    _ pointer: UnsafePointer<Compute>
  ) -> UnsafePointer<Self>? {
    isCompute
      ? UnsafeRawPointer(pointer).assumingMemoryBound(to: Self.self) : nil
  }
}

extension ComputeScalar {
  /// `C = A B`, or `C += A B`, of row-major matrices.
  static func multiply(
    rows: Int, columns: Int, depth: Int,
    _ a: UnsafePointer<Self>, stride aStride: Int,
    _ b: UnsafePointer<Self>, stride bStride: Int,
    accumulate: Bool,
    into c: UnsafeMutablePointer<Self>, stride cStride: Int
  ) {
    multiply(
      transposed: false, rows: rows, columns: columns, depth: depth, a,
      stride: aStride, b, stride: bStride, accumulate: accumulate, into: c,
      stride: cStride)
  }

  static func widenRows(
    _ source: UnsafePointer<Self>, stride: Int,
    to destination: UnsafeMutablePointer<Self>, stride destinationStride: Int,
    rows: Int, count: Int
  ) {
    if rows == 1 {
      destination.update(from: source, count: count)
    } else {
      copyRuns(
        source, outerStride: stride, innerStride: 0, to: destination,
        outerStride: destinationStride, innerStride: 0, outer: rows, inner: 1,
        count: count)
    }
  }

  static func narrowRows(
    _ source: UnsafePointer<Self>, stride: Int,
    to destination: UnsafeMutablePointer<Self>, stride destinationStride: Int,
    rows: Int, count: Int
  ) {
    widenRows(
      source, stride: stride, to: destination, stride: destinationStride,
      rows: rows, count: count)
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
