/// How the column algorithm cuts a problem.
struct ColumnTiling: Sendable, Hashable {
  /// Input channels taken together; a task owns one block of them.
  let channelBlock: Int
  /// Taps of one GEMM: whole window rows, or a part of one.
  let tapsPerChunk: Int
  /// Pixels of the source of one GEMM.
  let pixels: Int
  /// Output channels of one GEMM; the rest is added to it.
  let depthBlock: Int
  /// Rows and columns of the result that a task owns.
  let bandRows: Int
  let bandColumns: Int
  /// Whether a tile of pixels may run on into the next image row.
  let crossesRows: Bool
  /// Whether rows that need different taps, at the rim of a band, make tiles of
  /// their own: worth it where small products are fast.
  let splitsRows: Bool
}

/// The sizes that a tiling aims at; `scripts/tune-tiles.sh` measures them.
///
/// `package` so that the benchmark executable can.
package struct ColumnTargets: Sendable, Hashable {
  /// Pixels of one GEMM.
  package var pixels: Int
  /// Filter columns (taps times channels) of one GEMM.
  package var columns: Int
  /// Output channels of one GEMM.
  package var depth: Int
  /// Bytes of the filter of a block of channels.
  package var filterBytes: Int
  /// Bytes of the sums of a band.
  package var sumBytes: Int
  /// Bytes of a column tile, and of a tile of the source.
  package var tileBytes: Int

  /// The sizes for the bytes of the compute type, on the core that OpenBLAS runs
  /// for.
  package init(computeByteCount: Int) {
    self.init(computeByteCount: computeByteCount, core: BLASRuntime.core)
  }

  init(computeByteCount: Int, core: BLASCore) {
    // Shares of an L2 of 1 MiB; measured on Zen 4 with OpenBLAS 0.3.21. All are
    // broad optima: half or twice of any costs a few percent.
    filterBytes = 640 << 10
    sumBytes = 256 << 10
    tileBytes = 256 << 10
    switch core {
    case .small:
      // Few pixels will do; with more columns a tile is read less often.
      pixels = 24
      columns = 16 << 10
      depth = 512
    case .packed:
      // Every call packs both operands, which costs 1/pixels + 1/columns.
      pixels = 256
      columns = 2304 / computeByteCount
      depth = 640
      tileBytes = 768 << 10
      sumBytes = 768 << 10
    }
  }
}

extension ColumnTiling {
  /// The tiling for a map on a core.
  init(
    _ map: ConvolutionMap, core: BLASCore, computeByteCount: Int,
    targets: ColumnTargets
  ) {
    let depth = max(1, map.depthPerGroup)
    let plane = max(1, map.sourceHeight * map.sourceWidth)
    depthBlock = ceilDivide(depth, ceilDivide(depth, targets.depth))

    // What one product may have of pixels times filter columns.
    let tileLimit = targets.tileBytes / computeByteCount
    let productLimit =
      core == .small
      ? min(tileLimit, BLASCore.smallLimit / depthBlock) : tileLimit
    let wantedPixels = min(plane, targets.pixels)
    let wantedColumns = min(targets.columns, productLimit / wantedPixels)

    channelBlock = Self.channelBlock(
      map, filterBytes: targets.filterBytes,
      widest: productLimit / min(plane, 6), computeByteCount: computeByteCount)
    tapsPerChunk = Self.tapsPerChunk(
      map, wanted: wantedColumns / channelBlock)

    let room = min(
      productLimit / (tapsPerChunk * channelBlock), tileLimit / depth,
      core == .small ? 64 : wantedPixels)
    pixels = min(plane, max(1, room))

    let sums = targets.sumBytes / computeByteCount / channelBlock
    bandColumns = Self.bandColumns(map, limit: max(1, sums))
    bandRows = Self.bandRows(
      map, limit: max(1, sums / max(1, bandColumns)),
      blocks: map.groups
        * ceilDivide(map.channelsPerGroup, channelBlock))

    splitsRows = core == .small
    // Padding beside the image is skipped only within one row of windows.
    let padding = (map.kernelWidth - 1) * map.horizontal.dilation
    crossesRows =
      map.sourceWidth < 2 * pixels
      && padding < map.sourceWidth * 3 / 4
  }

  /// Channels in one block: all of a few, else as many as keep the block's
  /// filter in the cache and one tap of it within a product.
  private static func channelBlock(
    _ map: ConvolutionMap, filterBytes: Int, widest: Int,
    computeByteCount: Int
  ) -> Int {
    let channels = map.channelsPerGroup
    guard channels > 96 else { return channels }
    let bytes =
      max(1, map.depthPerGroup) * map.taps * computeByteCount
    let most = map.taps == 1 ? 256 : 128
    let limit = min(max(filterBytes / bytes, 32), most, widest)
    return evenBlock(channels, limit: limit)
  }

  /// Taps in one chunk: whole window rows, or an even part of one.
  private static func tapsPerChunk(
    _ map: ConvolutionMap, wanted: Int
  ) -> Int {
    let kernelWidth = map.kernelWidth
    if wanted >= map.taps { return map.taps }
    if wanted >= kernelWidth { return wanted / kernelWidth * kernelWidth }
    return ceilDivide(kernelWidth, ceilDivide(kernelWidth, max(1, wanted)))
  }

  /// Rows of a band: near-equal bands that the cache has room for, and enough
  /// of them to keep some threads busy with one image, unless they get too thin
  /// for tiles.
  private static func bandRows(
    _ map: ConvolutionMap, limit: Int, blocks: Int
  ) -> Int {
    let height = max(1, map.targetHeight)
    let (tasks, thinnest) = (4, 4 * map.kernelHeight)
    let wanted = min(ceilDivide(tasks, blocks), max(1, height / thinnest))
    let bands = max(wanted, ceilDivide(height, limit))
    return ceilDivide(height, bands)
  }

  /// Columns of a band: all, or a multiple of the stride that a row of sums has
  /// room for.
  private static func bandColumns(
    _ map: ConvolutionMap, limit: Int
  ) -> Int {
    guard map.targetWidth > limit else { return map.targetWidth }
    let stride = map.horizontal.stride
    return stride < limit ? limit / stride * stride : limit
  }
}

/// The length of near-equal blocks of `count`, a multiple of a vector of 16
/// unless one block takes all, and at most `limit` but for one vector.
func evenBlock(_ count: Int, limit: Int) -> Int {
  let vector = 16
  let most = max(vector, limit / vector * vector)
  let even = ceilDivide(ceilDivide(count, ceilDivide(count, most)), vector)
  return min(even * vector, most, count)
}
