/// What the algorithms compute: a result, each of whose positions sums what taps
/// of a filter take there from positions of a source.
///
///     result[n, y, x, j] += source[n, o, p, k] * filter[t, j, k]
///
/// for every tap `t` whose rows and columns meet as ``MapAxis`` says. The input
/// gradient is such a map from out_backprop; the convolution is one from the
/// input, with its taps in reverse order. At stride 1 the two are the same map
/// but for the order of the filter.
struct ConvolutionMap: Sendable, Hashable {
  /// NCHW where there is a single channel.
  let dataFormat: DataFormat
  let batch: Int
  let resultChannels: Int
  private(set) var sourceChannels: Int
  let groups: Int
  /// Channels of the result in a group, at least 1.
  let channelsPerGroup: Int
  /// Channels of the source in a group: the depth of the sum over one tap.
  private(set) var depthPerGroup: Int
  private(set) var vertical: MapAxis
  private(set) var horizontal: MapAxis
  /// How the filter is stored.
  let isForward: Bool

  /// The map of an operation; the gradient of the filter is none.
  init?(_ geometry: Conv2DGeometry, _ operation: ConvolutionOperation) {
    guard operation != .filterGradient else { return nil }
    // One channel is one plane, whatever the order of the dimensions is called.
    dataFormat =
      geometry.inputChannels == 1 && geometry.outputChannels == 1
      ? .nchw : geometry.dataFormat
    batch = geometry.batch
    groups = geometry.groups
    isForward = operation == .forward
    if isForward {
      resultChannels = geometry.outputChannels
      sourceChannels = geometry.inputChannels
      channelsPerGroup = max(1, geometry.depthPerGroup)
      depthPerGroup = geometry.channelsPerGroup
      vertical = MapAxis(forward: geometry.vertical)
      horizontal = MapAxis(forward: geometry.horizontal)
    } else {
      resultChannels = geometry.inputChannels
      sourceChannels = geometry.outputChannels
      channelsPerGroup = geometry.channelsPerGroup
      depthPerGroup = geometry.depthPerGroup
      vertical = MapAxis(inputGradient: geometry.vertical)
      horizontal = MapAxis(inputGradient: geometry.horizontal)
    }
  }

  var resultHeight: Int { vertical.result }
  var resultWidth: Int { horizontal.result }
  var sourceHeight: Int { vertical.source }
  var sourceWidth: Int { horizontal.source }
  var kernelHeight: Int { vertical.kernel }
  var kernelWidth: Int { horizontal.kernel }

  /// Taps of the kernel.
  var taps: Int { kernelHeight * kernelWidth }

  /// Scalars of the result.
  var resultCount: Int { batch * resultHeight * resultWidth * resultChannels }
  /// Scalars of the source.
  var sourceCount: Int { batch * sourceHeight * sourceWidth * sourceChannels }
  /// Scalars of the filter.
  var filterCount: Int { taps * channelsPerGroup * sourceChannels }

  /// Nominal work, in floating-point operations; windows over padding included.
  var flops: Double {
    let windows =
      isForward
      ? Double(resultHeight) * Double(resultWidth)
      : Double(sourceHeight) * Double(sourceWidth)
    return 2 * Double(batch) * windows * Double(filterCount)
  }

  /// Nothing to add up: the result is empty or all zeros.
  var isDegenerate: Bool { resultCount == 0 || sourceCount == 0 }
}

// MARK: - Folding

extension ConvolutionMap {
  /// Classes of source pixels.
  var classes: Int { vertical.classes * horizontal.classes }

  /// The map with step 1, whose source has a channel for each class of one.
  var folded: ConvolutionMap {
    var folded = self
    folded.sourceChannels *= classes
    folded.depthPerGroup *= classes
    folded.vertical = vertical.folded
    folded.horizontal = horizontal.folded
    return folded
  }
}
