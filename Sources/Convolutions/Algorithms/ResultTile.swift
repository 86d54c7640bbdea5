internal import CConvolutionKernels

/// Where sums of `[rows, columns, channels]` go: rounded once, and transposed
/// for NCHW.
struct ResultTile {
  private let map: ConvolutionMap
  private let result: MutableStoredPointer

  private let streams: Bool

  init(_ map: ConvolutionMap, _ result: MutableStoredPointer) {
    self.map = map
    self.result = result
    streams = Self.streams(map)
  }

  /// Whether a result is written past the caches: one that leaves them before
  /// it is read, so that no time is lost to read what is overwritten
  /// (depthwise layers: 2x).
  static func streams(_ map: ConvolutionMap) -> Bool {
    map.targetCount * map.type.byteCount >= 16 << 20
  }

  /// Writes scalars past the caches.
  static func stream(
    _ source: UnsafeRawPointer, to result: MutableStoredPointer, count: Int
  ) {
    conv_table().pointee.stream(
      result.address, source, count * result.type.byteCount)
  }

  /// Writes a block of channels, counted over all groups, of some pixels of one
  /// image.
  func store<Compute: ComputeScalar>(
    _ sums: UnsafePointer<Compute>, image: Int, channels: Range<Int>,
    rows: Range<Int>, columns: Range<Int>
  ) {
    let width = channels.count
    let whole = columns.count == map.targetWidth
    let runs = whole ? 1 : rows.count
    let pixels = rows.count * columns.count / runs
    for run in 0..<runs {
      let pixel =
        (rows.lowerBound + run) * map.targetWidth + columns.lowerBound
      store(
        sums + run * pixels * width, image: image, channels: channels,
        first: pixel, count: pixels)
    }
  }

  private func store<Compute: ComputeScalar>(
    _ sums: UnsafePointer<Compute>, image: Int, channels: Range<Int>,
    first: Int, count: Int
  ) {
    let allChannels = map.targetChannels
    let width = channels.count
    let plane = map.targetHeight * map.targetWidth
    if map.dataFormat == .nchw {
      (result + (image * allChannels + channels.lowerBound) * plane + first)
        .narrowTransposed(
          sums, rows: count, columns: width, stride: width, to: plane)
      return
    }
    let destination =
      result + (image * plane + first) * allChannels + channels.lowerBound
    if width == allChannels, streams, map.type.isCompute {
      Self.stream(sums, to: destination, count: count * width)
    } else if width == allChannels {
      destination.narrow(sums, count: count * width)
    } else {
      destination.narrowRows(
        sums, stride: width, to: allChannels, rows: count, count: width)
    }
  }
}
