/// A tensor of images in either layout, read as pixels of channels.
struct PixelSource {
  private let pixels: StoredPointer
  private let format: DataFormat
  private let height: Int
  private let width: Int
  private let channels: Int

  init(input: StoredPointer, _ map: ConvolutionMap) {
    pixels = input
    format = map.dataFormat
    height = map.targetHeight
    width = map.targetWidth
    channels = map.targetChannels
  }

  init(outBackprop: StoredPointer, _ map: ConvolutionMap) {
    pixels = outBackprop
    format = map.dataFormat
    height = map.sourceHeight
    width = map.sourceWidth
    channels = map.sourceChannels
  }

  /// Copies pixels of a row, widened.
  ///
  /// - Parameters:
  ///   - channels: counted over all groups.
  ///   - step: columns from one pixel to the next.
  ///   - stride: scalars from one pixel of the copy to the next.
  func load<Compute: ComputeScalar>(
    image: Int, row: Int, column: Int, step: Int = 1, count: Int,
    channels part: Range<Int>, to copy: UnsafeMutablePointer<Compute>,
    stride: Int
  ) {
    if format == .nchw {
      let source =
        pixels + ((image * channels + part.lowerBound) * height + row) * width
        + column
      source.widenTransposed(
        rows: part.count, columns: count, stride: height * width, step: step,
        to: copy, stride: stride)
      return
    }
    let source =
      pixels + ((image * height + row) * width + column) * channels
      + part.lowerBound
    if step == 1, part.count == channels, stride == channels {
      source.widen(to: copy, count: count * channels)
    } else {
      source.widenRows(
        // With one pixel there is no next, and a wild step may overflow.
        stride: count > 1 ? step * channels : 0, to: copy, stride: stride,
        rows: count, count: part.count)
    }
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
        count: upper - lower, channels: channels, to: line + lower * stride,
        stride: stride)
      (line + upper * stride)
        .update(repeating: .zero, count: (columns - upper) * stride)
    }
  }
}
