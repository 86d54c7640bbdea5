/// One task of ``Column``: a block of channels of a band of one image.
struct ColumnBand<Compute: ComputeScalar> {
  typealias Tiles = ColumnTiles<Compute>

  let kernel: Column<Compute>
  let image: Int
  let group: Int
  let channels: Range<Int>
  let tiles: Tiles
  let panels: UnsafePointer<Compute>
  let loader: TileLoader
  /// `[rows, columns, channels]`.
  let sums: UnsafeMutablePointer<Compute>
  let columnTile: UnsafeMutablePointer<Compute>
  let tile: UnsafeMutablePointer<Compute>

  private var map: ConvolutionMap { kernel.map }
  private var tiling: ColumnTiling { kernel.tiling }
  private var rows: Range<Int> { tiles.rows }
  private var columns: Range<Int> { tiles.columns }

  /// From one row of the sums to the next.
  private var rowStride: Int { columns.count * channels.count }

  // MARK: Tiles

  /// Adds up everything that reaches the band.
  func accumulate() {
    sums.update(repeating: Compute.zero, count: rows.count * rowStride)
    var row = tiles.sourceRows.lowerBound
    while row < tiles.sourceRows.upperBound {
      let run = tiles.run(from: row)
      accumulate(run)
      row = run.rows.upperBound
    }
  }

  /// Adds a run of pixels, tile by tile.
  private func accumulate(_ run: Tiles.Run) {
    for part in 0..<run.parts {
      let pixels = tiles.pixels(part: part, of: run)
      // Pixels of one group are skipped over.
      if part + 1 < run.parts, map.groups == 1 {
        loader.prefetch(
          image: image, pixel: pixels.first + pixels.count,
          count: pixels.count)
      }
      accumulate(pixels)
    }
  }

  private func accumulate(_ pixels: Tiles.Pixels) {
    let (tapRows, tapColumns) = tiles.taps(of: pixels)
    guard !tapRows.isEmpty, !tapColumns.isEmpty else { return }
    let channels = map.sourceChannels(of: group)
    var (operand, stride) = (UnsafePointer(tile), map.depthPerGroup)
    if TileLoader.copies(map) {
      loader.load(
        image: image, pixel: pixels.first, count: pixels.count,
        channels: channels, to: tile)
    } else {
      (operand, stride) = loader.inPlace(
        image: image, pixel: pixels.first, channels: channels)
    }
    tiles.forEachPiece(rows: tapRows, columns: tapColumns) { piece in
      let tile =
        kernel.onPanels
        ? multiplyPanels(piece, operand, stride: stride, pixels: pixels.count)
        : multiply(piece, operand, stride: stride, pixels: pixels.count)
      scatter(piece, pixels, tile)
    }
  }

  // MARK: GEMM

  /// The column tile of a piece: `[pixels, taps, channels]`.
  private func multiply(
    _ piece: Tiles.Piece, _ operand: UnsafePointer<Compute>, stride: Int,
    pixels: Int
  ) -> ColumnTile {
    let depth = map.depthPerGroup
    let width = channels.count
    let firstTap =
      piece.rows.lowerBound * map.kernelWidth + piece.columns.lowerBound
    let columns = piece.count * width
    let panel =
      panels + depth * piece.chunk.lowerBound * width
      + (firstTap - piece.chunk.lowerBound) * width
    let panelStride = piece.chunk.count * width
    var start = 0
    while start < depth {
      let part = min(tiling.depthBlock, depth - start)
      Compute.multiply(
        rows: pixels, columns: columns, depth: part,
        operand + start, stride: stride,
        panel + start * panelStride, stride: panelStride,
        accumulate: start > 0, into: columnTile, stride: columns)
      start += part
    }
    return ColumnTile(start: columnTile, stride: columns)
  }

  /// A column tile: its first product, and from one pixel to the next.
  private struct ColumnTile {
    let start: UnsafePointer<Compute>
    let stride: Int
  }

  /// The same on panels: whole panels, so that the tile may begin with columns
  /// that nobody asks for.
  private func multiplyPanels(
    _ piece: Tiles.Piece, _ operand: UnsafePointer<Compute>, stride: Int,
    pixels: Int
  ) -> ColumnTile {
    let line = FilterPanels<Compute>.line
    let depth = map.depthPerGroup
    let width = channels.count
    let firstTap =
      piece.rows.lowerBound * map.kernelWidth + piece.columns.lowerBound
    let skipped = (firstTap - piece.chunk.lowerBound) * width
    let before = skipped % line
    let columns = before + piece.count * width
    let lines =
      panels + kernel.panels.lineOffset(chunk: piece.chunk, width: width)
      + skipped / line * line * depth
    let sum = SumBlocks(taps: 1, depth: depth)
    for index in 0..<sum.count {
      let terms = sum[index].channels
      Compute.multiplyRows(
        pixels, operand + terms.lowerBound, stride: stride,
        depth: terms.count, lines + terms.lowerBound * line,
        panelStride: depth * line, step: line, into: columnTile,
        stride: columns, columns: columns, adds: index > 0)
    }
    return ColumnTile(start: columnTile + before, stride: columns)
  }

