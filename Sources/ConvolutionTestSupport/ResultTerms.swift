import Convolutions

/// The products that an element of a result sums, by the definition.
package struct ResultTerms: Sendable {
  /// Products whose factors lie a stride apart, by the places of the first ones
  /// in the operands.
  package struct Run {
    package let first: Int
    package let firstStride: Int
    package let second: Int
    package let secondStride: Int
    package let count: Int
  }

  private let operation: ConvolutionOperation
  private let geometry: Conv2DGeometry
  /// For each index of the result along an axis, what meets there: of the input
  /// gradient a window and a tap, of the convolution an input position and a tap,
  /// of the filter gradient a window and an input position.
  private let rows: [[(Int, Int)]]
  private let columns: [[(Int, Int)]]
  private let nhwc: Bool
  private let cinPerGroup: Int
  private let coutPerGroup: Int

  package init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry
  ) {
    self.operation = operation
    self.geometry = geometry
    rows = Self.meetings(operation, geometry, axis: 0)
    columns = Self.meetings(operation, geometry, axis: 1)
    nhwc = geometry.dataFormat == .nhwc
    cinPerGroup = geometry.filterSizes[2]
    coutPerGroup = geometry.outputChannels / geometry.groups
  }

  private static func meetings(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry, axis: Int
  ) -> [[(Int, Int)]] {
    let hits = IntegerReference.hits(geometry, axis: axis)
    let (outputs, taps) =
      axis == 0
      ? (geometry.outputHeight, geometry.kernelHeight)
      : (geometry.outputWidth, geometry.kernelWidth)
    switch operation {
    case .inputGradient: return hits.map { $0.map { ($0.window, $0.tap) } }
    case .forward:
      var meetings = [[(Int, Int)]](repeating: [], count: outputs)
      for (position, hits) in hits.enumerated() {
        for hit in hits { meetings[hit.window].append((position, hit.tap)) }
      }
      return meetings
    case .filterGradient:
      var meetings = [[(Int, Int)]](repeating: [], count: taps)
      for (position, hits) in hits.enumerated() {
        for hit in hits { meetings[hit.tap].append((hit.window, position)) }
      }
      return meetings
    }
  }

  /// Terms of the longest sum.
  var longestSum: Int {
    let meetings =
      (rows.map(\.count).max() ?? 0) * (columns.map(\.count).max() ?? 0)
    return switch operation {
    case .inputGradient: meetings * coutPerGroup
    case .forward: meetings * cinPerGroup
    case .filterGradient: meetings * geometry.batch
    }
  }

  /// Whether anything belongs to an element.
  func isReached(_ place: Int) -> Bool {
    let (row, column) = rowAndColumn(place)
    let hasChannels =
      switch operation {
      case .inputGradient: coutPerGroup > 0
      case .forward: geometry.inputChannels > 0
      case .filterGradient: geometry.batch * geometry.inputChannels > 0
      }
    return hasChannels && !rows[row].isEmpty && !columns[column].isEmpty
  }

  private func rowAndColumn(_ place: Int) -> (Int, Int) {
    switch operation {
    case .inputGradient:
      let pixel = pixel(
        place, geometry.inputHeight * geometry.inputWidth,
        geometry.inputChannels)
      return (pixel / geometry.inputWidth, pixel % geometry.inputWidth)
    case .forward:
      let pixel = pixel(
        place, geometry.outputHeight * geometry.outputWidth,
        geometry.outputChannels)
      return (pixel / geometry.outputWidth, pixel % geometry.outputWidth)
    case .filterGradient:
      let tap = place / (cinPerGroup * geometry.outputChannels)
      return (tap / geometry.kernelWidth, tap % geometry.kernelWidth)
    }
  }

  private func pixel(_ place: Int, _ plane: Int, _ channels: Int) -> Int {
    nhwc ? place / channels % plane : place % plane
  }

  private func channel(_ place: Int, _ plane: Int, _ channels: Int) -> Int {
    nhwc ? place % channels : place / plane % channels
  }

  /// Where the first channel from `channel` on of a pixel lies, and the next.
  private func address(
    image: Int, pixel: Int, channel: Int, plane: Int, channels: Int
  ) -> (Int, Int) {
    nhwc
      ? ((image * plane + pixel) * channels + channel, 1)
      : ((image * channels + channel) * plane + pixel, plane)
  }

  /// Calls `body` with all products of an element.
  @inline(__always)
  package func forEachRun(of place: Int, _ body: (Run) -> Void) {
    let g = geometry
    // A filter has input channels even where the input has none.
    guard g.inputChannels > 0 else { return }
    let inputPlane = g.inputHeight * g.inputWidth
    let outputPlane = g.outputHeight * g.outputWidth
    let (row, column) = rowAndColumn(place)
    switch operation {
    case .inputGradient:
      let ci = channel(place, inputPlane, g.inputChannels)
      let image = place / (inputPlane * g.inputChannels)
      let firstChannel = ci / cinPerGroup * coutPerGroup
      for (oh, r) in rows[row] {
        for (ow, c) in columns[column] {
          let (second, stride) = address(
            image: image, pixel: oh * g.outputWidth + ow,
            channel: firstChannel, plane: outputPlane,
            channels: g.outputChannels)
          let weights =
            ((r * g.kernelWidth + c) * cinPerGroup + ci % cinPerGroup)
            * g.outputChannels + firstChannel
          body(
            Run(
              first: weights, firstStride: 1, second: second,
              secondStride: stride, count: coutPerGroup))
        }
      }
    case .forward:
      let co = channel(place, outputPlane, g.outputChannels)
      let image = place / (outputPlane * g.outputChannels)
      let firstChannel = co / coutPerGroup * cinPerGroup
      for (y, r) in rows[row] {
        for (x, c) in columns[column] {
          let (second, stride) = address(
            image: image, pixel: y * g.inputWidth + x, channel: firstChannel,
            plane: inputPlane, channels: g.inputChannels)
          let weights =
            (r * g.kernelWidth + c) * cinPerGroup * g.outputChannels + co
          body(
            Run(
              first: weights, firstStride: g.outputChannels, second: second,
              secondStride: stride, count: cinPerGroup))
        }
      }
    case .filterGradient:
      let co = place % g.outputChannels
      let k = place / g.outputChannels % cinPerGroup
      let ci = co / coutPerGroup * cinPerGroup + k
      for image in 0..<g.batch {
        for (oh, y) in rows[row] {
          for (ow, x) in columns[column] {
            let (first, _) = address(
              image: image, pixel: y * g.inputWidth + x, channel: ci,
              plane: inputPlane, channels: g.inputChannels)
            let (second, _) = address(
              image: image, pixel: oh * g.outputWidth + ow, channel: co,
              plane: outputPlane, channels: g.outputChannels)
            body(
              Run(
                first: first, firstStride: 0, second: second, secondStride: 0,
                count: 1))
          }
        }
      }
    }
  }
}
