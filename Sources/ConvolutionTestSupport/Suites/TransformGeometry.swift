import Convolutions

/// Draws problems for the `transforms` suite: images of one to three tiles along
/// each axis, mostly not whole, and so many of them, and channels, that impulses
/// come to each place of a tile with each tap.
package enum TransformGeometry {
  /// Most numbers of a result.
  private static let mostResults = 600_000

  package static func draw(
    _ operation: ConvolutionOperation, seed: UInt64, _ format: DataFormat,
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry {
    let sets = WinogradSetPair(seed: seed)
    let kind = TransformData(seed: seed)
    while true {
      // Now and then one axis has no transform.
      let plain = generator.int(0...19)
      let vertical = side(
        sets.rows, operation, isPlain: plain == 0, using: &generator)
      let horizontal = side(
        sets.columns, operation, isPlain: plain == 1, using: &generator)
      guard let vertical, let horizontal else { continue }
      func geometry(
        _ batch: Int, _ groups: Int, _ inputs: Int, _ outputs: Int
      ) -> Conv2DGeometry? {
        RandomGeometry.geometry(
          vertical, horizontal, batch: batch, inputChannels: groups * inputs,
          outputChannels: groups * outputs, groups: groups, format,
          padding: .explicit(
            top: vertical.padBefore, bottom: vertical.padAfter,
            left: horizontal.padBefore, right: horizontal.padAfter,
            dataFormat: format))
      }
      guard let one = geometry(1, 1, 1, 1) else { continue }
      let rows = TransformAxis(operation, one, axis: 0, sets.rows)
      let columns = TransformAxis(operation, one, axis: 1, sets.columns)
      let groups = generator.chance(percent: 20) ? 2 : 1
      let shifts = rows.period * columns.period
      let taps = rows.others * columns.others
      let plane = rows.results * columns.results
      var (batch, fromChannels, toChannels): (Int, Int, Int)
      switch (kind, operation) {
      case (.dense, .filterGradient):
        batch = generator.int(1...2)
        (fromChannels, toChannels) = (
          generator.int(1...18), generator.int(1...2)
        )
      case (.dense, _):
        batch = generator.int(1...2)
        fromChannels =
          generator.chance(percent: 10) ? 70 : generator.int(1...20)
        toChannels = fromChannels > 20 ? 1 : generator.int(1...2)
      case (.impulses, .filterGradient):
        batch = generator.int(1...3)
        fromChannels = min(shifts, generator.int(17...120))
        toChannels = min(taps, mostResults / (fromChannels * plane * groups))
        toChannels = min(toChannels, generator.int(17...240))
      case (.impulses, _):
        fromChannels = generator.int(1...20)
        toChannels = taps + generator.int(0...3)
        batch = min(shifts, mostResults / (groups * toChannels * plane))
      }
      let isForward = operation == .forward
      let drawn = geometry(
        batch, groups,
        isForward
          || kind == .impulses
            && operation
              == .filterGradient
          ? fromChannels : toChannels,
        isForward ? toChannels : fromChannels)
      if let drawn, batch > 0 { return drawn }
    }
  }

  private static func side(
    _ set: WinogradSet, _ operation: ConvolutionOperation, isPlain: Bool,
    using generator: inout SeededGenerator
  ) -> RandomGeometry.Side? {
    let isFilter = operation == .filterGradient
    let taps = isPlain ? 1 : generator.int(set.taps)
    let outputs = isPlain ? 2 : set.inputs - taps + 1
    var (stride, dilation) = (1, 1)
    switch generator.int(0...9) {
    case 0...1 where !isFilter && !isPlain: stride = 2
    case 2 where !isFilter && !isPlain && outputs < 5: stride = 3
    case 3...4 where !isFilter && !isPlain: dilation = 2
    // Strided and dilated at once.
    case 5 where operation == .inputGradient && !isPlain && outputs < 5:
      (stride, dilation) = (2, 3)
    default: break
    }
    let step = operation == .inputGradient ? stride * dilation : dilation
    // Of the filter gradient the taps are the outputs of a tile.
    let tiles = step == 1 ? generator.int(1...2) : 1
    let rest = generator.int(0...outputs - 1)
    var kernel = taps
    if isFilter, !isPlain {
      kernel = outputs
      guard set.taps.contains(kernel) else { return nil }
    } else if stride > 1 {
      // Phases with fewer taps, for which the set has loops too, or with one.
      kernel = stride * taps - generator.int(0...stride - 1)
      guard set.taps.contains(kernel / stride) || kernel / stride == 1 else {
        return nil
      }
    }
    let most = (kernel - 1) * dilation
    var side = RandomGeometry.Side(
      input: 0, output: 0, kernel: kernel, stride: stride, dilation: dilation,
      padBefore: generator.int(0...most), padAfter: generator.int(0...most))
    let pads = side.padBefore + side.padAfter
    let window = most + 1
    switch operation {
    case .inputGradient:
      side.input =
        (outputs * tiles + rest) * step - generator.int(0...step - 1)
      guard side.input + pads >= window, side.input >= stride else {
        return nil
      }
      side.output = (side.input + pads - window) / stride + 1
    case .forward:
      side.output = outputs * tiles * step + rest
      side.input =
        (side.output - 1) * stride + window + generator.int(0...stride - 1)
        - pads
    case .filterGradient:
      side.output = (isPlain ? 2 : taps) * tiles
      side.output += generator.int(0...max(1, taps - 1))
      side.input = side.output - 1 + kernel - pads
    }
    let source = operation == .inputGradient ? side.output : side.input
    return side.input > 0 && side.output > 0 && source >= dilation
      ? side : nil
  }
}
