/// Which pixels of the source make the tiles of a band, and which taps take
/// them to the result.
///
/// There is no memory here, so that a plan can ask how large tiles get.
struct ColumnTiles<Compute: ComputeScalar> {
  private let map: ConvolutionMap
  private let tiling: ColumnTiling
  private let panels: FilterPanels<Compute>
  /// The band: rows and columns of the result.
  let rows: Range<Int>
  let columns: Range<Int>
  /// Where the windows are that touch the band.
  let sourceRows: Range<Int>
  private let sourceColumns: Range<Int>

  init(
    _ map: ConvolutionMap, _ tiling: ColumnTiling,
    _ panels: FilterPanels<Compute>, rowBand: Int, columnBand: Int
  ) {
    self.map = map
    self.tiling = tiling
    self.panels = panels
    rows = (0..<map.targetHeight).part(rowBand, of: tiling.bandRows)
    columns = (0..<map.targetWidth).part(columnBand, of: tiling.bandColumns)
    sourceRows = map.vertical.sources(touching: rows)
    sourceColumns = map.horizontal.sources(touching: columns)
  }

  // MARK: Pixels

  /// Pixels beside each other that are cut into tiles.
  struct Run {
    let rows: Range<Int>
    let first: Int
    let count: Int
    let parts: Int
  }

  /// The run that begins in row `row`: the row, or as many as tiles may cross.
  func run(from row: Int) -> Run {
    let width = map.sourceWidth
    var end = row + 1
    if tiling.crossesRows, sourceColumns.count == width {
      // A tile computes the taps that any of its rows needs: so let rows with
      // the same taps go together.
      while end < sourceRows.upperBound,
        !tiling.splitsRows || taps(row: end) == taps(row: row)
      {
        end += 1
      }
    }
    let count = (end - row) * sourceColumns.count
    let parts = ceilDivide(count, tiling.pixels)
    return Run(
      rows: row..<end, first: row * width + sourceColumns.lowerBound,
      count: count, parts: parts)
  }

  /// A run of the source pixels of one image.
  struct Pixels {
    let first: Int
    let count: Int
    let width: Int

    var rows: Range<Int> { first / width..<(first + count - 1) / width + 1 }

    /// The columns of the run in row `row`.
    func columns(row: Int) -> Range<Int> {
      max(0, first - row * width)..<min(width, first + count - row * width)
    }
  }

  /// One tile of a run.
  func pixels(part: Int, of run: Run) -> Pixels {
    let pixels = (0..<run.count).evenPart(part, of: run.parts)
    return Pixels(
      first: run.first + pixels.lowerBound, count: pixels.count,
      width: map.sourceWidth)
  }

  // MARK: Taps

  /// The tap rows with which windows in row `row` land in the band.
  func taps(row: Int) -> Range<Int> {
    map.vertical.taps(landingIn: rows, sources: row..<row + 1)
  }

  /// The taps with which any window of a tile lands in the band.
  func taps(of pixels: Pixels) -> (rows: Range<Int>, columns: Range<Int>) {
    let sourceRows = pixels.rows
    let tapColumns =
      sourceRows.count == 1
      ? map.horizontal.taps(
        landingIn: columns,
        sources: pixels.columns(row: sourceRows.lowerBound))
      : 0..<map.kernelWidth
    return (
      map.vertical.taps(landingIn: rows, sources: sourceRows), tapColumns
    )
  }

  /// Taps `rows` x `columns` of one chunk of the filter.
  struct Piece {
    let rows: Range<Int>
    let columns: Range<Int>
    let chunk: Range<Int>

    var count: Int { rows.count * columns.count }
  }

  /// Cuts a rectangle of taps into pieces that lie together in a chunk.
  func forEachPiece(
    rows: Range<Int>, columns: Range<Int>, _ body: (Piece) -> Void
  ) {
    let kernelWidth = map.kernelWidth
    var row = rows.lowerBound
    while row < rows.upperBound {
      let chunk = panels.chunk(of: row * kernelWidth)
      if columns.count == kernelWidth, chunk.count >= kernelWidth {
        let end = min(rows.upperBound, chunk.upperBound / kernelWidth)
        body(Piece(rows: row..<end, columns: columns, chunk: chunk))
        row = end
        continue
      }
      var column = columns.lowerBound
      while column < columns.upperBound {
        let chunk = panels.chunk(of: row * kernelWidth + column)
        let end = min(columns.upperBound, chunk.upperBound - row * kernelWidth)
        body(Piece(rows: row..<row + 1, columns: column..<end, chunk: chunk))
        column = end
      }
      row += 1
    }
  }

  // MARK: The largest

  /// The most pixels of a tile, and the most pixels times taps of a piece.
  struct Size {
    var pixels: Int
    var products: Int
  }

  /// The largest that occur in any band, or where it takes too many rows, tiles
  /// and pieces to tell, what the tiling allows.
  static func largest(
    _ map: ConvolutionMap, _ tiling: ColumnTiling,
    _ panels: FilterPanels<Compute>
  ) -> Size {
    let allowed = Size(
      pixels: tiling.pixels, products: tiling.pixels * tiling.tapsPerChunk)
    // A millisecond at most. Of so many some are mostly as large as allowed.
    var steps = 1 << 14
    guard max(map.sourceHeight, map.taps) <= steps else {
      return allowed
    }
    var most = Size(pixels: 0, products: 0)
    for rowBand in 0..<ceilDivide(map.targetHeight, tiling.bandRows) {
      for band in 0..<ceilDivide(map.targetWidth, tiling.bandColumns) {
        let tiles = ColumnTiles(
          map, tiling, panels, rowBand: rowBand, columnBand: band)
        steps -= 1
        var row = tiles.sourceRows.lowerBound
        while row < tiles.sourceRows.upperBound, steps > 0 {
          let run = tiles.run(from: row)
          tiles.grow(&most, with: run, steps: &steps)
          row = run.rows.upperBound
        }
        if steps <= 0 { return allowed }
      }
    }
    return most
  }

  /// Looks at tiles of a run while one may be larger than those before.
  private func grow(_ most: inout Size, with run: Run, steps: inout Int) {
    steps -= run.rows.count
    guard run.parts > 0 else { return }
    let pixels = ceilDivide(run.count, run.parts)
    let tapRows = map.vertical.taps(landingIn: rows, sources: run.rows)
    let products =
      pixels * min(tapRows.count * map.kernelWidth, tiling.tapsPerChunk)
    for part in 0..<run.parts {
      guard steps > 0, pixels > most.pixels || products > most.products else {
        return
      }
      let tile = self.pixels(part: part, of: run)
      let taps = taps(of: tile)
      steps -= 1
      forEachPiece(rows: taps.rows, columns: taps.columns) { piece in
        steps -= 1
        most.pixels = max(most.pixels, tile.count)
        most.products = max(most.products, tile.count * piece.count)
      }
    }
  }
}
