internal import CConvolutionKernels

/// Winograd's minimal filtering with out_backprop in the place of the filter:
/// the gradient of a tile is a correlation of the input with the tile, and its
/// transform is summed over all tiles before it is transformed back, once.
///
/// A number that is not finite would spread over all taps, and a transform may
/// overflow: so a task whose sums are not all finite is computed again by plain
/// loops.
///
/// Source: Lavin, Gray, arXiv 1509.09308.
struct FilterGradientWinograd<Compute: ComputeScalar>: TiledFilterGradient,
  Candidate
{
  let map: ConvolutionMap
  private let cut: FilterGradientWinogradCut
  let tasks: FilterGradientTasks
  private let rowMatrix: [Double]
  private let columnMatrix: [Double]

  static var algorithm: ConvolutionAlgorithm { .winograd }

  init(_ request: KernelRequest) throws(Conv2DError) {
    let accuracy = request.accuracy
    map = request.map
    try Self.checkSteps(map)
    cut = try FilterGradientWinogradCut.cheapest(
      map,
      // Half types round results to far fewer bits than any set leaves.
      accuracy.isAccuracy && !map.type.isCompute
        ? .accuracy(.standard) : accuracy,
      computeByteCount: MemoryLayout<Compute>.stride)
    rowMatrix = cut.vertical.filterTransform
    columnMatrix = cut.horizontal.filterTransform
    tasks = FilterGradientTasks(map, cut.tiling)
  }

  private var vertical: WinogradAxis { cut.vertical }
  private var horizontal: WinogradAxis { cut.horizontal }
  private var tiling: FilterGradientTiling { cut.tiling }
  private var tilesPerBox: Int { cut.tilesPerBox }
  private var boxesTogether: Int { cut.boxesTogether }
  private var products: Int { cut.products }

  var summary: String {
    "tiles of \(vertical.taps)x\(horizontal.taps) for "
      + "\(vertical.outputs)x\(horizontal.outputs) taps with \(products) "
      + "products, blocks of \(tiling.inputs)x\(tiling.outputs), "
      + "\(tasks.blockCount) blocks, \(tasks.parts) parts"
  }

  func cost(_ model: CostModel) -> Double {
    let (inputs, outputs) = (Double(tiling.inputs), Double(tiling.outputs))
    let blocks = Double(tasks.blockCount)
    let boxes =
      Double(map.batch)
      * Double(ceilDivide(map.sourceHeight, tiling.rows))
      * Double(ceilDivide(map.sourceWidth, tiling.columns))
    let tiles = boxes * Double(tilesPerBox)
    let depth = Double(min(boxesTogether * tilesPerBox, Int(tiles)))
    let products = Double(self.products)
    let multiplication =
      tiles / depth * products
      * model.pixels(rows: inputs, columns: outputs, count: depth)
    func transform(_ axis: Int, _ products: Int, _ other: Int) -> Double {
      Double((axis + products) * other)
    }
    // Runs of fewer numbers than a vector has go one by one.
    func alone(_ count: Double) -> Double { count < 16 ? 10 : 1 }
    let columns = transform(
      vertical.inputs, vertical.products, horizontal.taps)
    let rows = transform(
      horizontal.inputs, horizontal.products, vertical.products)
    func perTile(_ channels: Double) -> Double {
      channels * (columns + rows * alone(channels))
    }
    let loads =
      tiles * Double(vertical.inputs * horizontal.taps)
      * (inputs + outputs)
    let transforms = model.transform(
      tiles * (perTile(inputs) + perTile(outputs)))
    return blocks
      * (multiplication + transforms
        + model.load(loads, map.dataFormat)
        + Double(tasks.parts) * model.transform(2 * products * inputs * outputs))
      + partsCost(model)
  }

  /// The relative Frobenius error to expect of random data.
  var expectedError: Double? {
    let unit = MemoryLayout<Compute>.stride == 8 ? 0x1p-53 : 0x1p-24
    return cut.expectedError * unit
  }

  var errorGrowth: Double? { vertical.growth * horizontal.growth }

  // MARK: Workspace

  /// From one product to the next: not a multiple of a page, which would fall
  /// on the same lines of the cache.
  private func stride(_ count: Int) -> Int { padded(count) + 16 }

  private var productStride: Int { stride(tiling.inputs * tiling.outputs) }
  private var inputStride: Int {
    stride(boxesTogether * tilesPerBox * tiling.inputs)
  }
  private var gradientStride: Int {
    stride(boxesTogether * tilesPerBox * tiling.outputs)
  }
  private var tileCount: Int {
    max(
      products * (inputStride + gradientStride),
      vertical.outputs * horizontal.products * tiling.inputs * tiling.outputs,
      FilterGradientLoops<Compute>.scratchCount(
        map, inputs: tiling.inputs, outputs: tiling.outputs))
  }
  /// Columns of the input that a box reads.
  private var reach: Int { tiling.columns + horizontal.outputs - 1 }

  private struct Parts {
    /// Sums of products.
    let products: UnsafeMutablePointer<Compute>
    /// Of both operands; afterwards the sums half transformed back.
    let tiles: UnsafeMutablePointer<Compute>
    /// A box on its way.
    let box: UnsafeMutablePointer<Compute>
  }

  private func parts(_ scratch: inout Scratch) -> Parts {
    Parts(
      products: scratch.next(products * productStride),
      tiles: scratch.next(tileCount),
      box: scratch.next(
        (vertical.inputs + vertical.products) * reach
          * max(tiling.inputs, tiling.outputs)))
  }

  var workspaceByteCount: Int {
    Scratch.byteCount {
      (tasks.ownSums(&$0) as UnsafeMutablePointer<Compute>, parts(&$0))
    }
  }

  // MARK: Execution

  func run(task: Int, _ memory: TileMemory) {
    var scratch = Scratch(memory.workspace)
    let sums: UnsafeMutablePointer<Compute> = tasks.sums(
      task: task, memory, &scratch)
    let parts = parts(&scratch)
    let block = tasks.block(task: task)
    let input = TileLoader(target: memory.target, of: map)
    let gradients = TileLoader(source: memory.source, of: map)
    let (products, tiles, box) = (parts.products, parts.tiles, parts.box)

    let boxes = tasks.boxes(task: task)
    var first = boxes.lowerBound
    while first < boxes.upperBound {
      let end = min(first + boxesTogether, boxes.upperBound)
      var count = 0
      for index in first..<end {
        let pixels = tasks.box(index)
        forward(
          input, block.inputChannels(map), pixels, tile: count,
          to: tiles, box)
        forward(
          gradients: gradients, block.outputs, pixels, tile: count,
          to: tiles + self.products * inputStride, box)
        count += ceilDivide(pixels.columns.count, horizontal.taps)
      }
      multiply(
        block, tiles: count, tiles, to: products,
        accumulate: first > boxes.lowerBound)
      first = end
    }
    inverse(block, products, tiles, to: sums)
    if !Compute.areFinite(sums, count: block.count) {
      let loops = FilterGradientLoops(
        map: map, block: block, depthwise: false, input: input,
        gradients: gradients, scratch: tiles)
      sums.update(repeating: Compute.zero, count: block.count)
      for index in boxes { loops.add(tasks.box(index), to: sums) }
    }
    clearUnreached(block, sums)
    tasks.finish(
      block, UnsafePointer(sums),
      to: memory.result)
  }

  /// Taps that always fall into padding have the rounding errors of the others.
  private func clearUnreached(
    _ block: FilterBlock, _ sums: UnsafeMutablePointer<Compute>
  ) {
    func isRead(_ axis: MapAxis, _ tap: Int) -> Bool {
      !axis.sources(landingIn: 0..<axis.target, tap: tap).isEmpty
    }
    for row in block.tapRows {
      let isRowRead = isRead(map.vertical, row)
      for column in block.tapColumns
      where !isRowRead || !isRead(map.horizontal, column) {
        (sums + block.offset(row: row, column: column))
          .update(repeating: .zero, count: block.tapCount)
      }
    }
  }

  /// Transforms the input of a box.
  private func forward(
    _ input: TileLoader, _ channels: Range<Int>, _ box: PixelBox,
    tile: Int, to tiles: UnsafeMutablePointer<Compute>,
    _ scratch: UnsafeMutablePointer<Compute>
  ) {
    let count = channels.count
    let across = ceilDivide(box.columns.count, horizontal.taps)
    let columns = across * horizontal.taps + horizontal.outputs - 1
    input.loadPadded(
      image: box.images.lowerBound,
      row: box.rows.lowerBound - map.vertical.pad, rows: vertical.inputs,
      column: box.columns.lowerBound - map.horizontal.pad, columns: columns,
      channels: channels, to: scratch)
    let half = scratch + vertical.inputs * columns * count
    Compute.winogradForward(
      vertical.points, scratch, stride: columns * count, step: 0, to: half,
      stride: columns * count, step: 0, runs: 1, count: columns * count)
    for p in 0..<vertical.products {
      Compute.winogradForward(
        horizontal.points, half + p * columns * count, stride: count,
        step: horizontal.taps * count,
        to: tiles + p * horizontal.products * inputStride + tile * count,
        stride: inputStride, step: count, runs: across, count: count)
    }
  }

  /// Transforms the out_backprop of a box.
  private func forward(
    gradients: TileLoader, _ channels: Range<Int>, _ box: PixelBox,
    tile: Int, to tiles: UnsafeMutablePointer<Compute>,
    _ scratch: UnsafeMutablePointer<Compute>
  ) {
    let count = channels.count
    let across = ceilDivide(box.columns.count, horizontal.taps)
    let columns = across * horizontal.taps
    gradients.loadPadded(
      image: box.images.lowerBound, row: box.rows.lowerBound,
      rows: vertical.taps, column: box.columns.lowerBound, columns: columns,
      channels: channels, to: scratch)
    let half = scratch + vertical.taps * columns * count
    Compute.winogradGradient(
      rowMatrix, taps: vertical.taps, scratch, stride: columns * count,
      step: 0, to: half, stride: columns * count, step: 0, runs: 1,
      count: columns * count)
    for p in 0..<vertical.products {
      Compute.winogradGradient(
        columnMatrix, taps: horizontal.taps, half + p * columns * count,
        stride: count, step: horizontal.taps * count,
        to: tiles + p * horizontal.products * gradientStride + tile * count,
        stride: gradientStride, step: count, runs: across, count: count)
    }
  }

  private func multiply(
    _ block: FilterBlock, tiles count: Int,
    _ tiles: UnsafePointer<Compute>,
    to products: UnsafeMutablePointer<Compute>, accumulate: Bool
  ) {
    let (rows, columns) = (block.inputs.count, block.outputs.count)
    let gradients = tiles + self.products * inputStride
    for p in 0..<self.products {
      Compute.kernels.pointee.multiply_pixels(
        rows, columns, 1, count, tiles + p * inputStride, 0, rows,
        gradients + p * gradientStride, 0, columns,
        products + p * productStride, columns, accumulate ? 1 : 0)
    }
  }

  private func inverse(
    _ block: FilterBlock, _ products: UnsafePointer<Compute>,
    _ half: UnsafeMutablePointer<Compute>,
    to sums: UnsafeMutablePointer<Compute>
  ) {
    let count = block.tapCount
    let row = horizontal.products * count
    Compute.winogradInverse(
      vertical.points, outputs: vertical.outputs, products,
      stride: horizontal.products * productStride, step: productStride,
      to: half, stride: row, step: count, runs: horizontal.products,
      count: count)
    for r in 0..<vertical.outputs {
      Compute.winogradInverse(
        horizontal.points, outputs: horizontal.outputs, half + r * row,
        stride: count, step: 0, to: sums + r * horizontal.outputs * count,
        stride: count, step: 0, runs: 1, count: count)
    }
  }
}
