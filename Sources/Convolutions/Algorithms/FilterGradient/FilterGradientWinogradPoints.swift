// Which sets of points Winograd takes for a filter gradient.

extension FilterGradientWinograd {
  static func axes(
    _ geometry: Conv2DGeometry, _ promise: WinogradPromise
  ) throws(WinogradObjection) -> (WinogradAxis, WinogradAxis) {
    let axes = [geometry.vertical, geometry.horizontal]
    guard axes.allSatisfy({ $0.stride == 1 && $0.dilation == 1 }) else {
      throw WinogradObjection(reason: "there is a stride or a dilation")
    }
    guard axes.contains(where: { $0.kernel > 1 }) else {
      throw WinogradObjection(reason: "there is one tap")
    }
    // Half types round results to far fewer bits than any set leaves.
    let promise =
      promise.isAccuracy && !Scalar.isCompute ? .accuracy(.standard) : promise
    guard BLASRuntime.isOpenBLAS || !promise.isAccuracy else {
      throw WinogradObjection(
        reason: "its error is not known on a BLAS other than OpenBLAS")
    }
    let terms =
      geometry.batch * geometry.outputHeight * geometry.outputWidth
    let (inputs, outputs) = FilterGradientTiling.winogradBlock(geometry)
    var best: (WinogradAxis, WinogradAxis)?
    var least = Double.infinity
    for row in candidates(geometry.vertical, promise.sets(axis: 0)) {
      for column in candidates(geometry.horizontal, promise.sets(axis: 1)) {
        guard
          error(geometry, row, column) <= promise.mostError(terms: terms)
            || !promise.isAccuracy
        else { continue }
        let tiles =
          geometry.batch * ceilDivide(geometry.outputHeight, row.taps)
          * ceilDivide(geometry.outputWidth, column.taps)
        let products = row.products * column.products
        // In multiply-adds of a product; transforming back is worth some tiles.
        let transform =
          0.6 * Double(row.inputs + column.inputs) * Double(inputs + outputs)
        let block = Double(inputs * outputs)
        let work =
          Double(products)
          * (Double(tiles) * (block + transform)
            + Double(10 * parts(geometry)) * block)
        if work < least { (best, least) = ((row, column), work) }
      }
    }
    guard let best else {
      throw WinogradObjection(reason: "no set of points keeps the accuracy")
    }
    return best
  }

  /// Every set that makes as many outputs as the axis has taps.
  static func candidates(
    _ axis: Axis, _ sets: [WinogradSet]
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

  /// Parts of the pixels, if there are enough of them.
  static func parts(_ geometry: Conv2DGeometry) -> Int {
    let (inputs, outputs) = FilterGradientTiling.winogradBlock(geometry)
    return max(
      1,
      8
        / (geometry.groups * ceilDivide(geometry.channelsPerGroup, inputs)
          * ceilDivide(geometry.depthPerGroup, outputs)))
  }

  /// The error of sums of tiles, grown by the transforms, in units of the last
  /// place: fitted to measurements of real layers within 8 %.
  static func error(
    _ geometry: Conv2DGeometry, _ row: WinogradAxis, _ column: WinogradAxis
  ) -> Double {
    let tiles =
      Double(
        geometry.batch * ceilDivide(geometry.outputHeight, row.taps)
          * ceilDivide(geometry.outputWidth, column.taps))
      / Double(parts(geometry))
    let block = min(Double(mostTiles), tiles)
    return row.amplification * column.amplification
      * (0.09 * block + 0.105 * tiles / block + 1.6).squareRoot()
  }
}
