/// The pixels of the source that reach a band, as rows of matrices: in place
/// or widened, and transposed from NCHW, in the workspace.
struct TapSource<Compute: ComputeScalar> {
  private let map: ConvolutionMap
  private let source: StoredPointer
  private let image: Int
  private let group: Int
  private let bandRows: Range<Int>
  private let copy: UnsafeMutablePointer<Compute>?
  /// All rows that touch the band, or, where there are far more of them than
  /// taps reach, those that tap row 0 reaches, then those that tap row 1 does…
  private let dense: Bool
  private let tapRows: Int
  private let touchedRows: Range<Int>
  private let touchedColumns: Range<Int>
  /// From one pixel of a row to the next.
  let stride: Int

  init(
    _ map: ConvolutionMap, tiling: TapTiling,
    source: StoredPointer, image: Int, group: Int,
    rows: Range<Int>, columns: Range<Int>, copy: UnsafeMutablePointer<Compute>
  ) {
    self.map = map
    self.source = source
    self.image = image
    self.group = group
    bandRows = rows
    self.copy = TileLoader.copies(map) ? copy : nil
    dense = tiling.isDense
    tapRows = tiling.tapRows
    touchedRows = map.vertical.sources(touching: rows)
    touchedColumns = map.horizontal.sources(touching: columns)
    stride =
      self.copy == nil ? map.sourceChannels : map.depthPerGroup
  }

  /// Fills the copy, if there is one.
  func load() {
    guard copy != nil else { return }
    if dense {
      load(touchedRows, at: 0)
    } else {
      let step = map.vertical.step
      for tap in 0..<map.kernelHeight {
        let run = map.vertical.run(landingIn: bandRows, tap: tap)
        if step == 1 {
          load(run.source..<run.source + run.count, at: tap * tapRows)
          continue
        }
        for index in 0..<run.count {
          let row = run.source + index * step
          load(row..<row + 1, at: tap * tapRows + index)
        }
      }
    }
  }

  private func load(_ rows: Range<Int>, at place: Int) {
    let depth = map.depthPerGroup
    let width = map.sourceWidth
    let columns = touchedColumns
    let loader = TileLoader(source: source, of: map)
    let channels = map.sourceChannels(of: group)
    guard !rows.isEmpty, !columns.isEmpty, let copy else { return }
    let destination = copy + place * columns.count * depth
    if columns.count == width {
      loader.load(
        image: image, row: rows.lowerBound, column: 0,
        count: rows.count * width, channels: channels, to: destination)
      return
    }
    for (index, row) in rows.enumerated() {
      loader.load(
        image: image, row: row, column: columns.lowerBound,
        count: columns.count, channels: channels,
        to: destination + index * columns.count * depth)
    }
  }

  /// The pixel of window `row`, `column` that tap row `tap` needs.
  func pixel(row: Int, column: Int, tap: Int) -> UnsafePointer<Compute> {
    if let copy {
      let place =
        dense
        ? row - touchedRows.lowerBound
        : tap * tapRows
          + (row - map.vertical.run(landingIn: bandRows, tap: tap).source)
          / map.vertical.step
      return UnsafePointer(
        copy
          + (place * touchedColumns.count + column - touchedColumns.lowerBound)
          * stride)
    }
    let pixel =
      (image * map.sourceHeight + row) * map.sourceWidth + column
    return (source + pixel * stride + group * map.depthPerGroup).asCompute()!
  }
}
