internal import CConvolutionKernels

/// The filter gradient of depthwise layers and groups of a few channels, by
/// vector loops over the channels: sums of some taps stay in registers while a
/// box of pixels runs by.
///
/// NHWC is read in place where sums are taken in the storage type; elsewhere
/// boxes are copied as for products. Every tap runs over the windows that it
/// lands in the image for, so padding is never multiplied.
struct FilterGradientNarrow<Compute: ComputeScalar>: TiledFilterGradient,
  Candidate
{
  let map: ConvolutionMap
  let tasks: FilterGradientTasks
  private let copies: Bool
  private let slabs: FilterGradientTiling.Slabs

  private static var widths: [Int] { [1, 2, 4, 8] }

  static var algorithm: ConvolutionAlgorithm { .narrowGroups }

  init(_ request: KernelRequest) throws(Conv2DError) {
    map = request.map
    try Self.checkGroups(map)
    try Self.checkSteps(map)
    copies = !map.type.isCompute || map.dataFormat == .nchw
    let tiling = FilterGradientTiling(
      narrow: map, copies: copies,
      computeByteCount: MemoryLayout<Compute>.stride)
    tasks = FilterGradientTasks(map, tiling, spansGroups: true)
    slabs =
      copies
      ? tiling.slabs(map, folds: false, inputs: tiling.outputs) : (0, 0, 0)
    try checkWorkspace()
  }

  private static func checkGroups(
    _ map: ConvolutionMap
  ) throws(Conv2DError) {
    guard map.channelsPerGroup == map.depthPerGroup,
      widths.contains(map.channelsPerGroup)
    else {
      throw unsupported(
        "groups have other than 1, 2, 4 or 8 channels in and out")
    }
    guard map.groups > 1 || map.channelsPerGroup == 1 else {
      throw unsupported("there is one group")
    }
  }

  var summary: String {
    let tiling = tasks.tiling
    return "loops over \(tiling.outputs) channels, boxes of "
      + "\(tiling.images)x\(tiling.rows)x\(tiling.columns), "
      + "\(tasks.blockCount) blocks, \(tasks.parts) parts"
  }

  func cost(_ model: CostModel) -> Double {
    let work = map.flops / 2
    // Fewer channels than a vector has go one by one.
    let alone = min(map.sourceChannels, tasks.tiling.outputs) < 16
    let loads =
      copies
      ? model.load(
        Double(map.targetCount + map.sourceCount),
        map.dataFormat) : 0
    return (alone ? 0.9 * work : model.loops(work, over: 128)) + loads
      + partsCost(model)
  }

  // MARK: Workspace

  var workspaceByteCount: Int {
    Scratch.byteCount {
      (
        tasks.ownSums(&$0) as UnsafeMutablePointer<Compute>,
        FilterGradientSlab<Compute>.Copies(&$0, slabs)
      )
    }
  }

  // MARK: Execution

  func run(task: Int, _ memory: TileMemory) {
    var scratch = Scratch(memory.workspace)
    let sums: UnsafeMutablePointer<Compute> = tasks.sums(
      task: task, memory, &scratch)
    let block = tasks.block(task: task)
    let input = memory.target
    let outBackprop = memory.source
    sums.update(repeating: Compute.zero, count: block.count)
    let slab = FilterGradientSlab<Compute>(
      map, block, channels: block.outputs, input: input,
      outBackprop: outBackprop, copies: .init(&scratch, slabs))
    for index in tasks.boxes(task: task) {
      let box = tasks.box(index)
      if copies {
        addCopied(slab, block, box, to: sums)
      } else if let input: UnsafePointer<Compute> = input.asCompute(),
        let outBackprop: UnsafePointer<Compute> = outBackprop.asCompute()
      {
        addInPlace(input, outBackprop, block, box, to: sums)
      }
    }
    tasks.finish(
      block, UnsafePointer(sums),
      to: memory.result)
  }

  private func addInPlace(
    _ input: UnsafePointer<Compute>, _ outBackprop: UnsafePointer<Compute>,
    _ block: FilterBlock, _ box: PixelBox,
    to sums: UnsafeMutablePointer<Compute>
  ) {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let channels = map.sourceChannels
    let first = block.outputs.lowerBound
    for image in box.images {
      let pixels =
        input + image * vertical.target * horizontal.target * channels + first
      let gradients =
        outBackprop + image * vertical.source * horizontal.source * channels
        + first
      TapBoxes(
        vertical, horizontal, block, width: map.channelsPerGroup, box,
        inputStrides: PixelStrides(
          row: vertical.stride * horizontal.target * channels,
          pixel: horizontal.stride * channels),
        gradientStrides: PixelStrides(
          row: horizontal.source * channels, pixel: channels)
      ).add(to: sums, input: pixels, gradients: gradients) { r, c, oh, ow in
        (
          (vertical.position(source: oh, tap: r) * horizontal.target
            + horizontal.position(source: ow, tap: c)) * channels,
          (oh * horizontal.source + ow) * channels
        )
      }
    }
  }

  private func addCopied(
    _ slab: FilterGradientSlab<Compute>, _ block: FilterBlock, _ box: PixelBox,
    to sums: UnsafeMutablePointer<Compute>
  ) {
    let vertical = PixelSlabAxis(
      map.vertical, taps: block.tapRows, outputs: box.rows)
    let horizontal = PixelSlabAxis(
      map.horizontal, taps: block.tapColumns, outputs: box.columns)
    slab.loadPixels(box, vertical, horizontal)
    slab.loadGradients(box)
    let channels = block.outputs.count
    let pixel = box.images.count * channels
    let width = box.columns.count
    for image in 0..<box.images.count {
      TapBoxes(
        map.vertical, map.horizontal, block,
        width: map.channelsPerGroup, box,
        inputStrides: PixelStrides(row: horizontal.count * pixel, pixel: pixel),
        gradientStrides: PixelStrides(row: width * pixel, pixel: pixel)
      ).add(
        to: sums, input: slab.pixels + image * channels,
        gradients: slab.gradients + image * channels
      ) { r, c, oh, ow in
        let line = vertical.place(tap: r, output: oh)
        let place = horizontal.place(tap: c, output: ow)
        return (
          (((line.kind * horizontal.kinds + place.kind) * vertical.count
            + line.place) * horizontal.count + place.place) * pixel,
          ((oh - box.rows.lowerBound) * width + ow - box.columns.lowerBound)
            * pixel
        )
      }
    }
  }
}

