internal import CConvolutionKernels

// Phases of one tap that lands inside for each pixel: their rows lie evenly, and
// no table says where.

extension ImplicitTile {
  /// Rows of the source, and where their sums go.
  private struct Run {
    let source: UnsafePointer<Compute>
    let result: UnsafeMutablePointer<Compute>
    var count: Int
  }

  /// Multiplies the tile's pixels of one phase of columns, if they are such.
  func multiplyRows(
    columnPhase: Int, copy: Copy?, filter: UnsafeRawPointer
  ) -> Bool {
    let columnTaps = kernel.columnPhases[columnPhase]
    let horizontal = map.horizontal
    let positions = positions.clamped(
      to: 0..<(map.targetWidth - 1 - columnPhase) / horizontal.stride + 1)
    guard kernel.evenRows[rowPhase], kernel.evenColumns[columnPhase] else {
      return false
    }
    guard !positions.isEmpty else { return true }
    let depth = map.depthPerGroup
    let (pixelStride, results, channels, firstChannel) = resultPlaces
    let sourceStep = (copy?.step ?? columnTaps.step) &* pixelStride
    let resultStep = horizontal.stride * channels
    let sources =
      copy == nil
      ? (source + group * depth).asCompute()! : UnsafePointer(memory.copy)
    let shift =
      positions.lowerBound &* sourceStep
      &+ columnOffset(of: 0, columnTaps) &* tapSteps(copy).column
    let x = columnPhase + positions.lowerBound * horizontal.stride
    var ahead = rowsAhead(calls: columnPhase > 0 ? 0 : 1)
    var run: Run?
    func finish() {
      guard let run else { return }
      multiply(
        run, sourceStep: sourceStep, resultStep: resultStep,
        columnPhase: columnPhase, filter: filter, ahead: &ahead)
    }
    forEachLine(copy) { line in
      let source = sources + (line.place &+ shift)
      let result = results + (line.result + x) * channels + firstChannel
      if let last = run, source == last.source + last.count &* sourceStep,
        result == last.result + last.count &* resultStep
      {
        run!.count += positions.count
        return
      }
      finish()
      run = Run(source: source, result: result, count: positions.count)
    }
    finish()
    return true
  }

  private func multiply(
    _ run: Run, sourceStep: Int, resultStep: Int, columnPhase: Int,
    filter: UnsafeRawPointer, ahead: inout Ahead
  ) {
    let width = PanelFilter<Compute>.width
    let panelStride = kernel.panels.panelStride(taps: 1)
    let first =
      kernel.weights(
        filter, group: group, rowPhase: rowPhase, columnPhase: columnPhase
      ).panels + panels.lowerBound * panelStride
    let sum = SumBlocks(taps: 1, depth: map.depthPerGroup)
    for index in 0..<sum.count {
      let terms = sum[index].channels
      let next: UnsafePointer<Compute>
      let asks: conv_asks
      if ahead.left > 0 {
        asks = CONV_ASKS_ROWS
        next = ahead.address.assumingMemoryBound(to: Compute.self)
      } else {
        asks = kernel.asksForPanels ? CONV_ASKS_PANELS : CONV_ASKS_NOTHING
        let isLast = index == sum.count - 1
        next = first + (isLast ? 0 : sum[index + 1].channels.lowerBound * width)
      }
      Compute.multiplyRows(
        run.count, run.source + terms.lowerBound, stride: sourceStep,
        depth: terms.count, first + terms.lowerBound * width,
        panelStride: panelStride, step: width, into: run.result,
        stride: resultStep, columns: channels.count, adds: index > 0,
        asks: asks, next: next,
        nextCount: ahead.left / MemoryLayout<Compute>.stride)
      ahead.left = 0
    }
  }
}
