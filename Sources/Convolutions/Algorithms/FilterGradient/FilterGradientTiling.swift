/// How a filter gradient on matrix products is cut.
struct FilterGradientTiling: Sendable, Hashable {
  /// Input channels of a block, within a group.
  var inputs: Int
  /// Output channels of a block.
  var outputs: Int
  var tapRows: Int
  var tapColumns: Int
  /// Images, rows and columns of a box.
  var images = 1
  var rows = 1
  var columns = 1
  /// Parts that the pixels are cut into.
  var parts = 1

  /// Sums of a block, from one cache line to another.
  var sumCount: Int { padded(tapRows * tapColumns * inputs * outputs) }
}

/// A count of scalars up to the end of a cache line.
func padded(_ count: Int) -> Int { ceilDivide(count, 16) * 16 }

extension FilterGradientTiling {
  /// Sums and slabs share the L2 cache; bytes of either.
  private static var sumTarget: Int { 320 << 10 }
  private static var slabTarget: Int { 384 << 10 }

  /// Tasks below which pixels are cut into parts, and else blocks made smaller.
  private static var fewestTasks: Int { 12 }

  /// Pixels that a part is worth: less, and adding up the parts shows.
  private static var fewestPixels: Int { 384 }

  /// Bytes of all partial sums.
  private static var mostPartialBytes: Int { 4 << 20 }

  /// The least channels of a block where there are more.
  private static var narrow: Int { 64 }

  /// The most.
  private static var wide: Int { 256 }

  /// - Parameter folds: whether the taps of a row are channels to the products.
  init(_ geometry: Conv2DGeometry, folds: Bool, computeByteCount: Int) {
    let sums = Self.sumTarget / computeByteCount
    let (width, depth) = (geometry.channelsPerGroup, geometry.depthPerGroup)
    inputs = folds ? width : evenBlock(width, limit: Self.narrow)
    outputs = min(depth, folds ? Self.wide : Self.narrow)
    tapRows = geometry.kernelHeight
    tapColumns = geometry.kernelWidth

    // As many taps as fit, since all of them share what is loaded.
    let taps = max(1, sums / (inputs * outputs))
    if tapRows * tapColumns > taps {
      tapRows = evenPart(tapRows, limit: max(1, taps / tapColumns))
      if !folds, tapColumns > taps {
        tapColumns = evenPart(tapColumns, limit: taps)
      }
    }
    // Taps that lie far apart share little.
    if Self.isFar(geometry.vertical, tapRows) { tapRows = 1 }
    if !folds, Self.isFar(geometry.horizontal, tapColumns) { tapColumns = 1 }

    let perTap = max(1, sums / (tapRows * tapColumns))
    outputs = evenBlock(
      depth, limit: min(Self.wide, max(Self.narrow, perTap / inputs)))
    if !folds {
      inputs = evenBlock(
        width, limit: min(Self.wide, max(Self.narrow, perTap / outputs)))
    }

    // The larger side is cut first: that costs least in loads.
    func blocks() -> Int {
      geometry.groups * ceilDivide(geometry.kernelHeight, tapRows)
        * ceilDivide(geometry.kernelWidth, tapColumns)
        * ceilDivide(width, inputs) * ceilDivide(depth, outputs)
    }
    let shares =
      geometry.vertical.stride <= (tapRows - 1) * geometry.vertical.dilation
    while blocks() * mostParts(geometry, computeByteCount) < Self.fewestTasks {
      if !shares, tapRows > 1 {
        // Rows of taps that read no row of the input together.
        tapRows = evenPart(geometry.kernelHeight, limit: tapRows / 2)
      } else if outputs > Self.narrow, outputs >= inputs || folds {
        outputs = evenBlock(depth, limit: max(Self.narrow, outputs / 2))
      } else if inputs > Self.narrow, !folds {
        inputs = evenBlock(width, limit: max(Self.narrow, inputs / 2))
      } else {
        break
      }
    }
    cutPixels(
      geometry, folds: folds, blocks: blocks(),
      slab: Self.slabTarget / computeByteCount)
    cutParts(geometry, blocks: blocks(), computeByteCount: computeByteCount)
  }

  /// Whether a box has less of its own along an axis than its taps reach over.
  private static func isFar(_ axis: Axis, _ taps: Int) -> Bool {
    (taps - 1) * axis.dilation / axis.stride
      > max(16, min(axis.output / 2, 64))
  }

  /// Parts that the pixels are worth.
  private func mostParts(
    _ geometry: Conv2DGeometry, _ computeByteCount: Int
  ) -> Int {
    let pixels =
      geometry.batch * geometry.outputHeight * geometry.outputWidth
    return max(
      1,
      min(
        pixels / Self.fewestPixels,
        Self.mostPartialBytes / (geometry.filterCount * computeByteCount)))
  }

  private mutating func cutParts(
    _ geometry: Conv2DGeometry, blocks: Int, computeByteCount: Int
  ) {
    guard blocks < Self.fewestTasks else { return }
    parts = min(
      ceilDivide(16, blocks), mostParts(geometry, computeByteCount),
      boxCount(geometry))
  }

