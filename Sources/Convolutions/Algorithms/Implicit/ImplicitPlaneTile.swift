/// One tile of ``ImplicitPlanes``: some lines of one image, all phases of rows and
/// of columns, some channels of a group.
struct ImplicitPlaneTile<Compute: ComputeScalar> {
  let kernel: ImplicitPlanes<Compute>
  let image: Int
  let group: Int
  /// Of a phase; the last phases may have one less, and so for `positions`.
  let lines: Range<Int>
  let positions: Range<Int>
  /// Of the group.
  let channels: Range<Int>
  let source: StoredPointer
  let result: MutableStoredPointer
  let memory: ImplicitPlaneMemory<Compute>

  private var map: ConvolutionMap { kernel.map }
  private var tiling: ImplicitPlaneTiling { kernel.tiling }
  private var copy: PlaneCopy { tiling.copy }

  /// Results of an axis that positions of all its phases are.
  private func results(_ positions: Range<Int>, _ axis: MapAxis) -> Range<Int> {
    let end = min(positions.upperBound * axis.stride, axis.target)
    return positions.lowerBound * axis.stride..<end
  }

  private var columns: Range<Int> { results(positions, map.horizontal) }

  /// Those of `positions` that a phase has.
  private func positions(
    _ positions: Range<Int>, phase: Int, _ axis: MapAxis
  ) -> Range<Int> {
    positions.clamped(to: 0..<(axis.target - 1 - phase) / axis.stride + 1)
  }

  func run(filter: UnsafeRawPointer, inside: inout PlaneCopy.Inside?) {
    let touchedRows = map.vertical.touching(results(lines, map.vertical))
    let touchedColumns = map.horizontal.touching(columns)
    inside = copy.load(
      map, source, image: image, groups: group..<group + 1, rows: touchedRows,
      columns: touchedColumns, after: inside, into: memory.copy)
    let parts = ceilDivide(channels.count, tiling.channelsTogether)
    for part in 0..<parts {
      let channels = channels.part(part, of: tiling.channelsTogether)
      for rowPhase in kernel.rowPhases.indices {
        let lines = positions(lines, phase: rowPhase, map.vertical)
        guard !lines.isEmpty else { continue }
        for columnPhase in kernel.columnPhases.indices {
          let positions = positions(
            positions, phase: columnPhase, map.horizontal)
          guard !positions.isEmpty else { continue }
          let weights = kernel.weights(
            filter, group: group, rowPhase: rowPhase, columnPhase: columnPhase)
          let phase = Phase(
            tile: self, rowPhase: rowPhase, columnPhase: columnPhase,
            lines: lines, positions: positions, channels: channels,
            firstRow: touchedRows.lowerBound,
            firstColumn: touchedColumns.lowerBound, weights: weights.rows,
            isExact: !weights.areFinite)
          phase.multiply()
        }
        store(rowPhase: rowPhase, lines: lines, channels: channels)
      }
    }
  }

  // MARK: Result

  private func store(rowPhase: Int, lines: Range<Int>, channels: Range<Int>) {
    let shape = tiling.shape(lines: lines.count, columns: positions.count)
    guard !kernel.writesInPlace(shape) else { return }
    let channels = map.targetChannels(channels, of: group)
    let sink = ResultSink(map, result)
    for line in lines {
      let y = rowPhase + line * map.vertical.stride
      sink.storePhases(
        memory.sums + (line - lines.lowerBound) * copy.columns,
        stride: tiling.sumStride, phases: kernel.columnPhases.count,
        phaseStride: tiling.lines * copy.columns, image: image,
        channels: channels, pixel: y * map.targetWidth + columns.lowerBound,
        count: columns.count, scratch: memory.row)
    }
  }

  /// The products of a pair of phases.
  private struct Phase {
    let tile: ImplicitPlaneTile
    let rowPhase: Int
    let columnPhase: Int
    let lines: Range<Int>
    let positions: Range<Int>
    let channels: Range<Int>
    /// Where the copy begins in the source.
    let firstRow: Int
    let firstColumn: Int
    let weights: UnsafePointer<Compute>
    /// Whether each pixel meets the taps that land inside alone.
    let isExact: Bool

    private var kernel: ImplicitPlanes<Compute> { tile.kernel }
    private var map: ConvolutionMap { tile.map }
    private var memory: ImplicitPlaneMemory<Compute> { tile.memory }
    private var copy: PlaneCopy { tile.copy }
    private var rowTaps: PhaseTaps { kernel.rowPhases[rowPhase] }
    private var columnTaps: PhaseTaps { kernel.columnPhases[columnPhase] }

    func multiply() {
      let taps = rowTaps.count * columnTaps.count
      let sum = SumBlocks(taps: taps, depth: map.depthPerGroup)
      for index in 0..<sum.count {
        let part = sum[index]
        for tap in part.taps {
          memory.offsets[tap - part.taps.lowerBound] = offset(tap)
        }
        let blocks = ceilDivide(channels.count, InstructionSet.blockRows)
        for block in 0..<blocks {
          let rows = (0..<channels.count).evenPart(block, of: blocks)
          multiply(
            rows, taps: part.taps, depth: part.channels, adds: index > 0)
        }
      }
    }

