internal import CConvolutionKernels

/// A type that sums are taken in, `Float` or `Double`: the operations that
/// algorithms are made of.
protocol ComputeScalar: ConvolutionScalar, BinaryFloatingPoint {
  /// The C kernels of the type.
  static var kernels: UnsafePointer<conv_compute> { get }

  /// `C = A B`, or `C += A B`, of row-major matrices, by the linked BLAS.
  static func multiply(
    rows: Int, columns: Int, depth: Int,
    _ a: UnsafePointer<Self>, stride aStride: Int,
    _ b: UnsafePointer<Self>, stride bStride: Int,
    accumulate: Bool,
    into c: UnsafeMutablePointer<Self>, stride cStride: Int)
}

extension Float: ComputeScalar {
  static var kernels: UnsafePointer<conv_compute> { conv_compute_f32() }
}

extension Double: ComputeScalar {
  static var kernels: UnsafePointer<conv_compute> { conv_compute_f64() }
}

// Those kernels that are called from more than one place, with names for their
// arguments; the C header says what each computes.
extension ComputeScalar {
  /// The product of rows, each of which reads where `sources` says, with panels,
  /// `stride` apart, whose lines lie `step` apart; those `ahead` scalars behind the
  /// first one are asked for, if it is not 0.
  static func multiplyPanels(
    rows: Int, sources: UnsafePointer<UnsafePointer<Self>?>, taps: Int,
    depth: Int, offsets: UnsafePointer<Int>, _ panels: UnsafePointer<Self>,
    stride: Int, step: Int,
    into results: UnsafePointer<UnsafeMutablePointer<Self>?>, column: Int,
    columns: Int, adds: Bool, ahead: Int = 0
  ) {
    kernels.pointee.multiply_panels(
      rows, sources, taps, depth, offsets, panels, stride, step, results,
      column, columns, adds ? 1 : 0, ahead)
  }

  /// Multiplies rows `stride` apart with panels of a filter, or adds the product
  /// to what is there.
  ///
  /// - Parameters:
  ///   - panelStride: scalars from one panel to the next.
  ///   - step: scalars from one line of a panel to the next.
  ///   - asks: what to ask for before it is read.
  ///   - next: the panel that is read after these, if there is one; or the rows.
  ///   - nextCount: scalars of the next rows.
  static func multiplyRows(
    _ rows: Int, _ source: UnsafePointer<Self>, stride: Int, depth: Int,
    _ panels: UnsafePointer<Self>, panelStride: Int, step: Int,
    into result: UnsafeMutablePointer<Self>, stride resultStride: Int,
    columns: Int, adds: Bool, asks: conv_asks = CONV_ASKS_NOTHING,
    next: UnsafePointer<Self>? = nil, nextCount: Int = 0
  ) {
    let blocks = ceilDivide(rows, InstructionSet.blockRows)
    kernels.pointee.multiply_rows(
      rows, source, stride, depth, panels, panelStride, step, result,
      resultStride, columns, adds ? 1 : 0,
      InstructionSet.panelsTogether(
        rows: ceilDivide(rows, blocks), terms: depth),
      asks, next, nextCount)
  }

  /// Adds `outer * inner` contiguous runs of `count` scalars each.
  static func addRuns(
    _ source: UnsafePointer<Self>, outerStride sourceOuter: Int,
    innerStride sourceInner: Int, to destination: UnsafeMutablePointer<Self>,
    outerStride destinationOuter: Int, innerStride destinationInner: Int,
    outer: Int, inner: Int, count: Int
  ) {
    kernels.pointee.add_runs(
      destination, destinationOuter, destinationInner, source, sourceOuter,
      sourceInner, outer, inner, count)
  }

  /// Copies `outer * inner` contiguous runs of `count` scalars each.
  static func copyRuns(
    _ source: UnsafePointer<Self>, outerStride sourceOuter: Int,
    innerStride sourceInner: Int, to destination: UnsafeMutablePointer<Self>,
    outerStride destinationOuter: Int, innerStride destinationInner: Int,
    outer: Int, inner: Int, count: Int
  ) {
    kernels.pointee.copy_runs(
      destination, destinationOuter, destinationInner, source, sourceOuter,
      sourceInner, outer, inner, count)
  }

  /// `sums[j] += sum over k of factors[k] * rows[k * stride + j]`.
  static func addRowCombination(
    _ factors: UnsafePointer<Self>, _ rows: UnsafePointer<Self>, stride: Int,
    depth: Int, to sums: UnsafeMutablePointer<Self>, count: Int
  ) {
    kernels.pointee.add_row_combination(
      sums, factors, rows, stride, depth, count)
  }

  /// `sums[j] += left[j] * right[j]`.
  static func addProducts(
    _ left: UnsafePointer<Self>, _ right: UnsafePointer<Self>,
    to sums: UnsafeMutablePointer<Self>, count: Int
  ) {
    kernels.pointee.add_products(sums, left, right, count)
  }

  /// Winograd's transform of what is read, along one axis.
  static func winogradForward(
    _ set: WinogradSet, _ source: UnsafePointer<Self>, stride: Int, step: Int,
    to destination: UnsafeMutablePointer<Self>, stride destinationStride: Int,
    step destinationStep: Int, runs: Int, count: Int
  ) {
    kernels.pointee.winograd_forward(
      CInt(set.rawValue), destination, destinationStride, destinationStep,
      source, stride, step, runs, count)
  }

  /// Winograd's transform of the products, along one axis.
  static func winogradInverse(
    _ set: WinogradSet, outputs: Int, _ source: UnsafePointer<Self>,
    stride: Int, step: Int, to destination: UnsafeMutablePointer<Self>,
    stride destinationStride: Int, step destinationStep: Int, runs: Int,
    count: Int
  ) {
    kernels.pointee.winograd_inverse(
      CInt(set.rawValue), outputs, destination, destinationStride,
      destinationStep, source, stride, step, runs, count)
  }

  /// A transform with any matrix along one axis.
  static func winogradGradient(
    _ matrix: [Double], taps: Int, _ source: UnsafePointer<Self>, stride: Int,
    step: Int, to destination: UnsafeMutablePointer<Self>,
    stride destinationStride: Int, step destinationStep: Int, runs: Int,
    count: Int
  ) {
    kernels.pointee.winograd_gradient(
      destination, destinationStride, destinationStep, source, stride, step,
      matrix, matrix.count / taps, taps, runs, count)
  }

  /// Winograd's transform of a filter.
  static func winogradFilter(
    _ source: UnsafePointer<Self>, stride: Int, taps: UnsafePointer<Int>,
    vertical: WinogradAxis, horizontal: WinogradAxis,
    to destination: UnsafeMutablePointer<Self>, stride destinationStride: Int,
    productStride: Int, depth: Int, count: Int, streams: Bool
  ) {
    kernels.pointee.winograd_filter(
      destination, productStride, destinationStride, source, stride, taps,
      vertical.filterTransform, vertical.products, vertical.taps,
      horizontal.filterTransform, horizontal.products, horizontal.taps, depth,
      count, streams ? 1 : 0)
  }

  /// Whether no number is infinite or NaN.
  static func areFinite(_ numbers: UnsafePointer<Self>, count: Int) -> Bool {
    kernels.pointee.all_finite(numbers, count) != 0
  }
}
