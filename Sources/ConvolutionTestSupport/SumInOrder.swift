import Convolutions

/// What implicit GEMM computes, in the order of sums that the page on algorithms
/// writes down: of the filter and of what is convolved with it.
package func sumsInOrder(
  _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
  _ filter: [Float], _ source: [Float]
) -> [Float] {
  SumInOrder(operation, geometry, filter, source).result()
}

/// The same in double precision.
package func sumsInOrder(
  _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
  _ filter: [Double], _ source: [Double]
) -> [Double] {
  SumInOrder(operation, geometry, filter, source).result()
}

/// Sums as the page on algorithms says, one by one.
private struct SumInOrder<Scalar: BinaryFloatingPoint> {
  let isForward: Bool
  let geometry: Conv2DGeometry
  let filter: [Scalar]
  let source: [Scalar]

  init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ filter: [Scalar], _ source: [Scalar]
  ) {
    isForward = operation == .forward
    self.geometry = geometry
    self.filter = filter
    self.source = source
  }

  private var inputPerGroup: Int { geometry.inputChannels / geometry.groups }
  private var outputPerGroup: Int { geometry.outputChannels / geometry.groups }

  /// A tap of an axis, and where it finds a result position's source; may be
  /// outside.
  private typealias Tap = (tap: Int, source: Int)

  private struct Axis {
    let kernel: Int
    let stride: Int
    let dilation: Int
    let padBefore: Int
  }

  /// The taps of a result position's phase, in the order of their sources.
  private func taps(_ axis: Axis, at position: Int) -> [Tap] {
    if isForward {
      return (0..<axis.kernel).map {
        ($0, position * axis.stride - axis.padBefore + $0 * axis.dilation)
      }
    }
    return (0..<axis.kernel).reversed().compactMap { tap in
      let offset = position + axis.padBefore - tap * axis.dilation
      let place = Int(
        (Double(offset) / Double(axis.stride)).rounded(.down))
      return place * axis.stride == offset ? (tap, place) : nil
    }
  }

  func result() -> [Scalar] {
    let g = geometry
    let channels = isForward ? g.outputChannels : g.inputChannels
    let height = isForward ? g.outputHeight : g.inputHeight
    let width = isForward ? g.outputWidth : g.inputWidth
    var result = [Scalar](
      repeating: .nan, count: g.batch * height * width * channels)
    let vertical = Axis(
      kernel: g.kernelHeight, stride: g.strides[0], dilation: g.dilations[0],
      padBefore: g.padTop)
    let horizontal = Axis(
      kernel: g.kernelWidth, stride: g.strides[1], dilation: g.dilations[1],
      padBefore: g.padLeft)
    for n in 0..<g.batch {
      for y in 0..<height {
        let rows = taps(vertical, at: y)
        for x in 0..<width {
          let columns = taps(horizontal, at: x)
          for j in 0..<channels {
            let place =
              g.dataFormat == .nhwc
              ? ((n * height + y) * width + x) * channels + j
              : ((n * channels + j) * height + y) * width + x
            result[place] = sum(n, rows, columns, channel: j)
          }
        }
      }
    }
    return result
  }

  private func sum(
    _ n: Int, _ rows: [Tap], _ columns: [Tap], channel: Int
  ) -> Scalar {
    let depth = isForward ? inputPerGroup : outputPerGroup
    let taps = rows.count * columns.count
    // Whole taps up to 512 terms, evenly; or parts of one tap, evenly.
    let parts =
      depth > 512
      ? (depth + 511) / 512 : (taps + 512 / depth - 1) / (512 / depth)
    var sum: Scalar = 0
    for block in 0..<(depth > 512 ? taps * parts : parts) {
      let (tapRange, channelRange) =
        depth > 512
        ? (
          block / parts..<block / parts + 1,
          depth * (block % parts) / parts..<depth * (block % parts + 1) / parts
        )
        : (taps * block / parts..<taps * (block + 1) / parts, 0..<depth)
      var chain: Scalar = 0
      for tap in tapRange {
        let row = rows[tap / columns.count]
        let column = columns[tap % columns.count]
        for k in channelRange {
          guard
            let (a, b) = factors(n, row, column, channel: channel, depth: k)
          else { continue }
          if Self.isFused {
            chain.addProduct(a, b)
          } else {
            chain += a * b
          }
        }
      }
      sum += chain
    }
    return sum
  }

  /// On x86 the baseline has no fused multiply-add.
  private static var isFused: Bool {
    #if arch(x86_64)
      InstructionSet.current != .baseline
    #else
      true
    #endif
  }

  private func factors(
    _ n: Int, _ row: Tap, _ column: Tap, channel: Int, depth k: Int
  ) -> (Scalar, Scalar)? {
    let g = geometry
    let height = isForward ? g.inputHeight : g.outputHeight
    let width = isForward ? g.inputWidth : g.outputWidth
    guard (0..<height).contains(row.source),
      (0..<width).contains(column.source)
    else { return nil }
    let perGroup = isForward ? outputPerGroup : inputPerGroup
    let depth = isForward ? inputPerGroup : outputPerGroup
    let (group, j) = channel.quotientAndRemainder(dividingBy: perGroup)
    let channels = depth * g.groups
    let c = group * depth + k
    let place =
      g.dataFormat == .nhwc
      ? ((n * height + row.source) * width + column.source) * channels + c
      : ((n * channels + c) * height + row.source) * width + column.source
    let tap = row.tap * g.kernelWidth + column.tap
    let (input, output) = isForward ? (k, channel) : (j, c)
    let weight =
      (tap * inputPerGroup + input) * g.outputChannels + output
    return (source[place], filter[weight])
  }
}