  /// For loops over channels of groups with as many channels in as out.
  init(
    narrow geometry: Conv2DGeometry, copies: Bool, computeByteCount: Int
  ) {
    inputs = geometry.channelsPerGroup
    outputs = evenBlock(
      geometry.outputChannels, limit: copies ? 32 : Self.wide)
    outputs =
      min(geometry.outputChannels, ceilDivide(outputs, inputs) * inputs)
    tapRows = geometry.kernelHeight
    tapColumns = geometry.kernelWidth
    let taps = max(
      1, Self.sumTarget / computeByteCount / (inputs * outputs))
    if tapRows * tapColumns > taps {
      tapRows = evenPart(tapRows, limit: max(1, taps / tapColumns))
      tapColumns = evenPart(tapColumns, limit: taps)
    }
    if Self.isFar(geometry.vertical, tapRows) { tapRows = 1 }
    if Self.isFar(geometry.horizontal, tapColumns) { tapColumns = 1 }
    let blocks =
      ceilDivide(geometry.kernelHeight, tapRows)
      * ceilDivide(geometry.kernelWidth, tapColumns)
      * ceilDivide(geometry.outputChannels, outputs)
    cutPixels(
      geometry, folds: false, blocks: blocks, channels: outputs,
      slab: Self.slabTarget / computeByteCount)
    cutParts(geometry, blocks: blocks, computeByteCount: computeByteCount)
  }

  /// Channels of a block for Winograd.
  static func winogradBlock(
    _ geometry: Conv2DGeometry
  ) -> (inputs: Int, outputs: Int) {
    (
      evenBlock(geometry.channelsPerGroup, limit: narrow),
      evenBlock(geometry.depthPerGroup, limit: narrow)
    )
  }

  /// For Winograd: boxes of one row of tiles.
  init(
    winograd geometry: Conv2DGeometry, products: Int, rows: Int, columns: Int,
    boxesTogether: Int, computeByteCount: Int
  ) {
    (inputs, outputs) = Self.winogradBlock(geometry)
    tapRows = geometry.kernelHeight
    tapColumns = geometry.kernelWidth
    self.rows = rows
    self.columns = columns
    let blocks =
      geometry.groups * ceilDivide(geometry.channelsPerGroup, inputs)
      * ceilDivide(geometry.depthPerGroup, outputs)
    // A part is transformed back, and wants a few products before that.
    parts = max(
      1,
      min(
        8 / blocks, mostParts(geometry, computeByteCount),
        boxCount(geometry) / boxesTogether / 2))
  }

  private func boxCount(_ geometry: Conv2DGeometry) -> Int {
    ceilDivide(geometry.batch, images)
      * ceilDivide(geometry.outputHeight, rows)
      * ceilDivide(geometry.outputWidth, columns)
  }

  /// Boxes that fit the cache, and enough of them for the parts.
  private mutating func cutPixels(
    _ geometry: Conv2DGeometry, folds: Bool, blocks: Int,
    channels: Int? = nil, slab: Int
  ) {
    let (batch, height, width) = (
      geometry.batch, geometry.outputHeight, geometry.outputWidth
    )
    // No more than boxes ever have.
    columns = evenPart(width, limit: 1 << 14)
    rows = evenPart(height, limit: 1 << 12)
    images = evenPart(batch, limit: 1 << 8)
    func fits() -> Bool {
      let slabs = slabs(geometry, folds: folds, inputs: channels)
      return slabs.input + slabs.outBackprop <= slab
    }
    let wanted = blocks < Self.fewestTasks ? 16 : 1
    func isEnough() -> Bool { boxCount(geometry) >= wanted }
    while images > 1, !(fits() && isEnough()) {
      images = evenPart(batch, limit: images - 1)
    }
    while rows > 1, !(fits() && isEnough()) {
      let reach =
        (tapRows - 1) * geometry.vertical.dilation / geometry.vertical.stride
      // Fewer rows than the taps reach over are mostly loaded for others.
      if rows <= reach, columns * rows <= 4096 { break }
      rows = evenPart(height, limit: rows - 1)
    }
    while columns > 1, !fits() {
      if columns <= 64 { break }
      columns = evenPart(width, limit: columns / 2)
    }
  }
}

/// The largest length up to a limit that cuts a count evenly.
func evenPart(_ count: Int, limit: Int) -> Int {
  ceilDivide(count, ceilDivide(count, min(count, max(1, limit))))
}

// MARK: - Workspace

extension FilterGradientTiling {
  /// Scalars of the copies of a box: of the input, of out_backprop, and of a row
  /// of the input on its way.
  ///
  /// - Parameter inputs: input channels that are copied, if not those of a block.
  func slabs(
    _ geometry: Conv2DGeometry, folds: Bool, inputs channels: Int? = nil
  ) -> (input: Int, outBackprop: Int, row: Int) {
    let inputs = channels ?? inputs
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let lines = PixelSlabAxis.mostPlaces(
      vertical, taps: tapRows, outputs: rows)
    let places =
      folds
      ? product([columns, tapColumns])
      : PixelSlabAxis.mostPlaces(
        horizontal, taps: tapColumns, outputs: columns)
    let reach =
      (columns - 1) * horizontal.stride + (tapColumns - 1) * horizontal.dilation
      + 1
    let needsRow =
      folds || (geometry.dataFormat == .nchw && horizontal.stride > 1)
    return (
      product([lines, places, images, inputs]),
      product([rows, columns, images, outputs]),
      needsRow
        ? product([
          // All kinds have as many places, read or not.
          folds ? reach : min(reach + 2 * horizontal.stride, horizontal.input),
          inputs,
        ]) : 0
    )
  }

  /// A padded product, or a number that is beyond any workspace.
  private func product(_ factors: [Int]) -> Int {
    var product = 1
    for factor in factors {
      let (next, overflow) = product.multipliedReportingOverflow(by: factor)
      if overflow || next > 1 << 48 { return 1 << 48 }
      product = next
    }
    return padded(product)
  }
}
