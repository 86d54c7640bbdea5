/// The part of the filter gradient that one task adds up: some taps, some of
/// the input channels of a group, some output channels.
///
/// Its sums lie in memory as `[taps, inputs, outputs]`.
struct FilterBlock: Sendable {
  let tapRows: Range<Int>
  let tapColumns: Range<Int>
  /// Input channels within the group.
  let inputs: Range<Int>
  /// Output channels, counted over all groups.
  let outputs: Range<Int>

  var taps: Int { tapRows.count * tapColumns.count }

  /// Sums of one tap.
  var tapCount: Int { inputs.count * outputs.count }

  var count: Int { taps * tapCount }

  /// Input channels of a block within one group, counted over all groups.
  func inputChannels(_ map: ConvolutionMap) -> Range<Int> {
    let group = outputs.lowerBound / map.depthPerGroup
    let first = group * map.channelsPerGroup
    return first + inputs.lowerBound..<first + inputs.upperBound
  }

  /// Where the sums of a tap begin.
  func offset(row: Int, column: Int) -> Int {
    ((row - tapRows.lowerBound) * tapColumns.count + column
      - tapColumns.lowerBound) * tapCount
  }

  /// Writes the sums of some input channels of one tap, rounded once.
  ///
  /// - Parameter tap: counted within the block.
  func store<Compute: ComputeScalar>(
    _ sums: UnsafePointer<Compute>, tap: Int,
    _ map: ConvolutionMap, to result: MutableStoredPointer
  ) {
    let row = tapRows.lowerBound + tap / tapColumns.count
    let column = tapColumns.lowerBound + tap % tapColumns.count
    let line =
      (row * map.kernelWidth + column) * map.channelsPerGroup
      + inputs.lowerBound
    (result + line * map.sourceChannels + outputs.lowerBound).narrowRows(
      sums + tap * tapCount, stride: outputs.count,
      to: map.sourceChannels, rows: inputs.count, count: outputs.count)
  }
}

/// A box of out_backprop whose pixels are taken together.
struct PixelBox: Sendable {
  let images: Range<Int>
  let rows: Range<Int>
  let columns: Range<Int>
}

/// Scalars from one row, and one pixel of it, to the next.
struct PixelStrides {
  var row: Int
  var pixel: Int
}
