internal import CConvolutionKernels

/// Where sums of `[rows, columns, channels]` go: rounded once, and transposed
/// for NCHW.
struct ResultTile<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  private let map: ConvolutionMap
  private let result: UnsafeMutablePointer<Scalar>

  private let streams: Bool

  init(_ map: ConvolutionMap, _ result: UnsafeMutablePointer<Scalar>) {
    self.map = map
    self.result = result
    streams = Self.streams(map)
  }

  /// Whether a result is written past the caches: one that leaves them before
  /// it is read, so that no time is lost to read what is overwritten
  /// (depthwise layers: 2x).
  static func streams(_ map: ConvolutionMap) -> Bool {
    map.resultCount * MemoryLayout<Scalar>.stride >= 16 << 20
  }

  /// Writes scalars past the caches.
  static func stream(
    _ source: UnsafePointer<Scalar>, to result: UnsafeMutablePointer<Scalar>,
    count: Int
  ) {
    conv_stream(result, source, count * MemoryLayout<Scalar>.stride)
  }

  /// Writes a block of channels, counted over all groups, of some pixels of one
  /// image.
  func store(
    _ sums: UnsafePointer<Compute>, image: Int, channels: Range<Int>,
    rows: Range<Int>, columns: Range<Int>
  ) {
    let width = channels.count
    let whole = columns.count == map.resultWidth
    let runs = whole ? 1 : rows.count
    let pixels = rows.count * columns.count / runs
    for run in 0..<runs {
      let pixel =
        (rows.lowerBound + run) * map.resultWidth + columns.lowerBound
      store(
        sums + run * pixels * width, image: image, channels: channels,
        first: pixel, count: pixels)
    }
  }

  private func store(
    _ sums: UnsafePointer<Compute>, image: Int, channels: Range<Int>,
    first: Int, count: Int
  ) {
    let allChannels = map.resultChannels
    let width = channels.count
    let plane = map.resultHeight * map.resultWidth
    if map.dataFormat == .nchw {
      Scalar.narrowTransposed(
        sums, rows: count, columns: width, stride: width,
        to: result + (image * allChannels + channels.lowerBound) * plane
          + first,
        stride: plane)
      return
    }
    let destination =
      result + (image * plane + first) * allChannels + channels.lowerBound
    if width == allChannels, streams, let ready = Scalar.asStorage(sums) {
      Self.stream(ready, to: destination, count: count * width)
    } else if width == allChannels {
      Scalar.narrow(sums, to: destination, count: count * width)
    } else {
      Scalar.narrowRows(
        sums, stride: width, to: destination, stride: allChannels, rows: count,
        count: width)
    }
  }
}
