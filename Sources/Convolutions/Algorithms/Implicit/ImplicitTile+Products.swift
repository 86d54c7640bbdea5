internal import CConvolutionKernels

// The products of a tile with the panels of a phase.

extension ImplicitTile {
  func multiply(
    _ pixels: Int, columnPhase: Int, copy: Copy?, filter: UnsafeRawPointer
  ) {
    let columnTaps = kernel.columnPhases[columnPhase]
    let taps = rowTaps.count * columnTaps.count
    let weights = kernel.weights(
      filter, group: group, rowPhase: rowPhase, columnPhase: columnPhase)
    let panelStride = kernel.panels.panelStride(taps: taps)
    let first = weights.panels + panels.lowerBound * panelStride
    let blocks = cut(pixels, intoOnes: !weights.areFinite)
    let sum = SumBlocks(taps: taps, depth: map.depthPerGroup)
    func slice(_ index: Int) -> Range<Int> {
      let part = sum[index]
      let width = PanelFilter<Compute>.width
      let terms =
        (part.taps.count - 1) * map.depthPerGroup + part.channels.count
      let start =
        part.taps.lowerBound * map.depthPerGroup + part.channels.lowerBound
      return start * width..<(start + max(0, terms)) * width
    }
    let together = InstructionSet.panelsTogether(
      rows: ceilDivide(pixels, blocks),
      terms: ceilDivide(taps * map.depthPerGroup, sum.count))
    var rowsAhead = rowsAhead(
      calls: columnPhase > 0
        ? 0
        : sum.count * blocks * ceilDivide(panels.count, together))
    for index in 0..<sum.count {
      let part = sum[index]
      let merged = findSources(
        part.taps, part.channels, columnTaps, blocks: blocks, copy: copy,
        exactly: !weights.areFinite)
      multiply(
        blocks: blocks, together: together,
        depth: part.channels.count * merged, panels: first,
        panelStride: panelStride, slice: slice(index),
        nextSlice: slice(index + 1 < sum.count ? index + 1 : 0),
        adds: index > 0, rowsAhead: &rowsAhead)
    }
  }

  /// Register blocks of as even numbers of pixels as can be; returns how many.
  func cut(_ pixels: Int, intoOnes: Bool) -> Int {
    let rows =
      intoOnes
      ? 1
      : kernel.asksForPanels
        ? InstructionSet.askingRows : InstructionSet.blockRows
    let count = ceilDivide(pixels, rows)
    for index in 0...count {
      memory.blocks[index] = ImplicitBlock(
        first: pixels * index / count, taps: 0)
    }
    return count
  }

  /// Lists where each register block reads for each of some taps, but for those
  /// that land outside for all its pixels.
  ///
  /// - Returns: how many taps beside each other are one.
  func findSources(
    _ taps: Range<Int>, _ channels: Range<Int>, _ columnTaps: PhaseTaps,
    blocks: Int, copy: Copy?, exactly: Bool
  ) -> Int {
    let width = PanelFilter<Compute>.width
    let depth = map.depthPerGroup
    let perRow = columnTaps.count
    let copies = tiling.copies
    // Taps of a row whose pixels follow each other in the copy.
    let merges =
      copies && !exactly && perRow > 1
      && (columnTaps.sourceStep == 1 || !tiling.hasDenseColumns)
      && channels.count == depth && taps.lowerBound % perRow == 0
      && taps.upperBound % perRow == 0
    let together = merges ? perRow : 1
    let steps = tapSteps(copy)
    let base =
      copies
      ? UnsafePointer(memory.copy)
      : (source + group * depth).asCompute()!
    let zeros = UnsafePointer(memory.zeros)
    let (sourceHeight, sourceWidth) = (
      UInt(map.sourceHeight), UInt(map.sourceWidth)
    )
    for index in 0..<blocks {
      let first = memory.blocks[index].first
      let rows = memory.blocks[index + 1].first - first
      let pixels = memory.pixels + first
      let sources = memory.sources + first * kernel.mostTaps
      let offsets = memory.offsets + index * kernel.mostTaps
      var used = 0
      var tap = taps.lowerBound
      while tap < taps.upperBound {
        let (row, column) = tap.quotientAndRemainder(dividingBy: perRow)
        let down = row &* rowTaps.sourceStep
        let right = columnTaps.source(column)
        let shift =
          row &* steps.row &+ columnOffset(of: column, columnTaps)
          &* steps.column
          &+ channels.lowerBound
        var reaches = false
        for r in 0..<rows {
          let pixel = pixels[r]
          let isInside =
            UInt(bitPattern: pixel.row &+ down) < sourceHeight
            && (merges
              || UInt(bitPattern: pixel.column &+ right) < sourceWidth)
          reaches = reaches || isInside
          sources[used * rows + r] =
            copies || isInside ? base + (pixel.place &+ shift) : zeros
        }
        if reaches {
          offsets[used] = (tap * depth + channels.lowerBound) * width
          used += 1
        }
        tap += together
      }
      memory.blocks[index].taps = used
    }
    return together
  }

  /// Multiplies the register blocks with all panels.
  ///
  /// - Parameters:
  ///   - slice: what the block of the sum reads of a panel, in scalars; the next
  ///     one reads `nextSlice`.
  func multiply(
    blocks: Int, together: Int, depth: Int,
    panels first: UnsafePointer<Compute>,
    panelStride: Int, slice: Range<Int>, nextSlice: Range<Int>, adds: Bool,
    rowsAhead: inout Ahead
  ) {
    let width = PanelFilter<Compute>.width
    var panel = 0
    while panel < panels.count {
      let column = panel * width
      let columns = min(together * width, channels.count - column)
      let isLast = panel + together >= panels.count
      let nextPanel = isLast ? 0 : panel + together
      // Each register block asks for a panel of those that are read next.
      let next = min(together, panels.count - nextPanel)
      let ahead =
        (nextPanel - panel) * panelStride
        + (isLast ? nextSlice.lowerBound - slice.lowerBound : 0)
      for index in 0..<blocks {
        let block = memory.blocks[index]
        guard block.taps > 0 || !adds else { continue }
        Compute.multiplyPanels(
          rows: memory.blocks[index + 1].first - block.first,
          sources: memory.sources + block.first * kernel.mostTaps,
          taps: block.taps, depth: depth,
          offsets: memory.offsets + index * kernel.mostTaps,
          first + panel * panelStride, stride: panelStride, step: width,
          into: memory.results + block.first, column: column,
          columns: columns, adds: adds,
          ahead: kernel.asksForPanels && index < next
            ? ahead + index * panelStride : 0)
        rowsAhead.next()
      }
      panel += together
    }
  }
}
