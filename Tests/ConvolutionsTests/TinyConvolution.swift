import ConvolutionTestSupport
import Convolutions

/// A tiny forward convolution, from its definition, with a shape arithmetic of
/// its own.
struct TinyConvolution: Sendable, CustomStringConvertible {
  enum PaddingKind { case same, valid, explicit }

  /// One image axis.
  struct Side: Sendable {
    var input: Int
    var kernel: Int
    var stride = 1
    var dilation = 1
    /// Meant for explicit padding.
    var pads = (before: 0, after: 0)

    var reach: Int { (kernel - 1) * dilation + 1 }

    /// Windows and the padding before the first, found by stepping along.
    func windows(_ kind: PaddingKind) -> (count: Int, before: Int) {
      switch kind {
      case .same:
        let starts = Swift.stride(from: 0, to: input, by: stride)
        let missing = starts.map { $0 }.last! + reach - input
        return (starts.map { $0 }.count, max(0, missing) / 2)
      case .valid:
        return (starts(in: input), 0)
      case .explicit:
        return (starts(in: pads.before + input + pads.after), pads.before)
      }
    }

    private func starts(in extent: Int) -> Int {
      var count = 0
      while count * stride + reach <= extent { count += 1 }
      return count
    }
  }

  var batch = 2
  var groups = 1
  /// Channels of one group.
  var channels = (input: 2, output: 3)
  var height: Side
  var width: Side
  var padding = PaddingKind.valid
  var format = DataFormat.nhwc

  /// The output for an input, both in the data format's order.
  func forward(_ input: [Int64], filter: [Int64]) -> [Int64] {
    let (rows, top) = height.windows(padding)
    let (columns, left) = width.windows(padding)
    let inputDepth = groups * channels.input
    let outputDepth = groups * channels.output
    var output = [Int64](
      repeating: 0, count: batch * rows * columns * outputDepth)
    for n in 0..<batch {
      for oh in 0..<rows {
        for ow in 0..<columns {
          for co in 0..<outputDepth {
            let group = co / channels.output
            var sum: Int64 = 0
            for r in 0..<height.kernel {
              let y = oh * height.stride + r * height.dilation - top
              if y < 0 || y >= height.input { continue }
              for c in 0..<width.kernel {
                let x = ow * width.stride + c * width.dilation - left
                if x < 0 || x >= width.input { continue }
                for k in 0..<channels.input {
                  let ci = group * channels.input + k
                  let place = offset(
                    n, y, x, ci, height.input, width.input, inputDepth)
                  let weight =
                    ((r * width.kernel + c) * channels.input + k) * outputDepth
                    + co
                  sum += input[place] * filter[weight]
                }
              }
            }
            output[offset(n, oh, ow, co, rows, columns, outputDepth)] = sum
          }
        }
      }
    }
    return output
  }

  private func offset(
    _ n: Int, _ y: Int, _ x: Int, _ c: Int, _ height: Int, _ width: Int,
    _ depth: Int
  ) -> Int {
    switch format {
    case .nhwc: n * height * width * depth + y * width * depth + x * depth + c
    case .nchw: n * depth * height * width + c * height * width + y * width + x
    }
  }

  /// The problem as the library takes it, which checks the sizes found here.
  func geometry() throws(Conv2DError) -> Conv2DGeometry {
    func order(_ channels: Int, _ height: Int, _ width: Int, _ batch: Int)
      -> [Int]
    {
      format == .nhwc
        ? [batch, height, width, channels] : [batch, channels, height, width]
    }
    return try Conv2DGeometry(
      inputSizes: order(
        groups * channels.input, height.input, width.input, batch),
      filterSizes: [
        height.kernel, width.kernel, channels.input, groups * channels.output,
      ],
      outBackpropSizes: order(
        groups * channels.output, height.windows(padding).count,
        width.windows(padding).count, batch),
      strides: order(1, height.stride, width.stride, 1),
      padding: padding == .same
        ? .same
        : padding == .valid
          ? .valid
          : .explicit(
            top: height.pads.before, bottom: height.pads.after,
            left: width.pads.before, right: width.pads.after,
            dataFormat: format),
      dataFormat: format,
      dilations: order(1, height.dilation, width.dilation, 1))
  }

  var isStridedAndDilated: Bool {
    [height, width].contains {
      $0.stride > 1 && $0.dilation > 1 && $0.kernel > 1
    }
  }

  var description: String {
    func text(_ side: Side) -> String {
      "(input \(side.input), kernel \(side.kernel), stride \(side.stride), "
        + "dilation \(side.dilation), pads \(side.pads))"
    }
    return "batch \(batch), groups \(groups) of \(channels), "
      + "height \(text(height)), width \(text(width)), \(padding), "
      + format.rawValue
  }
}

// MARK: - Problems

