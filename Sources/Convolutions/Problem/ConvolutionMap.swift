/// What the algorithms compute, for each of the three operations: how the pixels
/// of a source, the taps of a filter and the pixels of a target meet.
///
///     target[n, y, x, j]  meets  source[n, o, p, k] * filter[t, j, k]
///
/// for every tap `t` whose rows and columns land there as ``MapAxis`` says. To the
/// input gradient the source is out_backprop and the target its result, which
/// sums what it meets. To the convolution the source is the input and the target
/// its result, and taps count from the last to the first; at stride 1 the two are
/// the same map but for the order of the filter. The filter gradient has the map
/// of the input gradient, and reads the target too, the input: its result is the
/// filter, which sums `target * source`.
struct ConvolutionMap: Sendable, Hashable {
  let operation: ConvolutionOperation
  /// What tensors hold.
  let type: ScalarType
  /// NCHW where there is a single channel, but for the filter gradient.
  let dataFormat: DataFormat
  let batch: Int
  let targetChannels: Int
  private(set) var sourceChannels: Int
  let groups: Int
  /// Channels of the target in a group, at least 1.
  let channelsPerGroup: Int
  /// Channels of the source in a group: to the convolution and the input gradient
  /// the depth of the sum over one tap.
  private(set) var depthPerGroup: Int
  private(set) var vertical: MapAxis
  private(set) var horizontal: MapAxis
  /// Whether filters are stored by channels of the source, and taps are counted
  /// from the last.
  var isForward: Bool { operation == .forward }

  init(
    _ geometry: Conv2DGeometry, _ operation: ConvolutionOperation,
    _ type: ScalarType
  ) {
    self.operation = operation
    self.type = type
    // One channel is one plane, whatever the order of the dimensions is called.
    dataFormat =
      geometry.inputChannels == 1 && geometry.outputChannels == 1
        && operation != .filterGradient
      ? .nchw : geometry.dataFormat
    batch = geometry.batch
    groups = geometry.groups
    if operation == .forward {
      targetChannels = geometry.outputChannels
      sourceChannels = geometry.inputChannels
      channelsPerGroup = max(1, geometry.depthPerGroup)
      depthPerGroup = geometry.channelsPerGroup
      vertical = MapAxis(forward: geometry.vertical)
      horizontal = MapAxis(forward: geometry.horizontal)
    } else {
      targetChannels = geometry.inputChannels
      sourceChannels = geometry.outputChannels
      channelsPerGroup = geometry.channelsPerGroup
      depthPerGroup = geometry.depthPerGroup
      vertical = MapAxis(inputGradient: geometry.vertical)
      horizontal = MapAxis(inputGradient: geometry.horizontal)
    }
  }

  var targetHeight: Int { vertical.target }
  var targetWidth: Int { horizontal.target }
  var sourceHeight: Int { vertical.source }
  var sourceWidth: Int { horizontal.source }
  var kernelHeight: Int { vertical.kernel }
  var kernelWidth: Int { horizontal.kernel }

  /// Channels of the source that a group has, counted over all groups.
  func sourceChannels(of group: Int) -> Range<Int> {
    group * depthPerGroup..<(group + 1) * depthPerGroup
  }

  /// Channels of the target counted within a group, counted over all groups.
  func targetChannels(_ channels: Range<Int>, of group: Int) -> Range<Int> {
    let first = group * channelsPerGroup
    return first + channels.lowerBound..<first + channels.upperBound
  }

  /// Taps of the kernel.
  var taps: Int { kernelHeight * kernelWidth }

  /// Scalars of the target.
  var targetCount: Int { batch * targetHeight * targetWidth * targetChannels }
  /// Scalars of the source.
  var sourceCount: Int { batch * sourceHeight * sourceWidth * sourceChannels }
  /// Scalars of the filter.
  var filterCount: Int { taps * channelsPerGroup * sourceChannels }
  /// Scalars of the result.
  var resultCount: Int {
    operation == .filterGradient ? filterCount : targetCount
  }

  /// Nominal work, in floating-point operations; windows over padding included.
  var flops: Double {
    let windows =
      isForward
      ? Double(targetHeight) * Double(targetWidth)
      : Double(sourceHeight) * Double(sourceWidth)
    return 2 * Double(batch) * windows * Double(filterCount)
  }

  /// Nothing to add up: the result is empty or all zeros.
  var isDegenerate: Bool { targetCount == 0 || sourceCount == 0 }
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
