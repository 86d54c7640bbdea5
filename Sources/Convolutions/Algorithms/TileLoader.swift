internal import CConvolutionKernels

/// Pixels of a tensor of images in either layout, as rows of a matrix:
/// `[pixels, channels]`.
struct TileLoader {
  private let scalars: StoredPointer
  private let format: DataFormat
  private let height: Int
  private let width: Int
  private let channels: Int

  init(source: StoredPointer, of map: ConvolutionMap) {
    scalars = source
    format = map.dataFormat
    (height, width) = (map.sourceHeight, map.sourceWidth)
    channels = map.sourceChannels
  }

  init(target: StoredPointer, of map: ConvolutionMap) {
    scalars = target
    format = map.dataFormat
    (height, width) = (map.targetHeight, map.targetWidth)
    channels = map.targetChannels
  }

  /// Whether a matrix must be copied: half types, to widen them, and NCHW, to have
  /// channels beside each other.
  static func copies(_ map: ConvolutionMap) -> Bool {
    !map.type.isCompute || map.dataFormat == .nchw
  }

  /// Where pixels lie in an NHWC tensor of the compute type, and the stride from
  /// one to the next.
  func inPlace<Compute: ComputeScalar>(
    image: Int, pixel: Int, channels part: Range<Int>
  ) -> (UnsafePointer<Compute>, Int) {
    let place = (image * height * width + pixel) * channels + part.lowerBound
    return ((scalars + place).asCompute()!, channels)
  }

  /// Copies pixels of an image, widened.
  ///
  /// - Parameters:
  ///   - pixel: the first, counted by rows.
  ///   - step: pixels from one to the next.
  ///   - part: channels, counted over all groups.
  ///   - stride: scalars from one pixel of the copy to the next; else its channels.
  func load<Compute: ComputeScalar>(
    image: Int, pixel: Int, step: Int = 1, count: Int,
    channels part: Range<Int>, to copy: UnsafeMutablePointer<Compute>,
    stride: Int? = nil
  ) {
    let stride = stride ?? part.count
    let plane = height * width
    if format == .nchw {
      (scalars + (image * channels + part.lowerBound) * plane + pixel)
        .widenTransposed(
          rows: part.count, columns: count, stride: plane, step: step,
          to: copy, stride: stride)
      return
    }
    let source =
      scalars + (image * plane + pixel) * channels + part.lowerBound
    if step == 1, part.count == channels, stride == channels {
      source.widen(to: copy, count: count * channels)
    } else {
      source.widenRows(
        // With one pixel there is no next, and a wild step may overflow.
        stride: count > 1 ? step * channels : 0, to: copy, stride: stride,
        rows: count, count: part.count)
    }
  }

  /// Copies pixels of one row of an image, widened.
  func load<Compute: ComputeScalar>(
    image: Int, row: Int, column: Int, step: Int = 1, count: Int,
    channels part: Range<Int>, to copy: UnsafeMutablePointer<Compute>,
    stride: Int? = nil
  ) {
    load(
      image: image, pixel: row * width + column, step: step, count: count,
      channels: part, to: copy, stride: stride)
  }

  /// Copies a box of pixels, widened, with zeros for those outside the image.
  func loadPadded<Compute: ComputeScalar>(
    image: Int, row: Int, rows: Int, column: Int, columns: Int,
    channels: Range<Int>, to copy: UnsafeMutablePointer<Compute>
  ) {
    let stride = channels.count
    let lower = min(columns, max(0, -column))
    let upper = max(lower, min(columns, width - column))
    for index in 0..<rows {
      let line = copy + index * columns * stride
      guard (0..<height).contains(row + index), lower < upper else {
        line.update(repeating: .zero, count: columns * stride)
        continue
      }
      line.update(repeating: .zero, count: lower * stride)
      load(
        image: image, row: row + index, column: column + lower,
        count: upper - lower, channels: channels, to: line + lower * stride)
      (line + upper * stride)
        .update(repeating: .zero, count: (columns - upper) * stride)
    }
  }

  /// Asks for pixels that are read next, all channels of them: a GEMM reads its
  /// rows too far apart for the hardware to foresee. Of NHWC; elsewhere rows are
  /// copied first.
  func prefetch(image: Int, pixel: Int, count: Int) {
    guard format == .nhwc else { return }
    conv_prefetch(
      (scalars + (image * height * width + pixel) * channels).address,
      count * channels * scalars.type.byteCount)
  }
}