  // MARK: col2im

  private func scatter(
    _ piece: Tiles.Piece, _ pixels: Tiles.Pixels, _ tile: ColumnTile
  ) {
    for row in pixels.rows {
      let tapRows = tiles.taps(row: row).clamped(to: piece.rows)
      guard !tapRows.isEmpty else { continue }
      let y =
        map.vertical.position(source: row, tap: tapRows.lowerBound)
        - rows.lowerBound
      let run = PixelRun(
        row: row, columns: pixels.columns(row: row), pixels: pixels,
        tapRows: tapRows, y: y)
      scatter(piece, run, tile)
    }
  }

  /// The pixels of a tile in one image row, and the taps that land in the band
  /// from there: the first of them in row `y` of it.
  private struct PixelRun {
    let row: Int
    let columns: Range<Int>
    let pixels: Tiles.Pixels
    let tapRows: Range<Int>
    let y: Int

    /// Place in the tile of the pixel at `column`.
    func index(column: Int) -> Int {
      row * pixels.width + column - pixels.first
    }
  }

  /// Per pixel and tap row, one run over the tap columns and channels
  /// where the kernel is dense; else one run a tap.
  private func scatter(
    _ piece: Tiles.Piece, _ run: PixelRun, _ tile: ColumnTile
  ) {
    let axis = map.horizontal
    if axis.dilation > 1 {
      for tap in piece.columns {
        scatter(
          piece, run, tile, taps: tap..<tap + 1,
          pixels: axis.sources(landingIn: columns, tap: tap)
            .clamped(to: run.columns))
      }
      return
    }
    let first = axis.sources(
      landingIn: columns, tap: piece.columns.lowerBound)
    let last = axis.sources(
      landingIn: columns, tap: piece.columns.upperBound - 1)
    let lower = max(first.lowerBound, last.lowerBound, run.columns.lowerBound)
    let upper = min(first.upperBound, last.upperBound, run.columns.upperBound)
    let whole = lower..<max(lower, upper)
    for column in run.columns where !whole.contains(column) {
      let taps = axis.taps(landingIn: columns, sources: column..<column + 1)
        .clamped(to: piece.columns)
      scatter(
        piece, run, tile, taps: taps, pixels: column..<column + 1)
    }
    scatter(piece, run, tile, taps: piece.columns, pixels: whole)
  }

  private func scatter(
    _ piece: Tiles.Piece, _ run: PixelRun, _ tile: ColumnTile,
    taps: Range<Int>, pixels: Range<Int>
  ) {
    guard !taps.isEmpty, !pixels.isEmpty else { return }
    let width = channels.count
    let axis = map.horizontal
    let x =
      axis.position(source: pixels.lowerBound, tap: taps.lowerBound)
      - columns.lowerBound
    let firstTap =
      (run.tapRows.lowerBound - piece.rows.lowerBound) * piece.columns.count
      + taps.lowerBound - piece.columns.lowerBound
    Compute.addRuns(
      tile.start + run.index(column: pixels.lowerBound) * tile.stride
        + firstTap * width,
      outerStride: tile.stride,
      innerStride: piece.columns.count * width,
      to: sums + run.y * rowStride + x * width,
      outerStride: spacing(pixels.count, axis.stride, width),
      innerStride: spacing(
        run.tapRows.count, map.vertical.dilation, rowStride),
      outer: pixels.count, inner: run.tapRows.count, count: taps.count * width)
  }

  /// From one of `count` places to the next, `step` apart in units of `size`.
  /// With one place there is no next, and a wild step may not fit an `Int`.
  private func spacing(_ count: Int, _ step: Int, _ size: Int) -> Int {
    count > 1 ? step * size : 0
  }

  // MARK: Result

  /// Writes the band, rounded once.
  func store(into result: MutableStoredPointer) {
    ResultSink(map, result).store(
      sums, image: image,
      channels: map.targetChannels(channels, of: group),
      rows: rows, columns: columns)
  }
}
