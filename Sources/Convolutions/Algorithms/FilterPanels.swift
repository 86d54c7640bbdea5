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
struct FilterPanels<Compute: ComputeScalar>: Sendable {
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

  // MARK: Lines

  // For products of our own, `[depth, chunk taps * block channels]` is cut into
  // panels of a cache line of columns, of which the last is filled up with zeros:
  // `[panels, depth, line]`.

  /// Columns of a panel of lines.
  static var line: Int { PanelFilter<Compute>.width }

  /// Scalars of a chunk of so many columns.
  private func lineCount(columns: Int) -> Int {
    ceilDivide(columns, Self.line) * Self.line * depth
  }

  /// Where a chunk starts in its block, in scalars.
  func lineOffset(chunk: Range<Int>, width: Int) -> Int {
    lineOffset(tap: chunk.lowerBound, width: width)
  }

  /// The same of the chunk that begins with a tap, or of the end of a block.
  private func lineOffset(tap: Int, width: Int) -> Int {
    func lines(_ taps: Int) -> Int {
      taps / tapsPerChunk * lineCount(columns: tapsPerChunk * width)
        + lineCount(columns: taps % tapsPerChunk * width)
    }
    // Chunks are cut from all taps, or from each window row.
    guard tapsPerChunk < kernelWidth else { return lines(tap) }
    return tap / kernelWidth * lines(kernelWidth) + lines(tap % kernelWidth)
  }

  /// Scalars of a block with so many channels.
  private func lineCount(width: Int) -> Int {
    lineOffset(tap: taps, width: width)
  }

  private var lastWidth: Int { channels(block: blocksPerGroup - 1).count }

  /// All panels, in bytes.
  var lineByteCount: Int {
    groups
      * ((blocksPerGroup - 1) * lineCount(width: channelBlock)
        + lineCount(width: lastWidth)) * MemoryLayout<Compute>.stride
  }

  /// Where a block starts, in scalars.
  func lineOffset(group: Int, block: Int) -> Int {
    let perBlock = lineCount(width: channelBlock)
    let perGroup =
      (blocksPerGroup - 1) * perBlock + lineCount(width: lastWidth)
    return group * perGroup + block * perBlock
  }

  /// Writes the panels of lines of one block.
  func packLines(
    part: Int, from filter: StoredFilter,
    into prepared: UnsafeMutableRawPointer
  ) {
    let group = part / blocksPerGroup
    let block = part % blocksPerGroup
    let channels = channels(block: block)
    let width = channels.count
    let panels =
      prepared.assumingMemoryBound(to: Compute.self)
      + lineOffset(group: group, block: block)
    var next = 0
    while next < taps {
      let chunk = chunk(of: next)
      next = chunk.upperBound
      let lines = panels + lineOffset(chunk: chunk, width: width)
      lines.update(
        repeating: .zero, count: lineCount(columns: chunk.count * width))
      for tap in chunk {
        // The channels of a tap that one panel has, after those before.
        var channel = 0
        while channel < width {
          let column = (tap - chunk.lowerBound) * width + channel
          let (panel, place) = column.quotientAndRemainder(
            dividingBy: Self.line)
          let count = min(Self.line - place, width - channel)
          filter.copyByDepth(
            tap: tap, group: group,
            channels: channels.lowerBound + channel..<channels.lowerBound
              + channel + count,
            to: lines + panel * depth * Self.line + place, stride: Self.line)
          channel += count
        }
      }
    }
  }

  // MARK: -

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
    part: Int, from filter: StoredFilter,
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
