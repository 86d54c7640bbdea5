/// One task of ``Gather``.
struct GatherBand<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  let kernel: Gather<Scalar>
  let group: Int
  let filter: UnsafeRawPointer
  let touchedRows: Range<Int>
  /// Columns of zeros beside each row of the copy.
  let margins: (left: Int, right: Int)
  /// `[touched rows, margins and columns, depth]`.
  let copy: UnsafeMutablePointer<Compute>
  /// `[pixels, taps, depth]`.
  let operand: UnsafeMutablePointer<Compute>

  private var map: ConvolutionMap { kernel.map }

  private var rowStride: Int {
    (margins.left + map.sourceWidth + margins.right)
      * map.depthPerGroup
  }

  func load(_ source: UnsafePointer<Scalar>, image: Int) {
    let depth = map.depthPerGroup
    let width = map.sourceWidth
    let tile = SourceTile(map, source)
    var row = copy
    for oh in touchedRows {
      row.update(repeating: .zero, count: margins.left * depth)
      tile.loadPixels(
        first: oh * width, count: width, image: image, group: group,
        into: row + margins.left * depth)
      (row + (margins.left + width) * depth)
        .update(repeating: .zero, count: margins.right * depth)
      row += rowStride
    }
  }

  /// The end of the rows from `y` on, in a band, that the same taps reach, where
  /// rows go together.
  func lastAlike(from y: Int, in band: Range<Int>) -> Int {
    var end = y + 1
    guard kernel.tiling.mergesRows else { return end }
    while end < band.upperBound, tapRows(end) == tapRows(y) { end += 1 }
    return end
  }

  private func tapRows(_ y: Int) -> Range<Int> {
    let stride = map.vertical.stride
    return kernel.rowPhases[y % stride]
      .indices(at: y / stride, sources: map.vertical.source)
  }

  /// Computes the pixels of one phase of rows that the same taps reach; of more
  /// than one row only where there is one phase.
  func run(
    rows: Range<Int>, phase: Int, into row: UnsafeMutablePointer<Compute>,
    stride: Int
  ) {
    let horizontal = map.horizontal
    let columns = kernel.columnPhases[phase]
    let tapRows = tapRows(rows.lowerBound)
    let perRow = (horizontal.result - 1 - phase) / horizontal.stride + 1
    let count = rows.count * perRow
    let step = horizontal.stride * stride
    let sums = row + phase * stride
    guard !tapRows.isEmpty, columns.count > 0 else {
      for q in 0..<count {
        (sums + q * step)
          .update(repeating: .zero, count: map.channelsPerGroup)
      }
      return
    }
    var start = 0
    while start < count {
      let pixels = start..<min(start + kernel.tiling.pixels, count)
      var first = tapRows.lowerBound
      while first < tapRows.upperBound {
        let chunk =
          first..<min(first + kernel.tiling.tapRows, tapRows.upperBound)
        gather(rows.lowerBound, chunk, columns, pixels, perRow: perRow)
        multiply(
          rows.lowerBound, phase, chunk, columns, pixels, perRow: perRow,
          into: sums + start * step, step: step,
          accumulate: first > tapRows.lowerBound)
        first = chunk.upperBound
      }
      start = pixels.upperBound
    }
  }

  /// The products of what is gathered of some rows of taps.
  private func multiply(
    _ y: Int, _ phase: Int, _ tapRows: Range<Int>, _ columns: PhaseTaps,
    _ pixels: Range<Int>, perRow: Int,
    into sums: UnsafeMutablePointer<Compute>, step: Int, accumulate: Bool
  ) {
    let rowDepth = columns.count * map.depthPerGroup
    let skipped =
      kernel.tapsBefore(y % map.vertical.stride, phase) * map.depthPerGroup
      + tapRows.lowerBound * rowDepth
    for block in 0..<kernel.blockCount {
      let channels = kernel.channels(block: block)
      let product = GatherProduct<Compute>(
        width: channels.count, depth: tapRows.count * rowDepth,
        depthBlock: kernel.tiling.depthBlock,
        pixelBlock: kernel.tiling.productPixels,
        panel: filter.assumingMemoryBound(to: Compute.self)
          + kernel.offset(group: group, block: block)
          + skipped * channels.count,
        operand: operand, step: step)
      let sums = sums + channels.lowerBound
      if kernel.isFinite(filter, group: group, block: block) {
        product.run(
          pixels: 0..<pixels.count, depths: 0..<product.depth,
          accumulate: accumulate, into: sums)
        continue
      }
      for pixel in pixels {
        runExactly(
          product, pixel - pixels.lowerBound,
          columns.indices(at: pixel % perRow, sources: map.sourceWidth),
          tapRows: tapRows.count, rowDepth: rowDepth, accumulate: accumulate,
          into: sums + (pixel - pixels.lowerBound) * step)
      }
    }
  }

  /// One pixel, from the taps that do not fall into padding alone.
  private func runExactly(
    _ product: GatherProduct<Compute>, _ pixel: Int, _ taps: Range<Int>,
    tapRows: Int, rowDepth: Int, accumulate: Bool,
    into sums: UnsafeMutablePointer<Compute>
  ) {
    let depth = map.depthPerGroup
    guard !taps.isEmpty else {
      if !accumulate { sums.update(repeating: .zero, count: product.width) }
      return
    }
    for row in 0..<tapRows {
      product.run(
        pixels: pixel..<pixel + 1,
        depths: row * rowDepth + taps.lowerBound * depth..<row * rowDepth + taps
          .upperBound * depth,
        accumulate: accumulate || row > 0, into: sums)
    }
  }

  /// Copies what reaches some pixels beside each other.
  private func gather(
    _ y: Int, _ tapRows: Range<Int>, _ columns: PhaseTaps,
    _ pixels: Range<Int>, perRow: Int
  ) {
    let depth = map.depthPerGroup
    let rowDepth = columns.count * depth
    let isRun = columns.sourceStep == 1 || columns.count == 1
    let stride = map.vertical.stride
    let taps = kernel.rowPhases[y % stride]
    var pixel = pixels.lowerBound
    while pixel < pixels.upperBound {
      let (row, column) = pixel.quotientAndRemainder(dividingBy: perRow)
      let count = min(perRow - column, pixels.upperBound - pixel)
      let destination =
        operand + (pixel - pixels.lowerBound) * tapRows.count * rowDepth
      for (index, tapRow) in tapRows.enumerated() {
        let place =
          (y / stride + row) * taps.step + taps.source(tapRow)
          - touchedRows.lowerBound
        let source =
          copy + place * rowStride
          + (margins.left + column * columns.step + columns.source(0)) * depth
        Compute.copyRuns(
          source, outerStride: count > 1 ? columns.step * depth : 0,
          innerStride: isRun ? 0 : columns.sourceStep * depth,
          to: destination + index * rowDepth,
          outerStride: tapRows.count * rowDepth, innerStride: depth,
          outer: count, inner: isRun ? 1 : columns.count,
          count: isRun ? rowDepth : depth)
      }
      pixel += count
    }
  }
}

/// The products of a gathered operand `[pixels, depth]` with a panel
/// `[depth, width]`.
private struct GatherProduct<Compute: ComputeScalar> {
  let width: Int
  let depth: Int
  let depthBlock: Int
  let pixelBlock: Int
  let panel: UnsafePointer<Compute>
  let operand: UnsafePointer<Compute>
  /// From one pixel of the result to the next.
  let step: Int

  func run(
    pixels: Range<Int>, depths: Range<Int>, accumulate: Bool = false,
    into sums: UnsafeMutablePointer<Compute>
  ) {
    let parts = ceilDivide(pixels.count, pixelBlock)
    var start = depths.lowerBound
    while start < depths.upperBound {
      let part = min(depthBlock, depths.upperBound - start)
      for index in 0..<parts {
        let first = pixels.count * index / parts
        let count = pixels.count * (index + 1) / parts - first
        Compute.multiply(
          rows: count, columns: width, depth: part,
          operand + (pixels.lowerBound + first) * depth + start, stride: depth,
          panel + start * width, stride: width,
          accumulate: accumulate || start > depths.lowerBound,
          into: sums + first * step, stride: step)
      }
      start += part
    }
  }
}