extension TinyConvolution {
  /// A problem with at least one window, small enough for a whole Jacobian.
  static func draw(using generator: inout SeededGenerator) -> Self {
    while true {
      let kind = generator.pick(
        [PaddingKind.same, .valid, .explicit, .explicit])
      let isBoth = generator.chance(percent: 40)
      func side() -> Side {
        var side = Side(
          input: generator.int(1...9), kernel: generator.int(1...5))
        side.stride =
          isBoth
          ? generator.int(2...4)
          : generator.pick([1, 1, 1, 2, 3, 4, 5])
        side.dilation =
          isBoth ? generator.int(2...3) : generator.pick([1, 1, 1, 2, 3])
        if kind == .explicit {
          // As much as a window and more, now and then.
          let most = generator.chance(percent: 30) ? side.reach + 1 : 2
          side.pads = (generator.int(0...most), generator.int(0...most))
        }
        return side
      }
      let problem = TinyConvolution(
        batch: generator.int(1...2),
        groups: generator.pick([1, 1, 1, 2, 3, 8]),
        channels: (generator.int(1...3), generator.int(1...3)),
        height: side(), width: side(), padding: kind,
        format: generator.pick(DataFormat.allCases))
      let inputs =
        problem.batch * problem.groups * problem.channels.input
        * problem.height.input * problem.width.input
      let outputs =
        problem.batch * problem.groups * problem.channels.output
        * problem.height.windows(kind).count
        * problem.width.windows(kind).count
      let taps = problem.height.kernel * problem.width.kernel
      let steps = inputs * outputs * taps * problem.channels.input
      if outputs > 0, steps <= 150_000 { return problem }
    }
  }

  static let handPicked: [Self] = [
    // Three of four pixels have no tap.
    .init(
      height: .init(input: 5, kernel: 1, stride: 2),
      width: .init(input: 6, kernel: 1, stride: 2)),
    // Kernel and stride along one axis alone.
    .init(
      height: .init(input: 8, kernel: 5, stride: 3, pads: (2, 2)),
      width: .init(input: 2, kernel: 1), padding: .explicit),
    .init(
      height: .init(input: 2, kernel: 1),
      width: .init(input: 8, kernel: 5, stride: 3, pads: (2, 2)),
      padding: .explicit),
    // Phases of different numbers of taps; pixels behind the last window.
    .init(
      height: .init(input: 9, kernel: 4, stride: 3),
      width: .init(input: 9, kernel: 5, stride: 3)),
    // The odd pixel of padding goes behind.
    .init(
      height: .init(input: 5, kernel: 4),
      width: .init(input: 6, kernel: 3, stride: 2), padding: .same),
    // A stride beyond the kernel: less than no padding is needed.
    .init(
      height: .init(input: 7, kernel: 2, stride: 4),
      width: .init(input: 6, kernel: 1, stride: 5), padding: .same),
    // One pixel under a larger kernel.
    .init(
      height: .init(input: 1, kernel: 3), width: .init(input: 1, kernel: 2),
      padding: .same),
    // Windows of padding alone, on one side.
    .init(
      channels: (1, 2), height: .init(input: 3, kernel: 2, pads: (4, 0)),
      width: .init(input: 2, kernel: 1, pads: (0, 3)), padding: .explicit),
    // A dilated kernel beyond the image, whose middle taps skip it.
    .init(
      height: .init(input: 3, kernel: 3, dilation: 4, pads: (4, 4)),
      width: .init(input: 4, kernel: 2, dilation: 5, pads: (2, 3)),
      padding: .explicit),
    // Stride and dilation that share a factor, and such that do not.
    .init(
      height: .init(input: 8, kernel: 3, stride: 2, dilation: 2),
      width: .init(input: 7, kernel: 2, stride: 2, dilation: 3)),
    .init(
      height: .init(input: 8, kernel: 3, stride: 3, dilation: 2, pads: (1, 2)),
      width: .init(input: 9, kernel: 2, stride: 2, dilation: 4, pads: (0, 1)),
      padding: .explicit),
    // Groups: unlike numbers in and out, depthwise, with a multiplier.
    .init(
      groups: 3, channels: (2, 1),
      height: .init(input: 4, kernel: 2, stride: 2),
      width: .init(input: 5, kernel: 3), padding: .same),
    .init(
      groups: 16, channels: (1, 1), height: .init(input: 3, kernel: 3),
      width: .init(input: 3, kernel: 2), padding: .same),
    .init(
      groups: 4, channels: (1, 3),
      height: .init(input: 4, kernel: 2, dilation: 2),
      width: .init(input: 3, kernel: 2)),
    // One channel on either side.
    .init(
      channels: (1, 4), height: .init(input: 5, kernel: 3),
      width: .init(input: 4, kernel: 2)),
    .init(
      channels: (4, 1), height: .init(input: 5, kernel: 2),
      width: .init(input: 4, kernel: 3)),
  ]
}
