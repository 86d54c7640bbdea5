internal import CConvolutionKernels

/// One tile of ``Implicit``: some lines of one phase of rows, all phases of
/// columns.
struct ImplicitTile<Compute: ComputeScalar> {
  let kernel: Implicit<Compute>
  let group: Int
  let rowPhase: Int
  /// Lines of the phase in one image.
  let height: Int
  /// Counted over all images.
  let lines: Range<Int>
  /// The lines of the tile after this one, if there is one.
  let next: Range<Int>?
  let columnPart: Int
  let panels: Range<Int>
  let source: StoredPointer
  let result: MutableStoredPointer
  let memory: ImplicitMemory<Compute>

  var map: ConvolutionMap { kernel.map }
  var tiling: ImplicitTiling { kernel.tiling }
  var rowTaps: PhaseTaps { kernel.rowPhases[rowPhase] }

  /// Channels of the group that the tile has.
  var channels: Range<Int> {
    let width = PanelFilter<Compute>.width
    return panels.lowerBound
      * width..<min(
        panels.upperBound * width, map.channelsPerGroup)
  }

  /// Positions of each phase of columns, of which the last may have none.
  var positions: Range<Int> {
    let width = ceilDivide(map.targetWidth, map.horizontal.stride)
    return (0..<width).part(columnPart, of: tiling.columns)
  }

  /// Columns of the result.
  var columns: Range<Int> {
    let stride = map.horizontal.stride
    return positions.lowerBound
      * stride..<min(
        positions.upperBound * stride, map.targetWidth)
  }

  func run(filter: UnsafeRawPointer) {
    let copy = tiling.copies ? load() : nil
    memory.zeros.update(repeating: .zero, count: kernel.zeroCount)
    for columnPhase in kernel.columnPhases.indices {
      if multiplyRows(columnPhase: columnPhase, copy: copy, filter: filter) {
        continue
      }
      let count = findPixels(columnPhase: columnPhase, copy: copy)
      guard count > 0 else { continue }
      if rowTaps.count * kernel.columnPhases[columnPhase].count == 0 {
        for pixel in 0..<count {
          memory.results[pixel]!
            .update(repeating: .zero, count: channels.count)
        }
        continue
      }
      multiply(count, columnPhase: columnPhase, copy: copy, filter: filter)
    }
    if !kernel.sumsInResult { store() }
  }

  func image(_ line: Int) -> (image: Int, line: Int) {
    let (image, rest) = line.quotientAndRemainder(dividingBy: height)
    return (image, rest)
  }

  // MARK: Pixels

  /// Lists the tile's pixels of one phase of columns; returns how many.
  ///
  /// Of a small image those that the same taps reach follow each other, so that
  /// register blocks skip taps that fall outside: a third of them along a border
  /// of 3x3 taps (7x7x512: 1.1x).
  private func findPixels(columnPhase: Int, copy: Copy?) -> Int {
    let horizontal = map.horizontal
    let columnTaps = kernel.columnPhases[columnPhase]
    let phaseColumns =
      (map.targetWidth - 1 - columnPhase) / horizontal.stride + 1
    let positions = positions.clamped(to: 0..<phaseColumns)
    guard rowTaps.count * columnTaps.count > 1,
      positions.count <= ImplicitTiling.smallWidth
    else {
      return findPixels(
        columnPhase, positions, lines: 0..<height, copy: copy, after: 0)
    }
    let innerLines = rowTaps.inner(
      positions: height, sources: map.sourceHeight)
    let innerColumns = columnTaps.inner(
      positions: phaseColumns, sources: map.sourceWidth)
    var count = 0
    for part in 0..<9 {
      count = findPixels(
        columnPhase,
        innerColumns.part(part % 3, of: 0..<phaseColumns)
          .clamped(to: positions),
        lines: innerLines.part(part / 3, of: 0..<height), copy: copy,
        after: count)
    }
    return count
  }

  /// The same of some positions of some lines of each image, behind those listed
  /// already.
  private func findPixels(
    _ columnPhase: Int, _ positions: Range<Int>, lines listed: Range<Int>,
    copy: Copy?, after first: Int
  ) -> Int {
    let horizontal = map.horizontal
    let step = kernel.columnPhases[columnPhase].step
    let (pixelStride, base, allChannels, firstChannel) = resultPlaces
    let pixelStep = (copy?.step ?? step) &* pixelStride
    var count = first
    forEachLine(copy) { line in
      guard listed.contains(line.index) else { return }
      for q in positions {
        memory.pixels[count] = ImplicitPixel(
          place: line.place &+ q &* pixelStep, row: line.row,
          column: q &* step)
        let x = columnPhase + q * horizontal.stride
        memory.results[count] =
          base + (line.result + x) * allChannels + firstChannel
        count += 1
      }
    }
    return count
  }

  /// A line of pixels of the phase of rows.
  struct Line {
    /// In its image.
    let index: Int
    /// Where its first tap reads: a row of the source, and where that begins.
    let row: Int
    let place: Int
    /// The first pixel of its result.
    let result: Int
  }

  func forEachLine(_ copy: Copy?, _ body: (Line) -> Void) {
    let firstRow = rowTaps.count > 0 ? rowTaps.source(0) : 0
    var copied = 0
    forEachImage { image, lines in
      for line in lines {
        let row = line &* rowStep &+ firstRow
        let y = rowPhase + line * map.vertical.stride
        let place: Int
        if let copy {
          place = copied &* copy.rowStride &- copy.first &* map.depthPerGroup
          copied +=
            tiling.isDense
            ? (line == lines.upperBound - 1
              ? max(0, rowTaps.count - 1) * rowTaps.sourceStep + 1 : rowStep)
            : rowTaps.count
        } else {
          place =
            (image &* map.sourceHeight &+ row) &* map.sourceWidth
            &* map.sourceChannels
        }
        body(
          Line(
            index: line, row: row, place: place,
            result: kernel.sumsInResult
              ? (image * map.targetHeight + y) * map.targetWidth
              : lineIndex(image, line) * columns.count - columns.lowerBound))
      }
    }
  }

  private func lineIndex(_ image: Int, _ line: Int) -> Int {
    image * height + line - lines.lowerBound
  }

  /// Where pixels of the source and of the sums lie.
  var resultPlaces:
    (
      pixelStride: Int, base: UnsafeMutablePointer<Compute>, channels: Int,
      firstChannel: Int
    )
  {
    let pixelStride = tiling.copies ? map.depthPerGroup : map.sourceChannels
    guard kernel.sumsInResult,
      let result: UnsafeMutablePointer<Compute> = result.asCompute()
    else {
      return (pixelStride, memory.sums, channels.count, 0)
    }
    return (
      pixelStride, result, map.targetChannels,
      group * map.channelsPerGroup + channels.lowerBound
    )
  }

  // MARK: Result

  private func store() {
    let sink = ResultSink(map, result)
    let channels = map.targetChannels(self.channels, of: group)
    forEachImage { image, lines in
      for line in lines {
        let y = rowPhase + line * map.vertical.stride
        sink.store(
          memory.sums
            + lineIndex(image, line) * columns.count * channels.count,
          image: image, channels: channels, rows: y..<y + 1, columns: columns)
      }
    }
  }
}

extension Range<Int> {
  /// The range itself, what is before it in another one, and what is behind it.
  fileprivate func part(_ index: Int, of whole: Range<Int>) -> Range<Int> {
    switch index {
    case 0: self
    case 1: whole.lowerBound..<lowerBound
    default: upperBound..<whole.upperBound
    }
  }
}
