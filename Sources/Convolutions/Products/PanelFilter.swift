internal import CConvolutionKernels

/// A filter packed for products of our own: panels of as many channels of the
/// result as a cache line holds, each `[steps, channels of a panel]`, where a step
/// is one channel of the source of one tap.
///
/// Panels of a phase of taps follow each other; phases do within a group. The
/// last panel of a phase is filled up with zeros. One layout serves all instruction
/// sets.
struct PanelFilter<Compute: ComputeScalar>: Sendable {
  /// Channels of a panel.
  static var width: Int { 64 / MemoryLayout<Compute>.stride }

  /// Channels of the source in a group.
  let depth: Int
  /// Panels of a group and phase.
  let panelCount: Int
  /// Scalars of one group.
  let groupStride: Int

  init(_ map: ConvolutionMap) {
    depth = map.depthPerGroup
    panelCount = ceilDivide(map.channelsPerGroup, Self.width)
    groupStride = map.taps * map.depthPerGroup * panelCount * Self.width
  }

  /// Where the panels of a phase start in their group, in scalars, behind those
  /// of phases with so many taps.
  func offset(tapsBefore: Int) -> Int {
    tapsBefore * depth * panelCount * Self.width
  }

  /// From one panel to the next of a phase with so many taps, in scalars.
  func panelStride(taps: Int) -> Int { taps * depth * Self.width }

  /// Writes one tap of a phase into all panels of a group.
  ///
  /// - Parameters:
  ///   - place: of the tap among those of its phase.
  ///   - panels: the first panel of the phase.
  func pack(
    tap: Int, place: Int, of taps: Int, group: Int,
    from filter: StoredFilter, channels: Int,
    into panels: UnsafeMutablePointer<Compute>
  ) {
    for panel in 0..<panelCount {
      let range = (0..<channels).part(panel, of: Self.width)
      let lines =
        panels + panel * panelStride(taps: taps) + place * depth * Self.width
      if range.count < Self.width {
        lines.update(repeating: .zero, count: depth * Self.width)
      }
      filter.copyByDepth(
        tap: tap, group: group, channels: range, to: lines, stride: Self.width)
    }
  }
}