/// A box of pixels cut by the taps that land inside, so that several taps run
/// over the same windows.
private struct TapBoxes {
  let vertical: MapAxis
  let horizontal: MapAxis
  let block: FilterBlock
  let width: Int
  let box: PixelBox
  let inputStrides: PixelStrides
  let gradientStrides: PixelStrides

  init(
    _ vertical: MapAxis, _ horizontal: MapAxis, _ block: FilterBlock,
    width: Int,
    _ box: PixelBox, inputStrides: PixelStrides, gradientStrides: PixelStrides
  ) {
    (self.vertical, self.horizontal) = (vertical, horizontal)
    (self.block, self.width, self.box) = (block, width, box)
    self.inputStrides = inputStrides
    self.gradientStrides = gradientStrides
  }

  private func rows(_ tap: Int) -> Range<Int> {
    vertical.sources(landingIn: 0..<vertical.target, tap: tap)
      .clamped(to: box.rows)
  }

  private func columns(_ tap: Int) -> Range<Int> {
    horizontal.sources(landingIn: 0..<horizontal.target, tap: tap)
      .clamped(to: box.columns)
  }

  /// - Parameter place: offsets of what tap `(r, c)` reads for window
  ///   `(oh, ow)`, and of that window's gradient.
  func add<Compute: ComputeScalar>(
    to sums: UnsafeMutablePointer<Compute>, input: UnsafePointer<Compute>,
    gradients: UnsafePointer<Compute>,
    place: (_ r: Int, _ c: Int, _ oh: Int, _ ow: Int) -> (Int, Int)
  ) {
    func add(
      _ tapRows: Range<Int>, _ tapColumns: Range<Int>, _ rows: Range<Int>,
      _ columns: Range<Int>
    ) {
      guard !rows.isEmpty, !columns.isEmpty else { return }
      withUnsafeTemporaryAllocation(of: Int.self, capacity: 9) { offsets in
        var count = 0
        var gradient = 0
        for r in tapRows {
          for c in tapColumns {
            (offsets[count], gradient) = place(
              r, c, rows.lowerBound, columns.lowerBound)
            count += 1
          }
        }
        Compute.kernels.pointee.add_tap_products(
          width,
          sums
            + block.offset(
              row: tapRows.lowerBound, column: tapColumns.lowerBound),
          offsets.baseAddress!, count, input, inputStrides.row,
          inputStrides.pixel, gradients + gradient, gradientStrides.row,
          gradientStrides.pixel, rows.count, columns.count,
          block.outputs.count)
      }
    }
    // Rows for which all of 3x3 taps of one channel each land inside.
    let (tapRows, tapColumns) = (block.tapRows, block.tapColumns)
    let isSquare = width == 1 && tapRows.count == 3 && tapColumns.count == 3
    var common = box.rows.lowerBound..<box.rows.lowerBound
    if isSquare {
      common = shared(tapRows) { rows($0) }
      add(
        tapRows, tapColumns, common, shared(tapColumns) { columns($0) })
    }
    for r in tapRows {
      let rows = rows(r)
      var first = tapColumns.lowerBound
      while first < tapColumns.upperBound {
        let taps = first..<min(first + 3, tapColumns.upperBound)
        let inside = shared(taps) { columns($0) }
        if isSquare, !common.isEmpty, !inside.isEmpty {
          add(r..<r + 1, taps, rows.lowerBound..<common.lowerBound, inside)
          add(r..<r + 1, taps, common.upperBound..<rows.upperBound, inside)
        } else {
          add(r..<r + 1, taps, rows, inside)
        }
        for c in taps {
          let all = columns(c)
          if inside.isEmpty {
            add(r..<r + 1, c..<c + 1, rows, all)
          } else {
            add(
              r..<r + 1, c..<c + 1, rows, all.lowerBound..<inside.lowerBound)
            add(
              r..<r + 1, c..<c + 1, rows, inside.upperBound..<all.upperBound)
          }
        }
        first = taps.upperBound
      }
    }
  }

  /// Windows that all of some taps have.
  private func shared(
    _ taps: Range<Int>, _ windows: (Int) -> Range<Int>
  ) -> Range<Int> {
    var common = windows(taps.lowerBound)
    for tap in taps.dropFirst() { common = common.clamped(to: windows(tap)) }
    return common
  }
}
