/// The filter of one phase, group and block of channels, transformed in double
/// precision and rounded once.
struct WinogradFilter<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  let phase: WinogradPhase
  let group: Int
  let channels: Range<Int>

  /// Writes `[products, depth, channels]`.
  func transform(
    _ filter: UnsafePointer<Scalar>, into panels: UnsafeMutablePointer<Compute>
  ) {
    let rows = phase.vertical.filterTransform
    let columns = phase.horizontal.filterTransform
    let scratchCount =
      (phase.taps + phase.vertical.products * phase.horizontal.taps + 1)
      * geometry.depthPerGroup
    rows.withUnsafeBufferPointer { rows in
      columns.withUnsafeBufferPointer { columns in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: scratchCount) {
          transform(
            filter, rows: rows.baseAddress!, columns: columns.baseAddress!,
            scratch: $0.baseAddress!, into: panels)
        }
      }
    }
  }

  /// `G g`, then times the transpose of the other `G`.
  private func transform(
    _ filter: UnsafePointer<Scalar>, rows: UnsafePointer<Double>,
    columns: UnsafePointer<Double>,
    scratch weights: UnsafeMutablePointer<Double>,
    into panels: UnsafeMutablePointer<Compute>
  ) {
    let depth = geometry.depthPerGroup
    let (rowTaps, columnTaps) = (phase.vertical.taps, phase.horizontal.taps)
    let (rowCount, columnCount) = (
      phase.vertical.products, phase.horizontal.products
    )
    let half = weights + rowTaps * columnTaps * depth
    let sums = half + rowCount * columnTaps * depth
    for (index, channel) in channels.enumerated() {
      load(channel, filter, to: weights)
      half.initialize(repeating: 0, count: rowCount * columnTaps * depth)
      for p in 0..<rowCount {
        Double.addRowCombination(
          rows + p * rowTaps, weights, stride: columnTaps * depth,
          depth: rowTaps, to: half + p * columnTaps * depth,
          count: columnTaps * depth)
      }
      for p in 0..<rowCount {
        for q in 0..<columnCount {
          sums.initialize(repeating: 0, count: depth)
          Double.addRowCombination(
            columns + q * columnTaps, half + p * columnTaps * depth,
            stride: depth, depth: columnTaps, to: sums, count: depth)
          let panel =
            panels + (p * columnCount + q) * depth * channels.count + index
          for k in 0..<depth {
            panel[k * channels.count] = Compute.rounded(sums[k])
          }
        }
      }
    }
  }

  /// The taps of the phase of one input channel, `[rows, columns, depth]`, in
  /// the order of their windows.
  private func load(
    _ channel: Int, _ filter: UnsafePointer<Scalar>,
    to weights: UnsafeMutablePointer<Double>
  ) {
    let depth = geometry.depthPerGroup
    for row in 0..<phase.vertical.taps {
      for column in 0..<phase.horizontal.taps {
        let tap =
          phase.tapRows.tap(row) * geometry.kernelWidth
          + phase.tapColumns.tap(column)
        let source =
          filter
          + (tap * geometry.channelsPerGroup + channel)
          * geometry.outputChannels + group * depth
        let place = weights + (row * phase.horizontal.taps + column) * depth
        for k in 0..<depth { place[k] = source[k].double }
      }
    }
  }
}
