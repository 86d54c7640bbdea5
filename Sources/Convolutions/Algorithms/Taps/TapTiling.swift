/// How tap accumulation cuts a problem.
struct TapTiling: Sendable, Hashable {
  /// Input channels of one GEMM.
  let channelBlock: Int
  /// Most pixels of one GEMM.
  let pixels: Int
  /// Output channels of one GEMM; the rest is added to it.
  let depthBlock: Int
  /// Rows and columns of the result that a task owns.
  let bandRows: Int
  let bandColumns: Int
  /// Rows of the result that are summed together, tap after tap.
  let stripRows: Int
  /// Blocks of channels that a task owns.
  let blocksPerTask: Int
  /// Rows of the source that reach a band through one tap row.
  let tapRows: Int
  /// Whether a copy of the source holds all rows from the first to the last
  /// that touches the band.
  let isDense: Bool
  /// Rows and columns of the source that a task copies, at most.
  let tileRows: Int
  let tileColumns: Int
}

/// The sizes that a tiling aims at; `scripts/tune-tiles.sh` measures them.
///
/// `package` so that the benchmark executable can.
package struct TapTargets: Sendable, Hashable {
  /// Most pixels of one GEMM.
  package var pixels: Int
  /// Input channels of one GEMM.
  package var channels: Int
  /// Output channels of one GEMM.
  package var depth: Int
  /// Bytes of the sums of a strip where a product reads less of the filter
  /// than of sums: they stay in L1.
  package var nearBytes: Int
  /// Bytes of the sums of a strip elsewhere.
  package var farBytes: Int
  /// Bytes of a copy of the source.
  package var copyBytes: Int
  /// Bytes of the filter of the blocks that a task owns, where it need not copy.
  package var panelBytes: Int

  /// The sizes for the core that OpenBLAS runs for.
  package init() {
    depth = 512
    switch BLASRuntime.core {
    case .small:
      // Blocks of 64 are four vectors of 16, which the kernel takes at once.
      pixels = 96
      channels = 64
      nearBytes = 16 << 10
      farBytes = 64 << 10
    case .packed:
      pixels = 256
      channels = 512
      nearBytes = 512 << 10
      farBytes = 512 << 10
    }
    copyBytes = 256 << 10
    panelBytes = 1 << 20
  }
}

extension TapTiling {
  /// The tiling for a map on a core.
  ///
  /// - Parameter copies: whether tasks copy the source and have sums of their
  ///   own.
  init(
    _ map: ConvolutionMap, core: BLASCore, computeByteCount: Int,
    copies: Bool, targets: TapTargets
  ) {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let depth = max(1, map.depthPerGroup)
    let channels = max(1, map.channelsPerGroup)
    let height = max(1, vertical.target)
    let width = max(1, horizontal.target)

    // One product, within the small path.
    depthBlock = ceilDivide(depth, ceilDivide(depth, targets.depth))
    let limit = BLASCore.smallLimit / depthBlock
    let most =
      core == .small ? min(targets.channels, limit / 24) : targets.channels
    channelBlock =
      channels <= 96
      ? channels : evenBlock(channels, limit: max(most / 64, 1) * 64)
    pixels =
      core == .small
      ? max(1, limit / channelBlock) : max(1, targets.pixels)
    let segment = min(pixels, targets.pixels)

    // A strip: columns for even products, and rows that the cache has room for.
    let columnParts = ceilDivide(max(1, horizontal.longestRun), segment)
    let stride = min(horizontal.stride, width)
    bandColumns = min(
      width, ceilDivide(ceilDivide(width, stride), columnParts) * stride)
    let bytes =
      depthBlock < 2 * min(segment, horizontal.longestRun)
      ? targets.nearBytes : targets.farBytes
    let rowBytes = bandColumns * channelBlock * computeByteCount
    let mostRows = max(1, min(height, bytes / rowBytes))
    stripRows = ceilDivide(height, ceilDivide(height, mostRows))

    guard copies else {
      bandRows = stripRows
      let panel = depth * map.taps * channelBlock * computeByteCount
      blocksPerTask = max(
        1, min(ceilDivide(channels, channelBlock), targets.panelBytes / panel))
      (tapRows, isDense, tileRows, tileColumns) = (0, true, 0, 0)
      return
    }
    // A copy serves many strips and all channels.
    let touchedColumns = horizontal.mostSources(touching: bandColumns)
    let rowCopy = max(1, touchedColumns) * depth * computeByteCount
    let bandLimit =
      max(1, targets.copyBytes / rowCopy / vertical.step)
      * min(vertical.stride, height)
    let strips = ceilDivide(height, stripRows)
    let bands = min(strips, max(ceilDivide(height, bandLimit), 4))
    bandRows = min(height, ceilDivide(strips, bands) * stripRows)
    blocksPerTask = ceilDivide(channels, channelBlock)
    // Of a map with a step above 1 the stride is 1.
    tapRows = ceilDivide(bandRows, vertical.stride)
    let touchedRows = vertical.mostSources(touching: bandRows)
    isDense = touchedRows / vertical.kernel <= tapRows
    tileRows = isDense ? touchedRows : vertical.kernel * tapRows
    tileColumns = touchedColumns
  }
}
