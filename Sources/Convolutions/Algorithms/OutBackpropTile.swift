internal import CConvolutionKernels

/// Pixels of out_backprop as a matrix operand: `[pixels, depth]` in NHWC and
/// `[depth, pixels]` in NCHW.
struct OutBackpropTile<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  private let geometry: Conv2DGeometry
  private let outBackprop: UnsafePointer<Scalar>

  init(_ geometry: Conv2DGeometry, _ outBackprop: UnsafePointer<Scalar>) {
    self.geometry = geometry
    self.outBackprop = outBackprop
  }

  /// Whether ``load(first:count:image:group:into:)`` copies: half types, to
  /// widen them, and NCHW, whose rows of one big plane lie a power of two apart
  /// as likely as not, so that one evicts the next from the cache.
  static func copies(_ geometry: Conv2DGeometry) -> Bool {
    !Scalar.isCompute || geometry.dataFormat == .nchw
  }

  /// The operand, in place or in `copy`, and the stride of its rows.
  func load(
    first: Int, count: Int, image: Int, group: Int,
    into copy: UnsafeMutablePointer<Compute>
  ) -> (UnsafePointer<Compute>, Int) {
    let depth = geometry.depthPerGroup
    let channels = geometry.outputChannels
    let plane = geometry.outputHeight * geometry.outputWidth
    if geometry.dataFormat == .nchw {
      let source =
        outBackprop + (image * channels + group * depth) * plane + first
      Scalar.widenRows(
        source, stride: plane, to: copy, stride: count, rows: depth,
        count: count)
      return (UnsafePointer(copy), count)
    }
    let source =
      outBackprop + (image * plane + first) * channels + group * depth
    if let direct = Scalar.asCompute(source) { return (direct, channels) }
    loadPixels(
      first: first, count: count, image: image, group: group, into: copy)
    return (UnsafePointer(copy), depth)
  }

  /// A copy of pixels, `step` apart in the image, as `[pixels, depth]` in either
  /// layout.
  func loadPixels(
    first: Int, count: Int, step: Int = 1, image: Int, group: Int,
    into copy: UnsafeMutablePointer<Compute>
  ) {
    let depth = geometry.depthPerGroup
    let channels = geometry.outputChannels
    let plane = geometry.outputHeight * geometry.outputWidth
    if geometry.dataFormat == .nchw {
      let source =
        outBackprop + (image * channels + group * depth) * plane + first
      if step == 1 {
        Scalar.widenTransposed(
          source, rows: depth, columns: count, stride: plane, to: copy,
          stride: depth)
        return
      }
      for pixel in 0..<count {
        Scalar.widenTransposed(
          source + pixel * step, rows: depth, columns: 1, stride: plane,
          to: copy + pixel * depth, stride: depth)
      }
      return
    }
    let source =
      outBackprop + (image * plane + first) * channels + group * depth
    if depth == channels, step == 1 {
      Scalar.widen(source, to: copy, count: count * depth)
      return
    }
    Scalar.widenRows(
      source, stride: step * channels, to: copy, stride: depth, rows: count,
      count: depth)
  }

  /// Asks for pixels that are read next: a GEMM reads its rows too far apart for
  /// the hardware to foresee. NHWC without groups; elsewhere rows are copied
  /// first, or skipped over.
  func prefetch(first: Int, count: Int, image: Int) {
    guard geometry.dataFormat == .nhwc, geometry.groups == 1 else { return }
    let channels = geometry.outputChannels
    let plane = geometry.outputHeight * geometry.outputWidth
    conv_prefetch(
      outBackprop + (image * plane + first) * channels,
      count * channels * MemoryLayout<Scalar>.stride)
  }
}
