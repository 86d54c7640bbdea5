/// A filter as it is stored, `[kh, kw, Cin / groups, Cout]`, read by the taps and
/// channels of a ``ConvolutionMap``.
///
/// To the input gradient its rows are channels of the result and its columns of
/// the source; to the convolution the other way round, and taps count from the
/// last.
struct StoredFilter<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  private let scalars: UnsafePointer<Scalar>
  private let isForward: Bool
  private let taps: Int
  /// From one tap to the next, and from one row of a tap to the next.
  private let tapStride: Int
  private let rowStride: Int
  private let columnsPerGroup: Int
  private let depth: Int

  init(_ map: ConvolutionMap, _ filter: UnsafeRawPointer) {
    scalars = filter.assumingMemoryBound(to: Scalar.self)
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
  func copyByDepth(
    tap: Int, group: Int, channels: Range<Int>,
    to panel: UnsafeMutablePointer<Compute>, stride: Int
  ) {
    copy(
      tap: tap, group: group, channels: channels, to: panel, stride: stride,
      transposed: !isForward)
  }

  /// The same as `[channels, depth]`.
  func copyByChannel(
    tap: Int, group: Int, channels: Range<Int>,
    to panel: UnsafeMutablePointer<Compute>, stride: Int
  ) {
    copy(
      tap: tap, group: group, channels: channels, to: panel, stride: stride,
      transposed: isForward)
  }

  /// All weights of one tap, as they are stored; of a depthwise filter
  /// `[channels]`.
  func copyTap(_ tap: Int, to panel: UnsafeMutablePointer<Compute>) {
    Scalar.widen(
      scalars + (isForward ? taps - 1 - tap : tap) * tapStride, to: panel,
      count: tapStride)
  }

  private func copy(
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
      Scalar.widenTransposed(
        source, rows: rows.count, columns: columns.count, stride: rowStride,
        to: panel, stride: stride)
    } else {
      Scalar.widenRows(
        source, stride: rowStride, to: panel, stride: stride, rows: rows.count,
        count: columns.count)
    }
  }

  /// One weight.
  func weight(tap: Int, group: Int, channel: Int, depth: Int) -> Scalar {
    let (row, column) = isForward ? (depth, channel) : (channel, depth)
    return scalars[
      (isForward ? taps - 1 - tap : tap) * tapStride + row * rowStride
        + group * columnsPerGroup + column]
  }
}
