internal import CConvolutionKernels

/// Scalars from one row, and one pixel of it, to the next.
struct PixelStrides {
  var row: Int
  var pixel: Int
}

extension Float {
  static func winogradGradient(
    _ matrix: [Double], taps: Int, _ source: UnsafePointer<Float>, stride: Int,
    step: Int, to destination: UnsafeMutablePointer<Float>,
    stride destinationStride: Int, step destinationStep: Int, runs: Int,
    count: Int
  ) {
    conv_winograd_gradient_f32(
      destination, destinationStride, destinationStep, source, stride, step,
      matrix, matrix.count / taps, taps, runs, count)
  }

  static func addOuterProducts(
    _ left: UnsafePointer<Float>, stride leftStride: Int,
    _ right: UnsafePointer<Float>, stride rightStride: Int,
    to sums: UnsafeMutablePointer<Float>, stride: Int, rows: Int, columns: Int,
    depth: Int
  ) {
    conv_add_outer_products_f32(
      sums, stride, left, leftStride, right, rightStride, rows, columns, depth)
  }

  static func addTapProducts(
    width: Int, taps: UnsafePointer<Int>, tapCount: Int,
    _ input: UnsafePointer<Float>, _ inputStrides: PixelStrides,
    _ gradients: UnsafePointer<Float>, _ gradientStrides: PixelStrides,
    to sums: UnsafeMutablePointer<Float>, rows: Int, pixels: Int, channels: Int
  ) {
    conv_add_tap_products_f32(
      width, sums, taps, tapCount, input, inputStrides.row, inputStrides.pixel,
      gradients, gradientStrides.row, gradientStrides.pixel, rows, pixels,
      channels)
  }
}

extension Double {
  static func winogradGradient(
    _ matrix: [Double], taps: Int, _ source: UnsafePointer<Double>, stride: Int,
    step: Int, to destination: UnsafeMutablePointer<Double>,
    stride destinationStride: Int, step destinationStep: Int, runs: Int,
    count: Int
  ) {
    conv_winograd_gradient_f64(
      destination, destinationStride, destinationStep, source, stride, step,
      matrix, matrix.count / taps, taps, runs, count)
  }

  static func addOuterProducts(
    _ left: UnsafePointer<Double>, stride leftStride: Int,
    _ right: UnsafePointer<Double>, stride rightStride: Int,
    to sums: UnsafeMutablePointer<Double>, stride: Int, rows: Int, columns: Int,
    depth: Int
  ) {
    conv_add_outer_products_f64(
      sums, stride, left, leftStride, right, rightStride, rows, columns, depth)
  }

  static func addTapProducts(
    width: Int, taps: UnsafePointer<Int>, tapCount: Int,
    _ input: UnsafePointer<Double>, _ inputStrides: PixelStrides,
    _ gradients: UnsafePointer<Double>, _ gradientStrides: PixelStrides,
    to sums: UnsafeMutablePointer<Double>, rows: Int, pixels: Int, channels: Int
  ) {
    conv_add_tap_products_f64(
      width, sums, taps, tapCount, input, inputStrides.row, inputStrides.pixel,
      gradients, gradientStrides.row, gradientStrides.pixel, rows, pixels,
      channels)
  }
}
