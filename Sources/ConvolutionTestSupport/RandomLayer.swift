import Convolutions

/// Draws layers such as networks have, for judging choices on layers that
/// nobody tuned for.
public enum RandomLayer {
  /// A layer of 5 MFLOP to 2 GFLOP.
  public static func draw(
    dataFormat: DataFormat, using generator: inout SeededGenerator
  ) -> Conv2DGeometry {
    while true {
      if let geometry = candidate(dataFormat, using: &generator),
        (5e6...2e9).contains(geometry.flops)
      {
        return geometry
      }
    }
  }

  private static func candidate(
    _ dataFormat: DataFormat, using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    func pick<Element>(_ elements: [Element]) -> Element {
      elements[generator.int(0...elements.count - 1)]
    }
    let kernels = pick([
      [1, 1], [1, 1], [3, 3], [3, 3], [3, 3], [2, 2], [4, 4], [5, 5], [7, 7],
      [1, 3], [7, 1], [1, 5],
    ])
    let stride = pick([1, 1, 1, 2, 2, 3, 4])
    let dilation = stride == 1 ? pick([1, 1, 1, 2, 4, 6]) : 1
    let widths = [
      1, 3, 8, 12, 16, 24, 32, 48, 64, 72, 80, 96, 128, 144, 160, 192, 256, 320,
      384, 512, 768, 1024,
    ]
    var (inputs, outputs) = (pick(widths), pick(widths))
    var groups = 1
    switch generator.int(0...9) {
    case 0:  // Depthwise.
      groups = inputs
      outputs = inputs
    case 1:
      let width = pick([2, 4, 8, 16, 32, 64])
      groups = pick([2, 4, 8, 16, 32])
      inputs = groups * width
      outputs = inputs
    default: break
    }
    let height = generator.int(4...112)
    let width = generator.chance(percent: 70) ? height : generator.int(4...112)
    func output(_ input: Int, _ kernel: Int, _ pad: Int) -> Int {
      (input + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1
    }
    let same = generator.chance(percent: 75)
    let pads = kernels.map { same ? ($0 - 1) * dilation / 2 : 0 }
    let oh = output(height, kernels[0], pads[0])
    let ow = output(width, kernels[1], pads[1])
    guard oh > 0, ow > 0 else { return nil }
    func after(_ input: Int, _ out: Int, _ kernel: Int, _ pad: Int) -> Int {
      max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - input - pad)
    }
    let batch = pick([1, 1, 2, 4, 8])
    func sizes(_ height: Int, _ width: Int, _ channels: Int) -> [Int] {
      dataFormat == .nhwc
        ? [batch, height, width, channels] : [batch, channels, height, width]
    }
    return try? Conv2DGeometry(
      inputSizes: sizes(height, width, inputs),
      filterSizes: [kernels[0], kernels[1], inputs / groups, outputs],
      outBackpropSizes: sizes(oh, ow, outputs),
      strides: dataFormat == .nhwc
        ? [1, stride, stride, 1] : [1, 1, stride, stride],
      padding: .explicit(
        top: pads[0], bottom: after(height, oh, kernels[0], pads[0]),
        left: pads[1], right: after(width, ow, kernels[1], pads[1]),
        dataFormat: dataFormat),
      dataFormat: dataFormat,
      dilations: dataFormat == .nhwc
        ? [1, dilation, dilation, 1] : [1, 1, dilation, dilation])
  }
}
