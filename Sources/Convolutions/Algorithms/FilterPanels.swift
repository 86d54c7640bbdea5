/// The filter in the order that the GEMMs of an algorithm read it.
///
/// A *block* is a run of channels of the result in one group, a *chunk* a run of
/// taps. Blocks follow each other, groups outermost; within a block, per chunk,
/// the panel is either
///
/// - `byDepth`: `[depth, chunk taps * block channels]`, the right operand when the
///   source is `[pixels, depth]` (NHWC), or else
/// - `[chunk taps * block channels, depth]`, the left operand when the source is
///   `[depth, pixels]` (NCHW).
///
/// Either way a panel starts `depth * first tap * block channels` after its
/// block.
struct FilterPanels<Scalar: StorageScalar>: Sendable {
  typealias Compute = Scalar.Compute

  let taps: Int
  let kernelWidth: Int
  let groups: Int
  let channelsPerGroup: Int
  let depth: Int
  let channelBlock: Int
  let tapsPerChunk: Int
  let byDepth: Bool

  init(
    _ map: ConvolutionMap, channelBlock: Int, tapsPerChunk: Int,
    byDepth: Bool
  ) {
    taps = map.taps
    kernelWidth = map.kernelWidth
    groups = map.groups
    channelsPerGroup = map.channelsPerGroup
    depth = map.depthPerGroup
    self.channelBlock = channelBlock
    self.tapsPerChunk = tapsPerChunk
    self.byDepth = byDepth
  }

  var blocksPerGroup: Int { ceilDivide(channelsPerGroup, channelBlock) }

  /// All panels, in bytes.
  var byteCount: Int {
    taps * channelsPerGroup * depth * groups * MemoryLayout<Compute>.stride
  }

  /// Channels of a block, counted within the group.
  func channels(block: Int) -> Range<Int> {
    (0..<channelsPerGroup).part(block, of: channelBlock)
  }

  /// Where a block starts, in scalars.
  func offset(group: Int, block: Int) -> Int {
    (group * channelsPerGroup + block * channelBlock) * taps * depth
  }

  /// The chunk that holds a tap: whole window rows, or a part of one.
  func chunk(of tap: Int) -> Range<Int> {
    if tapsPerChunk >= kernelWidth {
      return (0..<taps).part(tap / tapsPerChunk, of: tapsPerChunk)
    }
    let row = tap / kernelWidth * kernelWidth
    return (row..<row + kernelWidth)
      .part((tap - row) / tapsPerChunk, of: tapsPerChunk)
  }

  /// Writes the panels of one block.
  func pack(
    part: Int, from filter: StoredFilter<Scalar>,
    into prepared: UnsafeMutableRawPointer
  ) {
    let group = part / blocksPerGroup
    let block = part % blocksPerGroup
    let channels = channels(block: block)
    let width = channels.count
    let panels =
      prepared.assumingMemoryBound(to: Compute.self)
      + offset(group: group, block: block)
    for tap in 0..<taps {
      if !byDepth {
        filter.copyByChannel(
          tap: tap, group: group, channels: channels,
          to: panels + tap * width * depth, stride: depth)
        continue
      }
      let chunk = chunk(of: tap)
      filter.copyByDepth(
        tap: tap, group: group, channels: channels,
        to: panels
          + (depth * chunk.lowerBound + tap - chunk.lowerBound) * width,
        stride: chunk.count * width)
    }
  }
}
