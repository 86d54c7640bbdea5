/// What the pieces of an algorithm cost on a core type, in nanoseconds on one
/// thread.
///
/// The numbers were measured on Zen 4 with OpenBLAS 0.3.21; only their ratios
/// matter, and `convbench choose` shows how often they lead to the fastest
/// algorithm.
struct CostModel: Sendable {
  let core: BLASCore
  let computeByteCount: Int

  /// One matrix product, written or added to what is there.
  func product(
    rows: Double, columns: Double, depth: Double, adds: Bool = false
  ) -> Double {
    guard rows > 0, columns > 0, depth > 0 else { return 0 }
    let scale = Double(computeByteCount) / 4
    switch core {
    case .small:
      if columns == 1 {
        // OpenBLAS makes it a matrix-vector product.
        return 300 + rows * depth * (depth < 32 ? 0.7 : 0.12) * scale
      }
      // Rows go in pairs, columns in vectors with a costly rest.
      let rowPairs = rows + (Int(rows) % 2 == 1 ? 0.5 : 0)
      let lanes = 16 / scale
      let full = (columns / lanes).rounded(.down)
      let rest = (columns - full * lanes) / lanes
      let vectors =
        full + (rest == 0 ? 0 : rest <= 0.5 ? 0.12 + 1.3 * rest : 1.1)
      return 60 + rowPairs * vectors * (depth * 0.285 + 1.6)
        + (rest == 0 ? 0 : rows * (adds ? 2.5 : 1))
    case .packed:
      // Both operands are copied into panels first, and rows go in fours;
      // fitted to `convbench products` with OpenBLAS's Haswell kernels, within
      // 6 %, but for what the least take: there operands are not in the cache.
      let rest = Int(rows) % 4 == 0 ? 0.085 : 0.18
      // Fewer than four columns take as long as eight (`convbench choose`).
      let width = columns < 4 ? 8 : columns
      return 250
        + scale
        * (rows * width * depth * 0.0187 + rows * depth * 0.045
          + columns * depth * rest + rows * columns * 0.02)
    }
  }

  /// Products of pixels, in tiles, with panels of a filter, whose sums are stored
  /// once a block of terms.
  func panels(
    pixels: Double, tile: Double, columns: Double, panels: Int, depth: Double,
    blocks: Double
  ) -> Double {
    let scale = Double(computeByteCount) / 4
    let most = Double(InstructionSet.blockRows)
    let cuts = (tile / most).rounded(.up)
    let rows = tile / cuts
    // A row or two have too few sums to hide what a multiply-add takes.
    let waits = rows < 2 ? 2.1 : rows < 3 ? 1.15 : rows < 5 ? 1.05 : 1
    let together = InstructionSet.panelsTogether(
      rows: Int(rows.rounded(.up)), terms: Int(depth / blocks))
    let calls =
      pixels / rows * Double(ceilDivide(panels, together)) * blocks
    return pixels * Double(panels) * depth * step * waits + calls * 20
      + pixels * columns * blocks * 0.06 * scale
  }

  /// Channels of pixels times channels of others, summed over the pixels.
  func pixels(rows: Double, columns: Double, count: Double) -> Double {
    guard rows > 0, columns > 0, count > 0 else { return 0 }
    let scale = Double(computeByteCount) / 4
    let lines = (columns * scale / 16).rounded(.up)
    let blocks = (rows / Double(InstructionSet.blockRows)).rounded(.up)
    let together = InstructionSet.panelsTogether(
      rows: Int((rows / blocks).rounded(.up)), terms: Int(count))
    let calls = blocks * (lines / Double(together)).rounded(.up)
    return rows * lines * count * step + calls * 20
      + rows * columns * 0.12 * scale
  }

  /// A line of numbers times a factor, added to sums in registers.
  private var step: Double {
    InstructionSet.current == .baseline ? 1.3 : 0.285
  }

  /// Sums that a product adds to beyond the nearest cache.
  func sums(_ scalars: Double) -> Double {
    scalars * 0.03 * Double(computeByteCount) / 4
  }

  /// Adding or copying runs in the cache.
  func runs(_ count: Double, scalars: Double) -> Double {
    count * 2 + scalars * 0.12 * Double(computeByteCount) / 4
  }

