/// The sets of points that Winograd takes for a filter gradient, and how it cuts the
/// pixels with them.
struct FilterGradientWinogradCut {
  /// The taps of these are the pixels of a tile, the outputs the taps of the
  /// filter.
  let vertical: WinogradAxis
  let horizontal: WinogradAxis
  let tilesPerBox: Int
  let boxesTogether: Int
  let tiling: FilterGradientTiling
  /// The relative Frobenius error to expect of random data, in units of the last
  /// place.
  let expectedError: Double
  private let work: Double

  /// Tiles whose products are taken together: the depth of a product.
  private static var mostTiles: Int { 64 }

  var products: Int { vertical.products * horizontal.products }

  private init(
    _ map: ConvolutionMap, _ vertical: WinogradAxis,
    _ horizontal: WinogradAxis, computeByteCount: Int
  ) {
    self.vertical = vertical
    self.horizontal = horizontal
    let across = ceilDivide(map.sourceWidth, horizontal.taps)
    tilesPerBox = evenPart(across, limit: Self.mostTiles)
    boxesTogether = max(1, Self.mostTiles / max(1, tilesPerBox))
    let products = vertical.products * horizontal.products
    tiling = FilterGradientTiling(
      winograd: map, products: products, rows: vertical.taps,
      columns: tilesPerBox * horizontal.taps, boxesTogether: boxesTogether,
      computeByteCount: computeByteCount)
    let tiles = Double(
      map.batch * ceilDivide(map.sourceHeight, vertical.taps)
        * across)
    expectedError = Self.error(
      vertical.amplification(positions: map.kernelHeight)
        * horizontal.amplification(positions: map.kernelWidth),
      tiles: tiles / Double(tiling.parts),
      together: Double(tilesPerBox * boxesTogether))
    // In multiply-adds of a product; transforming back is worth some tiles.
    let (inputs, outputs) = (tiling.inputs, tiling.outputs)
    let transform =
      0.6 * Double((vertical.inputs + horizontal.inputs) * (inputs + outputs))
    let block = Double(inputs * outputs)
    work =
      Double(products)
      * (tiles * (block + transform) + Double(10 * tiling.parts) * block)
  }

  /// The error of sums of tiles, grown by the transforms, in units of the last
  /// place (`convbench verify --suite bound --op filter-gradient`).
  private static func error(
    _ amplification: Double, tiles: Double, together: Double
  ) -> Double {
    let block = max(1, min(together, tiles))
    return amplification
      * (0.09 * block + 0.105 * tiles / block + 1.6).squareRoot()
  }

  /// The cut of the least work that keeps the promise.
  static func cheapest(
    _ map: ConvolutionMap, _ accuracy: AccuracyTarget,
    computeByteCount: Int
  ) throws(Conv2DError) -> Self {
    func refuse(_ reason: String) throws(Conv2DError) -> Never {
      throw .unsupported(.winograd, reason: reason)
    }
    let axes = [map.vertical, map.horizontal]
    guard axes.allSatisfy({ $0.stride == 1 && $0.dilation == 1 }) else {
      try refuse("there is a stride or a dilation")
    }
    guard axes.contains(where: { $0.kernel > 1 }) else {
      try refuse("there is one tap")
    }
    var cuts: [Self] = []
    for row in candidates(map.vertical, accuracy.sets(axis: 0)) {
      for column in candidates(map.horizontal, accuracy.sets(axis: 1)) {
        cuts.append(
          Self(map, row, column, computeByteCount: computeByteCount))
      }
    }
    guard let best = cuts.min(by: { $0.expectedError < $1.expectedError })
    else { try refuse("no set of points has so many taps") }
    let terms =
      map.vertical.meanWindows * map.horizontal.meanWindows
      * Double(map.batch)
    try accuracy.check(
      error: best.expectedError, terms: terms,
      computeByteCount: computeByteCount)
    let most =
      accuracy.isAccuracy ? accuracy.mostError(terms: terms) : .infinity
    return cuts.filter { $0.expectedError <= most }
      .min { $0.work < $1.work } ?? best
  }

  /// Every set that makes as many outputs as the axis has taps.
  private static func candidates(
    _ axis: MapAxis, _ sets: [WinogradSet]
  ) -> [WinogradAxis] {
    sets.compactMap { set in
      let tile = set.inputs - axis.kernel + 1
      guard set.taps.contains(tile),
        axis.kernel == 1 || set != .one,
        axis.kernel > 1 || set == .one,
        // The inverse has loops for as many outputs as tiles have pixels.
        set.taps.contains(axis.kernel) || axis.kernel == 1
      else { return nil }
      return WinogradAxis(points: set, taps: tile)
    }
  }
}
