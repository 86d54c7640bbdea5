/// The filter in the order that the GEMMs of an algorithm read it.
///
/// The stored filter is `[taps, Cin / groups, Cout]`. A *block* is a run of
/// input channels of one group, a *chunk* a run of taps. Blocks follow each
/// other, groups outermost; within a block, per chunk, the panel is either
///
/// - `transposed`: `[Cout / groups, chunk taps * block channels]`, the right
///   operand when out_backprop is `[pixels, Cout]` (NHWC), or
/// - as stored: `[chunk taps * block channels, Cout / groups]`, the left operand
///   when out_backprop is `[Cout, pixels]` (NCHW).
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
  let transposed: Bool

  init(
    _ geometry: Conv2DGeometry, channelBlock: Int, tapsPerChunk: Int,
    transposed: Bool
  ) {
    taps = geometry.taps
    kernelWidth = geometry.kernelWidth
    groups = geometry.groups
    channelsPerGroup = geometry.channelsPerGroup
    depth = geometry.depthPerGroup
    self.channelBlock = channelBlock
    self.tapsPerChunk = tapsPerChunk
    self.transposed = transposed
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
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    let group = part / blocksPerGroup
    let block = part % blocksPerGroup
    let channels = channels(block: block)
    let width = channels.count
    let outputChannels = depth * groups
    let panels =
      prepared.assumingMemoryBound(to: Compute.self)
      + offset(group: group, block: block)
    for tap in 0..<taps {
      let source =
        filter.assumingMemoryBound(to: Scalar.self)
        + (tap * channelsPerGroup + channels.lowerBound) * outputChannels
        + group * depth
      if !transposed {
        let rows = panels + tap * width * depth
        Scalar.widenRows(
          source, stride: outputChannels, to: rows, stride: depth, rows: width,
          count: depth)
        continue
      }
      let chunk = chunk(of: tap)
      let chunkWidth = chunk.count * width
      Scalar.widenTransposed(
        source, rows: width, columns: depth, stride: outputChannels,
        to: panels
          + (depth * chunk.lowerBound + tap - chunk.lowerBound) * width,
        stride: chunkWidth)
    }
  }
}
