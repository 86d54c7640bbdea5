import Convolutions

/// Draws problems: mostly small, with the sizes at which the library changes
/// its ways now and then.
package enum RandomGeometry {
  /// Most multiply-adds of a drawn problem.
  static let maximumWork = 3_000_000

  /// One axis of a problem, before validation.
  struct Side {
    var input: Int
    var output: Int
    var kernel: Int
    var stride: Int
    var dilation: Int
    var padBefore: Int
    var padAfter: Int
  }

  private enum PaddingMode { case same, valid, explicit }

  /// The random case `index` of a suite; two of seven are strided and dilated
  /// at once.
  package static func draw(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry {
    while true {
      let kind = generator.int(0...99)
      let geometry: Conv2DGeometry? =
        switch kind {
        case ..<40: small(using: &generator)
        case ..<50: narrowGroups(using: &generator)
        case ..<58: medium(using: &generator)
        case ..<68: deep(using: &generator)
        case ..<76: wide(using: &generator)
        case ..<86: pointwise(using: &generator)
        case ..<91: transformed(using: &generator)
        case ..<93: banded(using: &generator)
        case ..<98: KnownGeometries.scaledLayer(using: &generator)
        default: degenerate(using: &generator)
        }
      if let geometry, work(geometry) <= maximumWork { return geometry }
    }
  }

  static func work(_ geometry: Conv2DGeometry) -> Int {
    Int(geometry.flops / 2)
  }

  // MARK: - Kinds

  private static func small(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let groups =
      generator.chance(percent: 30) ? generator.int(2...6) : 1
    return make(
      outputs: 0...7, kernels: 1...5, groups: groups,
      inputChannels: groups * generator.int(1...(12 / groups)),
      outputChannels: groups * generator.int(1...(12 / groups)),
      using: &generator)
  }

  /// Enough work for more than one thread.
  private static func medium(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let groups = generator.pick([1, 1, 2, 4, 8])
    return make(
      outputs: 5...16, kernels: 2...4, groups: groups,
      inputChannels: groups * generator.int(2...(40 / groups)),
      outputChannels: groups * generator.int(2...(40 / groups)),
      using: &generator)
  }

  /// Depthwise layers and groups of a few channels, as many in as out, around
  /// the lengths of vectors.
  private static func narrowGroups(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let width = generator.pick([1, 1, 2, 4, 8])
    let groups = max(
      2, generator.pick([5, 16, 20, 32, 64, 72, 100, 144]) / width)
    return make(
      outputs: 1...9, kernels: 1...5, groups: groups,
      inputChannels: groups * width, outputChannels: groups * width,
      using: &generator)
  }

  /// Channels around the edges of blocks, on tiny images.
  private static func deep(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let sizes = [1, 3, 7, 16, 31, 33, 64, 97, 101, 128, 130, 160, 200]
    let depths = sizes + [255, 257, 300, 511, 513, 600]
    return make(
      outputs: 1...4, kernels: 1...3, groups: 1,
      inputChannels: generator.pick(sizes),
      outputChannels: generator.pick(depths), using: &generator)
  }

  /// Rows longer than a tile, along either axis.
  private static func wide(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let groups = generator.pick([1, 1, 1, 2])
    return make(
      outputs: 1...3, longOutputs: 40...200, kernels: 1...7, groups: groups,
      inputChannels: groups * generator.int(1...10),
      outputChannels: groups * generator.int(1...10), using: &generator)
  }

  /// 1x1 kernels with stride 1 and no padding.
  private static func pointwise(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let groups = generator.pick([1, 1, 1, 2, 3])
    let channels = [1, 2, 5, 16, 31, 48, 64, 97, 130, 200]
    let height = generator.int(1...(generator.chance(percent: 20) ? 40 : 6))
    let width = generator.int(1...(generator.chance(percent: 20) ? 40 : 6))
    let cin = generator.pick(channels)
    let cout = generator.pick(channels + [300, 513, 600])
    let format = generator.pick(DataFormat.allCases)
    let batch = generator.int(1...3)
    return try? Conv2DGeometry(
      inputSizes: format.order(
        batch: batch, height: height, width: width, channels: groups * cin),
      filterSizes: [1, 1, cin, groups * cout],
      outBackpropSizes: format.order(
        batch: batch, height: height, width: width, channels: groups * cout),
      padding: generator.chance(percent: 50) ? .same : .valid,
      dataFormat: format)
  }

  /// Stride and dilation 1 with many taps or little depth, where Winograd is
  /// least accurate beside a plain sum.
  private static func transformed(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let few = generator.int(1...16)
    let many = generator.int(24...64)
    let (cin, cout) = generator.pick(
      [(few, many), (many, few), (many, generator.int(24...64))])
    return make(
      outputs: 3...16, kernels: generator.pick([2...5, 6...8]), groups: 1,
      inputChannels: cin, outputChannels: cout, isDense: true,
      using: &generator)
  }

  /// Results whose sums are beyond 256 KB.
  private static func banded(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    make(
      outputs: 24...40, kernels: 1...3, groups: 1,
      inputChannels: generator.int(40...110),
      outputChannels: generator.int(1...3), batches: 1...2, using: &generator)
  }

  /// Problems without an answer but zero, or without a result.
  private static func degenerate(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let format = generator.pick(DataFormat.allCases)
    let (batch, cin, cout) = (
      generator.int(0...2), generator.int(0...3), generator.int(0...3)
    )
    // VALID, with a kernel that just does not fit: no window.
    let kernel = generator.int(1...4)
    let stride = generator.int(2...4)
    let input = max(0, kernel - generator.int(1...stride - 1))
    let width = generator.int(1...4)
    return try? Conv2DGeometry(
      inputSizes: format.order(
        batch: batch, height: input, width: width, channels: cin),
      filterSizes: [kernel, 1, max(1, cin), cout],
      outBackpropSizes: format.order(
        batch: batch, height: 0, width: width, channels: cout),
      strides: format.order(batch: 1, height: stride, width: 1, channels: 1),
      padding: .valid, dataFormat: format)
  }

  // MARK: - Assembly

  private static func make(
    outputs: ClosedRange<Int>, longOutputs: ClosedRange<Int>? = nil,
    kernels: ClosedRange<Int>, groups: Int, inputChannels: Int,
    outputChannels: Int, batches: ClosedRange<Int> = 1...4,
    isDense: Bool = false, using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let mode = generator.pick(
      [PaddingMode.same, .valid, .explicit, .explicit])
    // Strided and dilated at once often, since each alone is the easier case.
    let both = !isDense && generator.chance(percent: 45)
    func side(_ outputs: ClosedRange<Int>) -> Side {
      let output = max(generator.int(outputs), generator.int(0...2))
      let kernel = generator.int(kernels)
      var (stride, dilation) = (1, 1)
      if both {
        stride = generator.int(2...4)
        dilation = generator.int(2...3)
      } else if !isDense {
        if generator.chance(percent: 40) { stride = generator.int(1...7) }
        if generator.chance(percent: 30) { dilation = generator.int(1...4) }
      }
      return axis(
        output: output, kernel: kernel, stride: stride, dilation: dilation,
        mode, using: &generator)
    }
    let longIsVertical = generator.chance(percent: 30)
    let vertical = side(
      longIsVertical ? longOutputs ?? outputs : outputs)
    let horizontal = side(
      longIsVertical ? outputs : longOutputs ?? outputs)
    let format = generator.pick(DataFormat.allCases)
    // A missing batch offset shows with two images only.
    let batch = max(generator.int(batches), generator.int(batches))
    return geometry(
      vertical, horizontal, batch: batch, inputChannels: inputChannels,
      outputChannels: outputChannels, groups: groups, format,
      padding: mode == .same
        ? .same
        : mode == .valid
          ? .valid
          : .explicit(
            top: vertical.padBefore, bottom: vertical.padAfter,
            left: horizontal.padBefore, right: horizontal.padAfter,
            dataFormat: format))
  }

  /// A side with about `output` windows; its own arithmetic, not the library's.
  private static func axis(
    output: Int, kernel: Int, stride: Int, dilation: Int, _ mode: PaddingMode,
    using generator: inout SeededGenerator
  ) -> Side {
    let window = (kernel - 1) * dilation + 1
    let output = max(1, output)
    let rest = generator.int(0...stride - 1)
    var side = Side(
      input: (output - 1) * stride + 1 + rest, output: output, kernel: kernel,
      stride: stride, dilation: dilation, padBefore: 0, padAfter: 0)
    if mode == .same { return side }
    if mode == .explicit {
      let most = generator.chance(percent: 25) ? window + 2 : min(3, window)
      side.padBefore = generator.int(0...most)
      side.padAfter = generator.int(0...most)
    }
    let pads = side.padBefore + side.padAfter
    side.input = max(1, (output - 1) * stride + window + rest - pads)
    side.output = (side.input + pads - window + stride) / stride
    return side
  }

  /// The validated problem of two sides; `nil` if it is none.
  static func geometry(
    _ vertical: Side, _ horizontal: Side, batch: Int, inputChannels: Int,
    outputChannels: Int, groups: Int, _ format: DataFormat, padding: Padding
  ) -> Conv2DGeometry? {
    try? Conv2DGeometry(
      inputSizes: format.order(
        batch: batch, height: vertical.input, width: horizontal.input,
        channels: inputChannels),
      filterSizes: [
        vertical.kernel, horizontal.kernel, inputChannels / groups,
        outputChannels,
      ],
      outBackpropSizes: format.order(
        batch: batch, height: vertical.output, width: horizontal.output,
        channels: outputChannels),
      strides: format.order(
        batch: 1, height: vertical.stride, width: horizontal.stride,
        channels: 1),
      padding: padding, dataFormat: format,
      dilations: format.order(
        batch: 1, height: vertical.dilation, width: horizontal.dilation,
        channels: 1))
  }
}
