internal import CConvolutionKernels

extension Double: ConvolutionScalar {
  public static var scalarType: ScalarType { .float64 }
}

extension Double: ComputeScalar {
  typealias Compute = Double

  var double: Double { self }

  static func rounded(_ value: Double) -> Double { value }

  static func widenTransposed(
    _ source: UnsafePointer<Double>, rows: Int, columns: Int, stride: Int,
    to destination: UnsafeMutablePointer<Double>,
    stride destinationStride: Int
  ) {
    conv_transpose_f64_f64(
      destination, destinationStride, source, stride, rows, columns)
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

  static func interleave(
    _ source: UnsafePointer<Double>, phases: Int, phaseStride: Int,
    into destination: UnsafeMutablePointer<Double>, count: Int
  ) {
    conv_interleave_f64(destination, source, phases, phaseStride, count)
  }

  static func gatherGroups(
    width: Int, _ source: UnsafePointer<Double>, stride: Int,
    filter: UnsafePointer<Double>, taps: UnsafePointer<Int>, tapCount: Int,
    to result: UnsafeMutablePointer<Double>, stride resultStride: Int,
    pixels: Int, channels: Int
  ) {
    conv_gather_groups_f64(
      width, result, resultStride, source, stride, filter, taps, tapCount,
      pixels, channels)
  }

  static func gatherRow(
    _ row: UnsafePointer<Double>, terms: UnsafePointer<Int>, termCount: Int,
    weights: UnsafePointer<Double>, inner: Range<Int>, count: Int, width: Int,
    to sums: UnsafeMutablePointer<Double>
  ) {
    conv_gather_row_f64(
      sums, row, terms, termCount, weights, inner.lowerBound,
      inner.upperBound, count, width)
  }
}