    /// Where a tap of the first pixel begins in a plane of the copy.
    private func offset(_ tap: Int) -> Int {
      let (i, j) = tap.quotientAndRemainder(dividingBy: columnTaps.count)
      return copy.place(
        row: lines.lowerBound * rowTaps.step + rowTaps.source(i) - firstRow,
        column: positions.lowerBound * columnTaps.step + columnTaps.source(j)
          - firstColumn)
    }

    /// Multiplies the weights of some channels with all pixels.
    private func multiply(
      _ rows: Range<Int>, taps: Range<Int>, depth: Range<Int>, adds: Bool
    ) {
      let shape = tile.tiling.shape(
        lines: lines.count, columns: positions.count)
      let lineStride = listResults(
        rows, inPlace: kernel.writesInPlace(shape))
      if isExact {
        multiplyExactly(
          rows, taps: taps, depth: depth, lineStride: lineStride, adds: adds)
        return
      }
      for tap in taps {
        listWeights(rows, tap: tap, depth: depth, at: tap - taps.lowerBound)
      }
      for run in 0..<shape.runs {
        let runLines =
          shape.runs == 1
          ? lines : lines.lowerBound + run..<lines.lowerBound + run + 1
        let used = usedTaps(runLines).clamped(to: taps)
        let skipped = used.isEmpty ? 0 : used.lowerBound - taps.lowerBound
        multiply(
          rows, used.count, at: skipped, offsets: memory.offsets + skipped,
          place: run * copy.columns, depth: depth, column: run * lineStride,
          count: shape.pixels, adds: adds)
      }
    }

    /// The same with taps of each pixel.
    private func multiplyExactly(
      _ rows: Range<Int>, taps: Range<Int>, depth: Range<Int>,
      lineStride: Int, adds: Bool
    ) {
      let offsets = memory.offsets + tile.tiling.mostTaps
      let hasTaps = rowTaps.count * columnTaps.count > 0
      for (index, line) in lines.enumerated() {
        let tapRows =
          hasTaps ? rowTaps.indices(at: line, sources: map.sourceHeight) : 0..<0
        for (pixel, position) in positions.enumerated() {
          let tapColumns =
            hasTaps
            ? columnTaps.indices(at: position, sources: map.sourceWidth) : 0..<0
          var count = 0
          for i in tapRows {
            for j in tapColumns {
              let tap = i * columnTaps.count + j
              guard taps.contains(tap) else { continue }
              listWeights(rows, tap: tap, depth: depth, at: count)
              offsets[count] = memory.offsets[tap - taps.lowerBound]
              count += 1
            }
          }
          multiply(
            rows, count, at: 0, offsets: offsets,
            place: index * copy.columns + pixel, depth: depth,
            column: index * lineStride + pixel, count: 1, adds: adds)
        }
      }
    }

    /// Multiplies the weights listed of some taps with pixels beside each other.
    private func multiply(
      _ rows: Range<Int>, _ taps: Int, at first: Int,
      offsets: UnsafePointer<Int>, place: Int, depth: Range<Int>, column: Int,
      count: Int, adds: Bool
    ) {
      guard taps > 0 || !adds else { return }
      Compute.multiplyPanels(
        rows: rows.count,
        sources: UnsafePointer(memory.weights + first * rows.count),
        taps: taps, depth: depth.count, offsets: offsets,
        memory.copy + depth.lowerBound * copy.planeStride + place,
        stride: ImplicitPlanes<Compute>.lineWidth, step: copy.planeStride,
        into: UnsafePointer(memory.results), column: column, columns: count,
        adds: adds)
    }

    /// Lists where channels have their weights of a tap.
    private func listWeights(
      _ rows: Range<Int>, tap: Int, depth: Range<Int>, at place: Int
    ) {
      let stride = kernel.rowStride(taps: rowTaps.count * columnTaps.count)
      let first =
        weights + (channels.lowerBound + rows.lowerBound) * stride
        + tap * map.depthPerGroup + depth.lowerBound
      let list = memory.weights + place * rows.count
      for row in 0..<rows.count { list[row] = first + row * stride }
    }

    /// Lists where the sums of channels go; returns from one line to the next.
    private func listResults(_ rows: Range<Int>, inPlace: Bool) -> Int {
      if inPlace,
        let result: UnsafeMutablePointer<Compute> = tile.result.asCompute()
      {
        let width = map.targetWidth
        let y = rowPhase + lines.lowerBound * map.vertical.stride
        let channel =
          tile.image * map.targetChannels + tile.group * map.channelsPerGroup
          + channels.lowerBound
        for row in rows {
          memory.results[row - rows.lowerBound] =
            result + ((channel + row) * map.targetHeight + y) * width
            + positions.lowerBound
        }
        return lines.count > 1 ? map.vertical.stride * width : 0
      }
      let first =
        memory.sums + columnPhase * tile.tiling.lines * copy.columns
      for row in rows {
        memory.results[row - rows.lowerBound] =
          first + row * tile.tiling.sumStride
      }
      return copy.columns
    }

    /// From the first to the last tap that lands inside, above and below, for any
    /// of some lines.
    private func usedTaps(_ lines: Range<Int>) -> Range<Int> {
      guard rowTaps.count > 0 else { return 0..<0 }
      let first = rowTaps.indices(
        at: lines.upperBound - 1, sources: map.sourceHeight
      ).lowerBound
      let end = rowTaps.indices(
        at: lines.lowerBound, sources: map.sourceHeight
      ).upperBound
      guard first < end else { return 0..<0 }
      return first * columnTaps.count..<end * columnTaps.count
    }
  }
}
