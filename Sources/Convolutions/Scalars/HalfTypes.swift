internal import CConvolutionKernels

extension Float16: ConvolutionScalar {
  public static var scalarType: ScalarType { .float16 }
  public static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> {
    .init()
  }
}

extension Float16: StorageScalar {
  typealias Compute = Float

  static func widenRows(
    _ source: UnsafePointer<Float16>, stride: Int,
    to destination: UnsafeMutablePointer<Float>, stride destinationStride: Int,
    rows: Int, count: Int
  ) {
    conv_widen_f16(
      destination, destinationStride, source, stride, rows, count)
  }

  static func narrowRows(
    _ source: UnsafePointer<Float>, stride: Int,
    to destination: UnsafeMutablePointer<Float16>,
    stride destinationStride: Int,
    rows: Int, count: Int
  ) {
    conv_narrow_f16(
      destination, destinationStride, source, stride, rows, count)
  }

  static func widenTransposed(
    _ source: UnsafePointer<Float16>, rows: Int, columns: Int, stride: Int,
    step: Int,
    to destination: UnsafeMutablePointer<Float>,
    stride destinationStride: Int
  ) {
    conv_transpose_f16_f32(
      destination, destinationStride, source, stride, step, rows, columns)
  }

  static func narrowTransposed(
    _ source: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int,
    to destination: UnsafeMutablePointer<Float16>,
    stride destinationStride: Int
  ) {
    conv_transpose_f32_f16(
      destination, destinationStride, source, stride, 1, rows, columns)
  }

  var double: Double { Double(self) }

  static func rounded(_ value: Double) -> Float16 { Float16(value) }

  static func gatherPixels(
    width: Int, _ source: UnsafePointer<Float16>, stride: Int,
    weights: UnsafePointer<Float>, stride weightStride: Int,
    runs: UnsafePointer<Int>, runCount: Int,
    to result: UnsafeMutablePointer<Float16>, stride resultStride: Int,
    pixels: Int, channels: Int, ahead: Int
  ) {
    conv_gather_pixels_f16(
      width, result, resultStride, source, stride, weights, weightStride, runs,
      runCount, pixels, channels, ahead)
  }

  static func gatherPlane(
    _ planes: GroupPlanes<Float>, _ part: PlanePart, columns: Int,
    source: UnsafePointer<Float>?, weights: UnsafePointer<Float>, isExact: Bool,
    to result: UnsafeMutablePointer<Float16>, stride: Int
  ) {
    conv_gather_plane_f16(
      result, stride, source == nil ? planes.table : nil, planes.step, source,
      planes.copiedRow, weights, planes.weightStride,
      part.runs, part.runCount, part.nextCount, part.rows, columns,
      CInt(part.phases), CInt(planes.loadStep),
      part.inside, part.inner.lowerBound, part.inner.upperBound,
      isExact ? 1 : 0)
  }
}

extension BFloat16: ConvolutionScalar {
  public static var scalarType: ScalarType { .bfloat16 }
  public static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> {
    .init()
  }
}

extension BFloat16: StorageScalar {
  typealias Compute = Float

  static func widenRows(
    _ source: UnsafePointer<BFloat16>, stride: Int,
    to destination: UnsafeMutablePointer<Float>, stride destinationStride: Int,
    rows: Int, count: Int
  ) {
    conv_widen_bf16(
      destination, destinationStride, source, stride, rows, count)
  }

  static func narrowRows(
    _ source: UnsafePointer<Float>, stride: Int,
    to destination: UnsafeMutablePointer<BFloat16>,
    stride destinationStride: Int,
    rows: Int, count: Int
  ) {
    conv_narrow_bf16(
      destination, destinationStride, source, stride, rows, count)
  }

  static func widenTransposed(
    _ source: UnsafePointer<BFloat16>, rows: Int, columns: Int, stride: Int,
    step: Int,
    to destination: UnsafeMutablePointer<Float>,
    stride destinationStride: Int
  ) {
    conv_transpose_bf16_f32(
      destination, destinationStride, source, stride, step, rows, columns)
  }

  static func narrowTransposed(
    _ source: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int,
    to destination: UnsafeMutablePointer<BFloat16>,
    stride destinationStride: Int
  ) {
    conv_transpose_f32_bf16(
      destination, destinationStride, source, stride, 1, rows, columns)
  }

  var double: Double { Double(Float(self)) }

  static func gatherPixels(
    width: Int, _ source: UnsafePointer<BFloat16>, stride: Int,
    weights: UnsafePointer<Float>, stride weightStride: Int,
    runs: UnsafePointer<Int>, runCount: Int,
    to result: UnsafeMutablePointer<BFloat16>, stride resultStride: Int,
    pixels: Int, channels: Int, ahead: Int
  ) {
    conv_gather_pixels_bf16(
      width, result, resultStride, source, stride, weights, weightStride, runs,
      runCount, pixels, channels, ahead)
  }

  static func gatherPlane(
    _ planes: GroupPlanes<Float>, _ part: PlanePart, columns: Int,
    source: UnsafePointer<Float>?, weights: UnsafePointer<Float>, isExact: Bool,
    to result: UnsafeMutablePointer<BFloat16>, stride: Int
  ) {
    conv_gather_plane_bf16(
      result, stride, source == nil ? planes.table : nil, planes.step, source,
      planes.copiedRow, weights, planes.weightStride,
      part.runs, part.runCount, part.nextCount, part.rows, columns,
      CInt(part.phases), CInt(planes.loadStep),
      part.inside, part.inner.lowerBound, part.inner.upperBound,
      isExact ? 1 : 0)
  }

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
