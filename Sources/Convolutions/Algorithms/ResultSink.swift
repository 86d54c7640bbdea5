internal import CConvolutionKernels

/// Where the sums of a convolution or an input gradient go, in either layout:
/// rounded once.
///
/// What an algorithm does not round itself, in its own vector loops, is written
/// here. Channels are counted over all groups.
struct ResultSink {
  private let map: ConvolutionMap
  private let result: MutableStoredPointer
  private let streams: Bool

  init(_ map: ConvolutionMap, _ result: MutableStoredPointer) {
    self.map = map
    self.result = result
    streams = Self.streams(map)
  }

  private var plane: Int { map.targetHeight * map.targetWidth }

  /// Where a channel of a pixel lies, which counts by rows.
  func place(image: Int, pixel: Int, channel: Int) -> MutableStoredPointer {
    result
      + (map.dataFormat == .nhwc
        ? (image * plane + pixel) * map.targetChannels + channel
        : (image * map.targetChannels + channel) * plane + pixel)
  }

  // MARK: Past the caches

  /// Whether a result is written past the caches: one that leaves them before
  /// it is read, so that no time is lost to read what is overwritten
  /// (depthwise layers: 2x).
  static func streams(_ map: ConvolutionMap) -> Bool {
    map.targetCount * map.type.byteCount >= 16 << 20
  }

  /// Writes scalars past the caches.
  static func stream(
    _ source: UnsafeRawPointer, to result: MutableStoredPointer, count: Int
  ) {
    conv_table().pointee.stream(
      result.address, source, count * result.type.byteCount)
  }

  // MARK: Pixels

  /// Where sums of pixels may be taken in the result itself: in NHWC of the compute
  /// type, of all channels, but for what is written past the caches.
  func inPlace<Compute: ComputeScalar>(
    image: Int, channels: Range<Int>, pixel: Int
  ) -> UnsafeMutablePointer<Compute>? {
    guard map.dataFormat == .nhwc, channels.count == map.targetChannels,
      !streams
    else { return nil }
    return place(image: image, pixel: pixel, channel: 0).asCompute()
  }

  /// Writes sums of some rows and columns, `[rows, columns, channels]`.
  func store<Compute: ComputeScalar>(
    _ sums: UnsafePointer<Compute>, image: Int, channels: Range<Int>,
    rows: Range<Int>, columns: Range<Int>
  ) {
    let whole = columns.count == map.targetWidth
    let runs = whole ? 1 : rows.count
    let pixels = rows.count * columns.count / runs
    for run in 0..<runs {
      store(
        sums + run * pixels * channels.count, image: image,
        channels: channels,
        pixel: (rows.lowerBound + run) * map.targetWidth + columns.lowerBound,
        count: pixels)
    }
  }

  /// Writes sums of pixels beside each other, `[pixels, channels]`.
  private func store<Compute: ComputeScalar>(
    _ sums: UnsafePointer<Compute>, image: Int, channels: Range<Int>,
    pixel: Int, count: Int
  ) {
    let width = channels.count
    let place = place(
      image: image, pixel: pixel, channel: channels.lowerBound)
    if map.dataFormat == .nchw {
      place.narrowTransposed(
        sums, rows: count, columns: width, stride: width, to: plane)
    } else if width < map.targetChannels {
      place.narrowRows(
        sums, stride: width, to: map.targetChannels, rows: count, count: width)
    } else if streams, map.type.isCompute {
      Self.stream(sums, to: place, count: count * width)
    } else {
      place.narrow(sums, count: count * width)
    }
  }

  /// Writes sums of pixels of a row that lie `step` apart, `[pixels, channels]`.
  ///
  /// - Parameter scratch: as many scalars of the result as there are sums, for
  ///   NCHW.
  func store<Compute: ComputeScalar>(
    _ sums: UnsafePointer<Compute>, image: Int, channels: Range<Int>,
    pixel: Int, step: Int, count: Int, scratch: UnsafeMutableRawPointer
  ) {
    let width = channels.count
    if step == 1 {
      store(sums, image: image, channels: channels, pixel: pixel, count: count)
      return
    }
    let place = place(
      image: image, pixel: pixel, channel: channels.lowerBound)
    if map.dataFormat == .nhwc {
      place.narrowRows(
        sums, stride: width, to: step * map.targetChannels, rows: count,
        count: width)
      return
    }
    let rows = MutableStoredPointer(scratch, map.type)
    rows.narrowTransposed(
      sums, rows: count, columns: width, stride: width, to: count)
    for channel in 0..<width {
      (place + channel * plane).spread(
        rows + channel * count, step: step, count: count)
    }
  }

  // MARK: Planes

  /// Writes sums of pixels beside each other, `[channels, pixels]`, whose rows lie
  /// `stride` apart.
  func storePlanes<Compute: ComputeScalar>(
    _ sums: UnsafePointer<Compute>, stride: Int, image: Int,
    channels: Range<Int>, pixel: Int, count: Int
  ) {
    let place = place(
      image: image, pixel: pixel, channel: channels.lowerBound)
    if map.dataFormat == .nhwc {
      place.narrowTransposed(
        sums, rows: channels.count, columns: count, stride: stride,
        to: map.targetChannels)
    } else {
      place.narrowRows(
        sums, stride: stride, to: plane, rows: channels.count, count: count)
    }
  }

  /// The same of sums whose pixels are sorted by phase: those of a phase follow
  /// each other, `phaseStride` behind those of the phase before.
  ///
  /// - Parameter scratch: as many sums, for NHWC.
  func storePhases<Compute: ComputeScalar>(
    _ sums: UnsafePointer<Compute>, stride: Int, phases: Int, phaseStride: Int,
    image: Int, channels: Range<Int>, pixel: Int, count: Int,
    scratch: UnsafeMutablePointer<Compute>
  ) {
    if phases == 1 {
      storePlanes(
        sums, stride: stride, image: image, channels: channels, pixel: pixel,
        count: count)
      return
    }
    let isNHWC = map.dataFormat == .nhwc
    for channel in 0..<channels.count {
      let row =
        isNHWC
        ? MutableStoredPointer(scratch + channel * count, Compute.scalarType)
        : place(
          image: image, pixel: pixel, channel: channels.lowerBound + channel)
      row.interleave(
        sums + channel * stride, phases: phases, phaseStride: phaseStride,
        count: count)
    }
    guard isNHWC else { return }
    storePlanes(
      scratch, stride: count, image: image, channels: channels, pixel: pixel,
      count: count)
  }
}
