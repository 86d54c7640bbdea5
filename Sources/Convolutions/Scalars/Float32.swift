internal import CConvolutionKernels

extension Float: ConvolutionScalar {
  public static var scalarType: ScalarType { .float32 }
}

extension Float: ComputeScalar {
  typealias Compute = Float

  var double: Double { Double(self) }

  static func rounded(_ value: Double) -> Float { Float(value) }

  static func widenTransposed(
    _ source: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int,
    to destination: UnsafeMutablePointer<Float>,
    stride destinationStride: Int
  ) {
    conv_transpose_f32_f32(
      destination, destinationStride, source, stride, rows, columns)
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

  static func interleave(
    _ source: UnsafePointer<Float>, phases: Int, phaseStride: Int,
    into destination: UnsafeMutablePointer<Float>, count: Int
  ) {
    conv_interleave_f32(destination, source, phases, phaseStride, count)
  }

  static func gatherGroups(
    width: Int, _ source: UnsafePointer<Float>, stride: Int,
    filter: UnsafePointer<Float>, taps: UnsafePointer<Int>, tapCount: Int,
    to result: UnsafeMutablePointer<Float>, stride resultStride: Int,
    pixels: Int, channels: Int
  ) {
    conv_gather_groups_f32(
      width, result, resultStride, source, stride, filter, taps, tapCount,
      pixels, channels)
  }

  static func gatherRow(
    _ row: UnsafePointer<Float>, terms: UnsafePointer<Int>, termCount: Int,
    weights: UnsafePointer<Float>, inner: Range<Int>, count: Int, width: Int,
    to sums: UnsafeMutablePointer<Float>
  ) {
    conv_gather_row_f32(
      sums, row, terms, termCount, weights, inner.lowerBound,
      inner.upperBound, count, width)
  }
}
