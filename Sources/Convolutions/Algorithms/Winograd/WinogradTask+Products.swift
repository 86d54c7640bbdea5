internal import CConvolutionKernels

// The products of a task, one for each pair of points.

extension WinogradTask {
  func multiply(tiles: Int, channels: Range<Int>) {
    let tileStride = WinogradWorkspace.stride(phase, channels: depth)
    let sumStride = WinogradWorkspace.stride(
      phase,
      channels: min(map.channelsPerGroup, Winograd<Compute>.mostChannels))
    for p in 0..<phase.products {
      multiply(
        p, workspace + layout.tiles + p * tileStride, tiles: tiles,
        channels: channels, into: workspace + layout.sums + p * sumStride)
    }
  }

  /// One of the products.
  private func multiply(
    _ p: Int, _ tile: UnsafePointer<Compute>, tiles: Int,
    channels: Range<Int>, into sums: UnsafeMutablePointer<Compute>
  ) {
    let width = Winograd<Compute>.panelWidth
    let line = PanelFilter<Compute>.width
    let panelStride = phase.products * depth * width
    // Panels of a cache line each are read beside each other.
    let isLine = line == width
    let together = isLine ? channels.count : width
    let weights =
      filter
      + kernel.weightOffset(
        phase: phaseIndex, group: group, channel: channels.lowerBound)
    func place(_ p: Int, _ start: Int, _ channel: Int) -> UnsafePointer<Compute>
    {
      weights + (p * depth + start) * width + channel / width * panelStride
    }
    var start = 0
    while start < depth {
      let end = min(start + phase.depthBlock, depth)
      for channel in stride(from: 0, to: channels.count, by: together) {
        let next =
          channel + together < channels.count
          ? place(p, start, channel + together)
          : end < depth
            ? place(p, end, 0) : place((p + 1) % phase.products, 0, 0)
        Compute.multiplyRows(
          tiles, tile + start, stride: depth, depth: end - start,
          place(p, start, channel),
          panelStride: isLine ? panelStride : line, step: width,
          into: sums + channel, stride: channels.count,
          columns: min(together, channels.count - channel),
          adds: start > 0,
          asks: kernel.isLarge ? CONV_ASKS_PANELS : CONV_ASKS_NOTHING,
          next: next)
      }
      start = end
    }
  }
}
