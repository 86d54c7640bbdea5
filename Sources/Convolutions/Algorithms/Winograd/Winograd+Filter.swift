// The filter, transformed for each phase.

extension Winograd {
  // The plain panels, and zeros; then per phase, group and panel of channels
  // `[products, depth, channels]`.

  var filterByteCount: Int {
    firstWeight.last! * MemoryLayout<Compute>.stride
  }

  var filterPartCount: Int { map.groups * plain.blocksPerGroup }

  /// Where the transformed filter has a channel of a group.
  func weightOffset(phase: Int, group: Int, channel: Int) -> Int {
    let rest = channel % Self.panelWidth
    return firstWeight[phase]
      + phases[phase].products * folded.depthPerGroup
      * (group * weightChannels + channel - rest) + rest
  }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    plain.pack(part: part, from: StoredFilter(map, filter), into: prepared)
    let (group, block) = part.quotientAndRemainder(
      dividingBy: plain.blocksPerGroup)
    let channels = plain.channels(block: block)
    let numbers = prepared.assumingMemoryBound(to: Compute.self)
    let panels = numbers + plain.offset(group: group, block: block)
    let panelCount = map.depthPerGroup * channels.count
    let zeros =
      numbers + firstZero + part * map.depthPerGroup * plain.channelBlock
    if map.classes > 1 { zeros.update(repeating: .zero, count: panelCount) }
    for (index, phase) in phases.enumerated() {
      for row in 0..<map.vertical.classes {
        for column in 0..<map.horizontal.classes {
          let rank = row * map.horizontal.classes + column
          var first = channels.lowerBound
          while first < channels.upperBound {
            let width = Self.panelWidth
            let count = min(width, channels.upperBound - first)
            let place =
              numbers
              + weightOffset(phase: index, group: group, channel: first)
              + rank * map.depthPerGroup * width
            if count < width { clear(place, phase) }
            transform(
              phase, rowClass: row, columnClass: column,
              panels + first - channels.lowerBound,
              stride: channels.count, zeros: zeros - panels, channels: count,
              to: place)
            first += count
          }
        }
      }
    }
  }

  /// Zeros in place of what fills the last panel up.
  private func clear(
    _ panel: UnsafeMutablePointer<Compute>, _ phase: WinogradPhase
  ) {
    for product in 0..<phase.products {
      (panel + product * folded.depthPerGroup * Self.panelWidth)
        .update(repeating: .zero, count: map.depthPerGroup * Self.panelWidth)
    }
  }

  /// Transforms the panels of one class of taps.
  private func transform(
    _ phase: WinogradPhase, rowClass: Int, columnClass: Int,
    _ panels: UnsafePointer<Compute>, stride panelStride: Int, zeros: Int,
    channels: Int, to destination: UnsafeMutablePointer<Compute>
  ) {
    let (rows, columns) = (phase.vertical.taps, phase.horizontal.taps)
    let panelCount = map.depthPerGroup * panelStride
    func tap(
      _ axis: MapAxis, _ taps: PhaseTaps, _ index: Int, _ c: Int
    ) -> Int? {
      axis.step == 1 ? taps.tap(index) : axis.tap(folded: index, class: c)
    }
    withUnsafeTemporaryAllocation(of: Int.self, capacity: phase.taps) {
      for i in 0..<rows.count {
        for j in 0..<columns.count {
          let place: Int
          if let row = tap(map.vertical, rows, i, rowClass),
            let column = tap(map.horizontal, columns, j, columnClass)
          {
            place = (row * map.kernelWidth + column) * panelCount
          } else {
            place = zeros
          }
          $0[i * columns.count + j] = place
        }
      }
      Compute.winogradFilter(
        panels, stride: panelStride, taps: $0.baseAddress!,
        vertical: phase.vertical.transform,
        horizontal: phase.horizontal.transform, to: destination,
        stride: Self.panelWidth,
        productStride: folded.depthPerGroup * Self.panelWidth,
        depth: map.depthPerGroup, count: channels,
        streams: isLarge)
    }
  }
}
