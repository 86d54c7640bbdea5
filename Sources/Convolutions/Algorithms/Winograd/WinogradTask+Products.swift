// The products of a task, one for each pair of points.

extension WinogradTask {
  func multiply(tiles: Int, channels: Range<Int>) {
    let tileStride = WinogradWorkspace.stride(phase, channels: depth)
    let sumStride = WinogradWorkspace.stride(
      phase,
      channels: min(map.channelsPerGroup, Winograd<Compute>.mostChannels))
    for p in 0..<phase.products {
      let tile = workspace + layout.tiles + p * tileStride
      let sums = workspace + layout.sums + p * sumStride
      if kernel.products == .panels {
        multiplyPanels(p, tile, tiles: tiles, channels: channels, into: sums)
      } else {
        multiply(p, tile, tiles: tiles, channels: channels, into: sums)
      }
    }
  }

  /// One of the products, by BLAS.
  func multiply(
    _ p: Int, _ tile: UnsafePointer<Compute>, tiles: Int, channels: Range<Int>,
    into sums: UnsafeMutablePointer<Compute>
  ) {
    var first = channels.lowerBound
    while first < channels.upperBound {
      let weights = kernel.weights(
        phase: phaseIndex, group: group, channel: first)
      let columns = weights.channels
      let panel = filter + weights.offset + p * depth * columns
      var start = 0
      while start < depth {
        let part = min(phase.depthBlock, depth - start)
        Compute.multiply(
          rows: tiles, columns: columns, depth: part,
          tile + start, stride: depth,
          panel + start * columns, stride: columns,
          accumulate: start > 0,
          into: sums + first - channels.lowerBound, stride: channels.count)
        start += part
      }
      first += columns
    }
  }

  /// One of the products, on panels.
  func multiplyPanels(
    _ p: Int, _ tile: UnsafePointer<Compute>, tiles: Int, channels: Range<Int>,
    into sums: UnsafeMutablePointer<Compute>
  ) {
    let width = Winograd<Compute>.panelWidth
    let line = PanelFilter<Compute>.width
    let blockStride = phase.products * depth * width
    // Panels of a cache line each are read beside each other.
    let isLine = line == width
    let (sources, results) = layout.places(workspace)
    for row in 0..<tiles { results[row] = sums + row * channels.count }
    let blocks = ceilDivide(tiles, InstructionSet.blockRows)
    let together =
      isLine
      ? width
        * InstructionSet.panelsTogether(
          rows: ceilDivide(tiles, blocks), terms: phase.depthBlock)
      : width
    var start = 0
    while start < depth {
      let part = min(phase.depthBlock, depth - start)
      for row in 0..<tiles { sources[row] = tile + row * depth + start }
      var first = channels.lowerBound
      while first < channels.upperBound {
        let weights = kernel.weights(
          phase: phaseIndex, group: group, channel: first)
        var offset = (p * depth + start) * width
        for block in 0..<blocks {
          let rows = (0..<tiles).evenPart(block, of: blocks)
          Compute.multiplyPanels(
            rows: rows.count, sources: sources + rows.lowerBound, taps: 1,
            depth: part, offsets: &offset, filter + weights.offset,
            stride: isLine ? blockStride : line, step: width,
            into: results + rows.lowerBound,
            column: first - channels.lowerBound,
            columns: min(together, channels.upperBound - first),
            adds: start > 0)
        }
        first += together
      }
      start += part
    }
  }
}
