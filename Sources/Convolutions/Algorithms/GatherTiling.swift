/// How gather cuts a problem.
struct GatherTiling: Sendable, Hashable {
  /// Input channels of one GEMM.
  let channelBlock: Int
  /// Most pixels that are gathered together.
  let pixels: Int
  /// Most of them in one GEMM.
  let productPixels: Int
  /// Rows of taps that are gathered together.
  let tapRows: Int
  /// Whether rows of the result that the same taps reach are gathered together:
  /// where there is one phase.
  let mergesRows: Bool
  /// Most taps times output channels of one GEMM; the rest is added to it.
  let depthBlock: Int
  /// Rows of the result that a task owns.
  let bandRows: Int

  /// Most scalars of the source, zeros beside it included, that one row of
  /// the result may need.
  static let mostCopiedScalars = Double(1 << 18)

  /// Scalars of a pixel that are gathered together, of kernels with far more.
  private static let mostGathered = 2048

  /// Columns of zeros that windows beside the image need.
  static func margins(_ axis: MapAxis) -> (left: Int, right: Int) {
    let first = axis.pad - (axis.kernel - 1) * axis.dilation
    let last = (axis.result - 1) * axis.step + axis.pad
    return (
      max(0, -first) / axis.stride, max(0, last / axis.stride - axis.source + 1)
    )
  }

  /// Scalars of the rows of the source that touch a band, zeros beside them
  /// included.
  static func copiedScalars(
    _ map: ConvolutionMap, bandRows: Int
  ) -> Double {
    let rows = map.vertical.mostSources(touching: bandRows)
    let margins = margins(map.horizontal)
    return Double(rows) * Double(map.depthPerGroup)
      * (Double(margins.left) + Double(map.sourceWidth)
        + Double(margins.right))
  }

  init(_ map: ConvolutionMap, core: BLASCore, computeByteCount: Int) {
    let channels = max(1, map.channelsPerGroup)
    let depth = max(1, map.depthPerGroup)
    channelBlock = channels <= 96 ? channels : evenBlock(channels, limit: 128)
    let (rowTaps, columnTaps) = (
      ceilDivide(map.kernelHeight, map.vertical.stride),
      ceilDivide(map.kernelWidth, map.horizontal.stride)
    )
    let all = rowTaps * columnTaps * depth
    let chunks =
      all <= 2 * Self.mostGathered
      ? 1 : ceilDivide(rowTaps, max(1, Self.mostGathered / columnTaps / depth))
    tapRows = ceilDivide(rowTaps, chunks)
    let deepest = tapRows * columnTaps * depth
    depthBlock = ceilDivide(deepest, ceilDivide(deepest, 512))
    productPixels = max(
      1,
      core == .small
        ? BLASCore.smallLimit / depthBlock / channelBlock : 256)

    mergesRows = map.vertical.stride == 1 && map.horizontal.stride == 1
    let width = max(1, map.resultWidth)
    let height = max(1, map.resultHeight)
    let strideRows = min(height, map.vertical.stride)
    let most = Double((128 << 10) / computeByteCount)
    bandRows =
      strideRows
      * largest(upTo: ceilDivide(height, 4) / strideRows) {
        Self.copiedScalars(map, bandRows: $0 * strideRows) <= most
      }

    // More pixels where the filter is read from beyond the L2 cache.
    let filter = all * channels * computeByteCount
    let bytes = filter > 512 << 10 ? 256 << 10 : 64 << 10
    let room = max(bytes / computeByteCount / deepest, 12)
    let there =
      mergesRows
      ? bandRows * width
      : ceilDivide(width, min(width, map.horizontal.stride))
    pixels = max(1, min(room, 96, there))
  }
}
