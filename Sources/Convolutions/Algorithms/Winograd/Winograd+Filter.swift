// The filter, transformed for each phase.

extension Winograd {
  // The plain panels, and zeros; then per phase, group and block of channels
  // `[products, depth, block channels]`, a block being a panel where products are
  // on panels.

  var filterByteCount: Int {
    firstWeight.last! * MemoryLayout<Compute>.stride
  }

  var filterPartCount: Int { map.groups * plain.blocksPerGroup }

  /// Where the transformed filter starts from a channel of a group on, `[products,
  /// depth, channels]`, and its channels.
  func weights(phase: Int, group: Int, channel: Int) -> (
    offset: Int, channels: Int
  ) {
    let first = channel / channelBlock * channelBlock
    let channels = min(channelBlock, weightChannels - first)
    let block =
      phases[phase].products * folded.depthPerGroup
      * (group * weightChannels + first)
    return (firstWeight[phase] + block + channel - first, channels)
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
          let together = products == .panels ? Self.panelWidth : channels.count
          var first = channels.lowerBound
          while first < channels.upperBound {
            let count = min(together, channels.upperBound - first)
            let weights = weights(phase: index, group: group, channel: first)
            let place =
              numbers + weights.offset
              + rank * map.depthPerGroup * weights.channels
            if products == .panels, count < weights.channels {
              clear(place, phase, stride: weights.channels)
            }
            transform(
              phase, rowClass: row, columnClass: column,
              panels + first - channels.lowerBound,
              stride: channels.count, zeros: zeros - panels, channels: count,
              to: place, stride: weights.channels)
            first += count
          }
        }
      }
    }
  }

  /// Zeros in place of what fills the last panel up.
  func clear(
    _ panel: UnsafeMutablePointer<Compute>, _ phase: WinogradPhase, stride: Int
  ) {
    for product in 0..<phase.products {
      (panel + product * folded.depthPerGroup * stride)
        .update(repeating: .zero, count: map.depthPerGroup * stride)
    }
  }

  /// Transforms the panels of one class of taps.
  func transform(
    _ phase: WinogradPhase, rowClass: Int, columnClass: Int,
    _ panels: UnsafePointer<Compute>, stride panelStride: Int, zeros: Int,
    channels: Int, to destination: UnsafeMutablePointer<Compute>, stride: Int
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
        stride: stride, productStride: folded.depthPerGroup * stride,
        depth: map.depthPerGroup, count: channels,
        // What no cache holds.
        streams: filterByteCount > 16 << 20)
    }
  }
}
