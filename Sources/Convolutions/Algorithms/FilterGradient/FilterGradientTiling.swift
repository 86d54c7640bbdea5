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
  init(_ map: ConvolutionMap, folds: Bool, computeByteCount: Int) {
    let sums = Self.sumTarget / computeByteCount
    let (width, depth) = (map.channelsPerGroup, map.depthPerGroup)
    inputs = folds ? width : evenBlock(width, limit: Self.narrow)
    outputs = min(depth, folds ? Self.wide : Self.narrow)
    tapRows = map.kernelHeight
    tapColumns = map.kernelWidth

    // As many taps as fit, since all of them share what is loaded.
    let taps = max(1, sums / (inputs * outputs))
    if tapRows * tapColumns > taps {
      tapRows = evenPart(tapRows, limit: max(1, taps / tapColumns))
      if !folds, tapColumns > taps {
        tapColumns = evenPart(tapColumns, limit: taps)
      }
    }
    // Taps that lie far apart share little.
    if Self.isFar(map.vertical, tapRows) { tapRows = 1 }
    if !folds, Self.isFar(map.horizontal, tapColumns) { tapColumns = 1 }

    let perTap = max(1, sums / (tapRows * tapColumns))
    outputs = evenBlock(
      depth, limit: min(Self.wide, max(Self.narrow, perTap / inputs)))
    if !folds {
      inputs = evenBlock(
        width, limit: min(Self.wide, max(Self.narrow, perTap / outputs)))
    }

    // The larger side is cut first: that costs least in loads.
    func blocks() -> Int {
      map.groups * ceilDivide(map.kernelHeight, tapRows)
        * ceilDivide(map.kernelWidth, tapColumns)
        * ceilDivide(width, inputs) * ceilDivide(depth, outputs)
    }
    let shares =
      map.vertical.stride <= (tapRows - 1) * map.vertical.dilation
    while blocks() * mostParts(map, computeByteCount) < Self.fewestTasks {
      if !shares, tapRows > 1 {
        // Rows of taps that read no row of the input together.
        tapRows = evenPart(map.kernelHeight, limit: tapRows / 2)
      } else if outputs > Self.narrow, outputs >= inputs || folds {
        outputs = evenBlock(depth, limit: max(Self.narrow, outputs / 2))
      } else if inputs > Self.narrow, !folds {
        inputs = evenBlock(width, limit: max(Self.narrow, inputs / 2))
      } else {
        break
      }
    }
    cutPixels(
      map, folds: folds, blocks: blocks(),
      slab: Self.slabTarget / computeByteCount)
    cutParts(map, blocks: blocks(), computeByteCount: computeByteCount)
  }

  /// Whether a box has less of its own along an axis than its taps reach over.
  private static func isFar(_ axis: MapAxis, _ taps: Int) -> Bool {
    (taps - 1) * axis.dilation / axis.stride
      > max(16, min(axis.source / 2, 64))
  }

  /// Parts that the pixels are worth.
  private func mostParts(
    _ map: ConvolutionMap, _ computeByteCount: Int
  ) -> Int {
    let pixels =
      map.batch * map.sourceHeight * map.sourceWidth
    return max(
      1,
      min(
        pixels / Self.fewestPixels,
        Self.mostPartialBytes / (map.filterCount * computeByteCount)))
  }

  private mutating func cutParts(
    _ map: ConvolutionMap, blocks: Int, computeByteCount: Int
  ) {
    guard blocks < Self.fewestTasks else { return }
    parts = min(
      ceilDivide(16, blocks), mostParts(map, computeByteCount),
      boxCount(map))
  }

  /// For loops over channels of groups with as many channels in as out.
  init(
    narrow map: ConvolutionMap, copies: Bool, computeByteCount: Int
  ) {
    inputs = map.channelsPerGroup
    outputs = evenBlock(
      map.sourceChannels, limit: copies ? 32 : Self.wide)
    outputs =
      min(map.sourceChannels, ceilDivide(outputs, inputs) * inputs)
    tapRows = map.kernelHeight
    tapColumns = map.kernelWidth
    let taps = max(
      1, Self.sumTarget / computeByteCount / (inputs * outputs))
    if tapRows * tapColumns > taps {
      tapRows = evenPart(tapRows, limit: max(1, taps / tapColumns))
      tapColumns = evenPart(tapColumns, limit: taps)
    }
    if Self.isFar(map.vertical, tapRows) { tapRows = 1 }
    if Self.isFar(map.horizontal, tapColumns) { tapColumns = 1 }
    let blocks =
      ceilDivide(map.kernelHeight, tapRows)
      * ceilDivide(map.kernelWidth, tapColumns)
      * ceilDivide(map.sourceChannels, outputs)
    cutPixels(
      map, folds: false, blocks: blocks, channels: outputs,
      slab: Self.slabTarget / computeByteCount)
    cutParts(map, blocks: blocks, computeByteCount: computeByteCount)
  }

  /// Channels of a block for Winograd.
  static func winogradBlock(
    _ map: ConvolutionMap
  ) -> (inputs: Int, outputs: Int) {
    (
      evenBlock(map.channelsPerGroup, limit: narrow),
      evenBlock(map.depthPerGroup, limit: narrow)
    )
  }

  /// For Winograd: boxes of one row of tiles.
  init(
    winograd map: ConvolutionMap, products: Int, rows: Int, columns: Int,
    boxesTogether: Int, computeByteCount: Int
  ) {
    (inputs, outputs) = Self.winogradBlock(map)
    tapRows = map.kernelHeight
    tapColumns = map.kernelWidth
    self.rows = rows
    self.columns = columns
    let blocks =
      map.groups * ceilDivide(map.channelsPerGroup, inputs)
      * ceilDivide(map.depthPerGroup, outputs)
    // A part is transformed back, and wants a few products before that.
    parts = max(
      1,
      min(
        8 / blocks, mostParts(map, computeByteCount),
        boxCount(map) / boxesTogether / 2))
  }

  private func boxCount(_ map: ConvolutionMap) -> Int {
    ceilDivide(map.batch, images)
      * ceilDivide(map.sourceHeight, rows)
      * ceilDivide(map.sourceWidth, columns)
  }

  /// Boxes that fit the cache, and enough of them for the parts.
  private mutating func cutPixels(
    _ map: ConvolutionMap, folds: Bool, blocks: Int,
    channels: Int? = nil, slab: Int
  ) {
    let (batch, height, width) = (
      map.batch, map.sourceHeight, map.sourceWidth
    )
    // No more than boxes ever have.
    columns = evenPart(width, limit: 1 << 14)
    rows = evenPart(height, limit: 1 << 12)
    images = evenPart(batch, limit: 1 << 8)
    func fits() -> Bool {
      let slabs = slabs(map, folds: folds, inputs: channels)
      return slabs.input + slabs.outBackprop <= slab
    }
    let wanted = blocks < Self.fewestTasks ? 16 : 1
    func isEnough() -> Bool { boxCount(map) >= wanted }
    while images > 1, !(fits() && isEnough()) {
      images = evenPart(batch, limit: images - 1)
    }
    while rows > 1, !(fits() && isEnough()) {
      let reach =
        (tapRows - 1) * map.vertical.dilation / map.vertical.stride
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
  typealias Slabs = (input: Int, outBackprop: Int, row: Int)

  /// The copies of a box.
  ///
  /// - Parameter inputs: input channels that are copied, if not those of a block.
  func slabs(
    _ map: ConvolutionMap, folds: Bool, inputs channels: Int? = nil
  ) -> Slabs {
    let inputs = channels ?? inputs
    let (vertical, horizontal) = (map.vertical, map.horizontal)
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
      folds || (map.dataFormat == .nchw && horizontal.stride > 1)
    return (
      product([lines, places, images, inputs]),
      product([rows, columns, images, outputs]),
      needsRow
        ? product([
          // All kinds have as many places, read or not.
          folds ? reach : min(reach + 2 * horizontal.stride, horizontal.target),
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
