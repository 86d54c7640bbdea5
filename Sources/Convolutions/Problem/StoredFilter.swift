/// A filter as it is stored, `[kh, kw, Cin / groups, Cout]`, read by the taps and
/// channels of a ``ConvolutionMap``.
///
/// To the input gradient its rows are channels of the result and its columns of
/// the source; to the convolution the other way round, and taps count from the
/// last.
struct StoredFilter {
  private let scalars: StoredPointer
  private let isForward: Bool
  private let taps: Int
  /// From one tap to the next, and from one row of a tap to the next.
  private let tapStride: Int
  private let rowStride: Int
  private let columnsPerGroup: Int
  private let depth: Int

  init(_ map: ConvolutionMap, _ filter: UnsafeRawPointer) {
    scalars = StoredPointer(filter, map.type)
    isForward = map.isForward
    taps = map.taps
    depth = map.depthPerGroup
    let rows = isForward ? map.depthPerGroup : map.channelsPerGroup
    columnsPerGroup = isForward ? map.channelsPerGroup : map.depthPerGroup
    rowStride = columnsPerGroup * map.groups
    tapStride = rows * rowStride
  }

  /// The weights of one tap between channels of the result, counted within a
  /// group, and all of the source: `[depth, channels]`.
  func copyByDepth<Compute: ComputeScalar>(
    tap: Int, group: Int, channels: Range<Int>,
    to panel: UnsafeMutablePointer<Compute>, stride: Int
  ) {
    copy(
      tap: tap, group: group, channels: channels, to: panel, stride: stride,
      transposed: !isForward)
  }

  /// The same as `[channels, depth]`.
  func copyByChannel<Compute: ComputeScalar>(
    tap: Int, group: Int, channels: Range<Int>,
    to panel: UnsafeMutablePointer<Compute>, stride: Int
  ) {
    copy(
      tap: tap, group: group, channels: channels, to: panel, stride: stride,
      transposed: isForward)
  }

  /// All weights of one tap, as they are stored; of a depthwise filter
  /// `[channels]`.
  func copyTap<Compute: ComputeScalar>(
    _ tap: Int, to panel: UnsafeMutablePointer<Compute>
  ) {
    (scalars + (isForward ? taps - 1 - tap : tap) * tapStride)
      .widen(to: panel, count: tapStride)
  }

  private func copy<Compute: ComputeScalar>(
    tap: Int, group: Int, channels: Range<Int>,
    to panel: UnsafeMutablePointer<Compute>, stride: Int, transposed: Bool
  ) {
    let (rows, columns) =
      isForward ? (0..<depth, channels) : (channels, 0..<depth)
    let source =
      scalars + (isForward ? taps - 1 - tap : tap) * tapStride
      + rows.lowerBound * rowStride + group * columnsPerGroup
      + columns.lowerBound
    if transposed {
      source.widenTransposed(
        rows: rows.count, columns: columns.count, stride: rowStride, to: panel,
        stride: stride)
    } else {
      source.widenRows(
        stride: rowStride, to: panel, stride: stride, rows: rows.count,
        count: columns.count)
    }
  }

  /// Copies one weight.
  func copyWeight<Compute: ComputeScalar>(
    tap: Int, group: Int, channel: Int, depth: Int,
    to weight: UnsafeMutablePointer<Compute>
  ) {
    let (row, column) = isForward ? (depth, channel) : (channel, depth)
    let place =
      (isForward ? taps - 1 - tap : tap) * tapStride + row * rowStride
      + group * columnsPerGroup + column
    (scalars + place).widen(to: weight, count: 1)
  }
}
