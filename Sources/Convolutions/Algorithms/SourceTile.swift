internal import CConvolutionKernels

/// Pixels of the source as a matrix operand, `[pixels, depth]`.
struct SourceTile {
  private let map: ConvolutionMap
  private let scalars: StoredPointer

  init(_ map: ConvolutionMap, _ source: StoredPointer) {
    self.map = map
    scalars = source
  }

  /// Whether ``load(first:count:image:group:into:)`` copies: half types, to
  /// widen them, and NCHW, to have channels beside each other.
  static func copies(_ map: ConvolutionMap) -> Bool {
    !map.type.isCompute || map.dataFormat == .nchw
  }

  /// The operand, in place or in `copy`, and the stride of its rows.
  func load<Compute: ComputeScalar>(
    first: Int, count: Int, image: Int, group: Int,
    into copy: UnsafeMutablePointer<Compute>
  ) -> (UnsafePointer<Compute>, Int) {
    let depth = map.depthPerGroup
    if !Self.copies(map) {
      let channels = map.sourceChannels
      let pixel = image * map.sourceHeight * map.sourceWidth + first
      let source = scalars + pixel * channels + group * depth
      return (source.asCompute()!, channels)
    }
    loadPixels(
      first: first, count: count, image: image, group: group, into: copy)
    return (UnsafePointer(copy), depth)
  }

  /// A copy of pixels, `step` apart in the image, as `[pixels, depth]` in either
  /// layout, `stride` from one pixel to the next, or the depth.
  func loadPixels<Compute: ComputeScalar>(
    first: Int, count: Int, step: Int = 1, image: Int, group: Int,
    into copy: UnsafeMutablePointer<Compute>, stride: Int? = nil
  ) {
    let depth = map.depthPerGroup
    let stride = stride ?? depth
    let channels = map.sourceChannels
    let plane = map.sourceHeight * map.sourceWidth
    if map.dataFormat == .nchw {
      let source =
        scalars + (image * channels + group * depth) * plane + first
      source.widenTransposed(
        rows: depth, columns: count, stride: plane, step: step, to: copy,
        stride: stride)
      return
    }
    let source =
      scalars + (image * plane + first) * channels + group * depth
    if depth == channels, step == 1, stride == depth {
      source.widen(to: copy, count: count * depth)
      return
    }
    source.widenRows(
      stride: count > 1 ? step * channels : 0, to: copy, stride: stride,
      rows: count, count: depth)
  }

  /// Asks for pixels that are read next: a GEMM reads its rows too far apart for
  /// the hardware to foresee. NHWC without groups; elsewhere rows are copied
  /// first, or skipped over.
  func prefetch(first: Int, count: Int, image: Int) {
    guard map.dataFormat == .nhwc, map.groups == 1 else { return }
    let channels = map.sourceChannels
    let plane = map.sourceHeight * map.sourceWidth
    conv_prefetch(
      (scalars + (image * plane + first) * channels).address,
      count * channels * map.type.byteCount)
  }
}
