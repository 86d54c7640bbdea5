internal import CConvolutionKernels

extension Double: ConvolutionScalar {
  public static var scalarType: ScalarType { .float64 }
  public static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> {
    .init()
  }
}

extension Double: ComputeScalar {
  typealias Compute = Double

  var double: Double { self }

  static func rounded(_ value: Double) -> Double { value }

  static func widenTransposed(
    _ source: UnsafePointer<Double>, rows: Int, columns: Int, stride: Int,
    step: Int,
    to destination: UnsafeMutablePointer<Double>,
    stride destinationStride: Int
  ) {
    conv_transpose_f64_f64(
      destination, destinationStride, source, stride, step, rows, columns)
  }

  static func multiplyPanels(
    rows: Int, sources: UnsafePointer<UnsafePointer<Double>?>, taps: Int,
    depth: Int, offsets: UnsafePointer<Int>, _ panels: UnsafePointer<Double>,
    stride: Int, step: Int,
    into results: UnsafePointer<UnsafeMutablePointer<Double>?>, column: Int,
    columns: Int, adds: Bool
  ) {
    conv_multiply_panels_f64(
      rows, sources, taps, depth, offsets, panels, stride, step, results,
      column, columns, adds ? 1 : 0)
  }

  static func spin(_ sums: UnsafeMutablePointer<Double>, steps: Int) -> Int {
    Int(conv_spin_f64(sums, steps))
  }

  static func addRuns(
    _ source: UnsafePointer<Double>, outerStride sourceOuter: Int,
    innerStride sourceInner: Int,
    to destination: UnsafeMutablePointer<Double>,
    outerStride destinationOuter: Int, innerStride destinationInner: Int,
    outer: Int, inner: Int, count: Int
  ) {
    conv_add_runs_f64(
      destination, destinationOuter, destinationInner, source, sourceOuter,
      sourceInner, outer, inner, count)
  }

  static func copyRuns(
    _ source: UnsafePointer<Double>, outerStride sourceOuter: Int,
    innerStride sourceInner: Int,
    to destination: UnsafeMutablePointer<Double>,
    outerStride destinationOuter: Int, innerStride destinationInner: Int,
    outer: Int, inner: Int, count: Int
  ) {
    conv_copy_runs_f64(
      destination, destinationOuter, destinationInner, source, sourceOuter,
      sourceInner, outer, inner, count)
  }

  static func addRowCombination(
    _ factors: UnsafePointer<Double>, _ rows: UnsafePointer<Double>,
    stride: Int,
    depth: Int, to sums: UnsafeMutablePointer<Double>, count: Int
  ) {
    conv_add_row_combination_f64(sums, factors, rows, stride, depth, count)
  }

  static func addDots(
    _ vector: UnsafePointer<Double>, _ rows: UnsafePointer<Double>, stride: Int,
    depth: Int, to sums: UnsafeMutablePointer<Double>, count: Int
  ) {
    conv_add_dots_f64(sums, vector, rows, stride, depth, count)
  }

  static func addProducts(
    _ left: UnsafePointer<Double>, _ right: UnsafePointer<Double>,
    to sums: UnsafeMutablePointer<Double>, count: Int
  ) {
    conv_add_products_f64(sums, left, right, count)
  }

  static func gatherPixels(
    width: Int, _ source: UnsafePointer<Double>, stride: Int,
    weights: UnsafePointer<Double>, stride weightStride: Int,
    runs: UnsafePointer<Int>, runCount: Int,
    to result: UnsafeMutablePointer<Double>, stride resultStride: Int,
    pixels: Int, channels: Int, ahead: Int
  ) {
    conv_gather_pixels_f64(
      width, result, resultStride, source, stride, weights, weightStride, runs,
      runCount, pixels, channels, ahead)
  }

  static func gatherPlane(
    _ planes: GroupPlanes<Double>, _ part: PlanePart, columns: Int,
    source: UnsafePointer<Double>?, weights: UnsafePointer<Double>,
    isExact: Bool,
    to result: UnsafeMutablePointer<Double>, stride: Int
  ) {
    conv_gather_plane_f64(
      result, stride, source == nil ? planes.table : nil, planes.step, source,
      planes.copiedRow, weights, planes.weightStride,
      part.runs, part.runCount, part.nextCount, part.rows, columns,
      CInt(part.phases), CInt(planes.loadStep),
      part.inside, part.inner.lowerBound, part.inner.upperBound,
      isExact ? 1 : 0)
  }

  package static func winogradForward(
    _ set: WinogradSet, _ source: UnsafePointer<Double>, stride: Int, step: Int,
    to destination: UnsafeMutablePointer<Double>, stride destinationStride: Int,
    step destinationStep: Int, runs: Int, count: Int
  ) {
    conv_winograd_forward_f64(
      CInt(set.rawValue), destination, destinationStride, destinationStep,
      source, stride, step, runs, count)
  }

  package static func winogradInverse(
    _ set: WinogradSet, outputs: Int, _ source: UnsafePointer<Double>,
    stride: Int, step: Int, to destination: UnsafeMutablePointer<Double>,
    stride destinationStride: Int, step destinationStep: Int, runs: Int,
    count: Int
  ) {
    conv_winograd_inverse_f64(
      CInt(set.rawValue), outputs, destination, destinationStride,
      destinationStep, source, stride, step, runs, count)
  }

  static func winogradFilter(
    _ source: UnsafePointer<Double>, stride: Int, taps: UnsafePointer<Int>,
    vertical: WinogradAxis, horizontal: WinogradAxis,
    to destination: UnsafeMutablePointer<Double>, stride destinationStride: Int,
    productStride: Int, depth: Int, count: Int, streams: Bool
  ) {
    conv_winograd_filter_f64(
      destination, productStride, destinationStride, source, stride, taps,
      vertical.filterTransform, vertical.products, vertical.taps,
      horizontal.filterTransform, horizontal.products, horizontal.taps, depth,
      count, streams ? 1 : 0)
  }

  static func areFinite(_ numbers: UnsafePointer<Double>, count: Int) -> Bool {
    conv_all_finite_f64(numbers, count) != 0
  }
}