  /// Setting, converting or copying scalars that lie together.
  func move(_ scalars: Double) -> Double {
    scalars * 0.04 * Double(computeByteCount) / 4
  }

  /// Transposing scalars.
  func transpose(_ scalars: Double) -> Double {
    scalars * 0.12 * Double(computeByteCount) / 4
  }

  /// Sorting rows of so many scalars by phase, or putting them in order again.
  func sort(rows: Double, of count: Double, phases: Int) -> Double {
    guard phases > 1 else { return 0 }
    let isFast = phases <= 4 && count >= Double(16 * phases)
    return rows * (20 + (isFast ? 0.15 : 1.5) * count)
  }

  /// Reading and writing scalars of a transform in the cache.
  func transform(_ scalars: Double) -> Double {
    scalars * (InstructionSet.current == .avx512 ? 0.057 : 0.04)
      * Double(computeByteCount) / 4
  }

  /// Copying or converting scalars from or to a layout.
  func load(_ scalars: Double, _ format: DataFormat) -> Double {
    format == .nhwc ? move(scalars) : transpose(scalars)
  }

  /// What transposing tiles of NCHW waits for memory: runs of large planes are
  /// short and lie apart (`convbench choose --layout nchw`).
  func planes(_ map: ConvolutionMap) -> Double {
    guard map.dataFormat == .nchw else { return 0 }
    func waits(_ count: Int, plane: Int) -> Double {
      2.5 * transpose(Double(count)) * min(1, Double(plane) / 3000)
    }
    return waits(map.sourceCount, plane: map.sourceHeight * map.sourceWidth)
      + waits(map.targetCount, plane: map.targetHeight * map.targetWidth)
  }

  /// Reading a filter from the L3 cache or from memory, as far as `work` beside
  /// it does not hide it.
  func filter(_ scalars: Double, times: Double, behind work: Double) -> Double {
    let bytes = scalars * Double(computeByteCount)
    guard bytes > Double(512 << 10) else { return 0 }
    let rate = bytes > Double(16 << 20) ? 0.06 : 0.035
    return max(0, bytes * times * rate - work / 2)
  }

  /// What every algorithm pays: operands from memory, the result to it.
  func operands(_ count: Int, results: Int, byteCount: Int) -> Double {
    Double(count + 2 * results) * Double(byteCount) * 0.04
  }

  /// Multiply-adds of plain vector loops over `count` scalars each.
  func loops(_ multiplyAdds: Double, over count: Double) -> Double {
    let lanes = Double(64 / computeByteCount)
    let vectors = (count / lanes).rounded(.up)
    // They wait for loads, so that wider vectors gain little.
    let scale = InstructionSet.current == .avx512 ? 1.25 : 0.65
    return scale * multiplyAdds / max(1, count) * (vectors * 0.3 + 0.7)
  }
}

extension MapAxis {
  /// Every pair of a window and a tap of it that lands inside: how many a tap.
  ///
  /// - Parameter body: told the windows of a tap and how many taps it stands
  ///   for, as a kernel with very many is sampled.
  func forEachTap(_ body: (_ windows: Double, _ weight: Double) -> Void) {
    let samples = min(kernel, 256)
    let weight = Double(kernel) / Double(samples)
    for index in 0..<samples {
      let tap = Int(Double(index) * weight)
      body(Double(run(landingIn: 0..<target, tap: tap).count), weight)
    }
  }

  /// The share of the taps of which a window lands inside.
  var usedTaps: Double {
    var sum = 0.0
    forEachTap { sum += $0 > 0 ? $1 : 0 }
    return sum / Double(kernel)
  }

  /// The share of the taps of target positions that find a source position.
  var usedShare: Double {
    min(1, hits * Double(stride) / Double(kernel) / Double(max(1, target)))
  }

  /// Pairs of a window and a tap of it that lands inside.
  var hits: Double {
    var sum = 0.0
    forEachTap { sum += $0 * $1 }
    return sum
  }
}

extension ConvolutionMap {
  /// Weights of the taps of which a window lands inside.
  var usedWeights: Double {
    Double(filterCount) * vertical.usedTaps * horizontal.usedTaps
  }
}
