internal import CConvolutionKernels

extension Float: ConvolutionScalar {
  public static var scalarType: ScalarType { .float32 }
  public static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> {
    .init()
  }
}

extension Float: ComputeScalar {
  typealias Compute = Float

  var double: Double { Double(self) }

  static func rounded(_ value: Double) -> Float { Float(value) }

  static func widenTransposed(
    _ source: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int,
    step: Int,
    to destination: UnsafeMutablePointer<Float>,
    stride destinationStride: Int
  ) {
    conv_transpose_f32_f32(
      destination, destinationStride, source, stride, step, rows, columns)
  }

  static func multiplyPanels(
    rows: Int, sources: UnsafePointer<UnsafePointer<Float>?>, taps: Int,
    depth: Int, offsets: UnsafePointer<Int>, _ panels: UnsafePointer<Float>,
    stride: Int, step: Int,
    into results: UnsafePointer<UnsafeMutablePointer<Float>?>, column: Int,
    columns: Int, adds: Bool
  ) {
    conv_multiply_panels_f32(
      rows, sources, taps, depth, offsets, panels, stride, step, results,
      column, columns, adds ? 1 : 0)
  }

  static func spin(_ sums: UnsafeMutablePointer<Float>, steps: Int) -> Int {
    Int(conv_spin_f32(sums, steps))
  }

  static func addRuns(
    _ source: UnsafePointer<Float>, outerStride sourceOuter: Int,
    innerStride sourceInner: Int, to destination: UnsafeMutablePointer<Float>,
    outerStride destinationOuter: Int, innerStride destinationInner: Int,
    outer: Int, inner: Int, count: Int
  ) {
    conv_add_runs_f32(
      destination, destinationOuter, destinationInner, source, sourceOuter,
      sourceInner, outer, inner, count)
  }

  static func copyRuns(
    _ source: UnsafePointer<Float>, outerStride sourceOuter: Int,
    innerStride sourceInner: Int, to destination: UnsafeMutablePointer<Float>,
    outerStride destinationOuter: Int, innerStride destinationInner: Int,
    outer: Int, inner: Int, count: Int
  ) {
    conv_copy_runs_f32(
      destination, destinationOuter, destinationInner, source, sourceOuter,
      sourceInner, outer, inner, count)
  }

  static func addRowCombination(
    _ factors: UnsafePointer<Float>, _ rows: UnsafePointer<Float>, stride: Int,
    depth: Int, to sums: UnsafeMutablePointer<Float>, count: Int
  ) {
    conv_add_row_combination_f32(sums, factors, rows, stride, depth, count)
  }

  static func addDots(
    _ vector: UnsafePointer<Float>, _ rows: UnsafePointer<Float>, stride: Int,
    depth: Int, to sums: UnsafeMutablePointer<Float>, count: Int
  ) {
    conv_add_dots_f32(sums, vector, rows, stride, depth, count)
  }

  static func addProducts(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>,
    to sums: UnsafeMutablePointer<Float>, count: Int
  ) {
    conv_add_products_f32(sums, left, right, count)
  }

  static func gatherPixels(
    width: Int, _ source: UnsafePointer<Float>, stride: Int,
    weights: UnsafePointer<Float>, stride weightStride: Int,
    runs: UnsafePointer<Int>, runCount: Int,
    to result: UnsafeMutablePointer<Float>, stride resultStride: Int,
    pixels: Int, channels: Int, ahead: Int
  ) {
    conv_gather_pixels_f32(
      width, result, resultStride, source, stride, weights, weightStride, runs,
      runCount, pixels, channels, ahead)
  }

  static func gatherPlane(
    _ planes: GroupPlanes<Float>, _ part: PlanePart, columns: Int,
    source: UnsafePointer<Float>?, weights: UnsafePointer<Float>, isExact: Bool,
    to result: UnsafeMutablePointer<Float>, stride: Int
  ) {
    conv_gather_plane_f32(
      result, stride, source == nil ? planes.table : nil, planes.step, source,
      planes.copiedRow, weights, planes.weightStride,
      part.runs, part.runCount, part.nextCount, part.rows, columns,
      CInt(part.phases), CInt(planes.loadStep),
      part.inside, part.inner.lowerBound, part.inner.upperBound,
      isExact ? 1 : 0)
  }

  package static func winogradForward(
    _ set: WinogradSet, _ source: UnsafePointer<Float>, stride: Int, step: Int,
    to destination: UnsafeMutablePointer<Float>, stride destinationStride: Int,
    step destinationStep: Int, runs: Int, count: Int
  ) {
    conv_winograd_forward_f32(
      CInt(set.rawValue), destination, destinationStride, destinationStep,
      source, stride, step, runs, count)
  }

  package static func winogradInverse(
    _ set: WinogradSet, outputs: Int, _ source: UnsafePointer<Float>,
    stride: Int, step: Int, to destination: UnsafeMutablePointer<Float>,
    stride destinationStride: Int, step destinationStep: Int, runs: Int,
    count: Int
  ) {
    conv_winograd_inverse_f32(
      CInt(set.rawValue), outputs, destination, destinationStride,
      destinationStep, source, stride, step, runs, count)
  }

  static func winogradFilter(
    _ source: UnsafePointer<Float>, stride: Int, taps: UnsafePointer<Int>,
    vertical: WinogradAxis, horizontal: WinogradAxis,
    to destination: UnsafeMutablePointer<Float>, stride destinationStride: Int,
    productStride: Int, depth: Int, count: Int, streams: Bool
  ) {
    conv_winograd_filter_f32(
      destination, productStride, destinationStride, source, stride, taps,
      vertical.filterTransform, vertical.products, vertical.taps,
      horizontal.filterTransform, horizontal.products, horizontal.taps, depth,
      count, streams ? 1 : 0)
  }

  static func areFinite(_ numbers: UnsafePointer<Float>, count: Int) -> Bool {
    conv_all_finite_f32(numbers, count) != 0
  }
}
