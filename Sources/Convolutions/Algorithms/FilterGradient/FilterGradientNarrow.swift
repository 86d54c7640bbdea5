/// The filter gradient of depthwise layers and groups of a few channels, by
/// vector loops over the channels: sums of some taps stay in registers while a
/// box of pixels runs by.
///
/// NHWC is read in place where sums are taken in the storage type; elsewhere
/// boxes are copied as for products. Every tap runs over the windows that it
/// lands in the image for, so padding is never multiplied.
struct FilterGradientNarrow<Scalar: StorageScalar>: TiledFilterGradient {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  let tasks: FilterGradientTasks
  private let copies: Bool
  private let slabs: (input: Int, outBackprop: Int, row: Int)

  private static var widths: [Int] { [1, 2, 4, 8] }

  private static var mostWorkspace: Int {
    MemoryLayout<Compute>.stride << 20
  }

  init(_ geometry: Conv2DGeometry) {
    self.geometry = geometry
    copies = !Scalar.isCompute || geometry.dataFormat == .nchw
    let tiling = FilterGradientTiling(
      narrow: geometry, copies: copies,
      computeByteCount: MemoryLayout<Compute>.stride)
    tasks = FilterGradientTasks(geometry, tiling, spansGroups: true)
    slabs =
      copies
      ? tiling.slabs(geometry, folds: false, inputs: tiling.outputs) : (0, 0, 0)
  }

  /// Why a geometry cannot be served, if so.
  static func objection(to geometry: Conv2DGeometry) -> String? {
    guard !geometry.isDegenerate else { return nil }
    guard geometry.channelsPerGroup == geometry.depthPerGroup,
      widths.contains(geometry.channelsPerGroup)
    else {
      return "groups have other than 1, 2, 4 or 8 channels in and out"
    }
    guard geometry.groups > 1 || geometry.channelsPerGroup == 1 else {
      return "there is one group"
    }
    return Self(geometry).workspaceByteCount
      > mostWorkspace
      ? "a thread would need more than \(mostWorkspace >> 20) MiB of workspace"
      : nil
  }

  var packsOperands: Bool { false }

  var summary: String {
    let tiling = tasks.tiling
    return "loops over \(tiling.outputs) channels, boxes of "
      + "\(tiling.images)x\(tiling.rows)x\(tiling.columns), "
      + "\(tasks.blockCount) blocks, \(tasks.parts) parts"
  }

  func cost(_ model: CostModel) -> Double {
    // Fewer channels than a vector has go one by one.
    let work =
      geometry.flops / 2
      * (min(geometry.outputChannels, tasks.tiling.outputs) < 16 ? 16 : 1)
    let loads =
      copies
      ? model.load(
        Double(geometry.inputCount + geometry.outBackpropCount),
        geometry.dataFormat) : 0
    return model.loops(work, over: 128) + loads
      + (secondStage?.cost(model) ?? 0)
  }

  // MARK: Workspace

  private var sumCount: Int { tasks.parts > 1 ? 0 : tasks.sumCount }

  var workspaceByteCount: Int {
    (sumCount + slabs.input + slabs.outBackprop + slabs.row)
      * MemoryLayout<Compute>.stride
  }

  // MARK: Execution

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, source outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let scratch = workspace.assumingMemoryBound(to: Compute.self)
    let sums = tasks.sums(task: task, result: result, workspace: scratch)
    let block = tasks.block(task: task)
    let input = filter.assumingMemoryBound(to: Scalar.self)
    let outBackprop = outBackprop.assumingMemoryBound(to: Scalar.self)
    sums.update(repeating: Compute.zero, count: block.count)
    let slab = FilterGradientSlab(
      geometry, block, channels: block.outputs, input: input,
      outBackprop: outBackprop, pixels: scratch + sumCount,
      gradients: scratch + sumCount + slabs.input,
      row: scratch + sumCount + slabs.input + slabs.outBackprop)
    for index in tasks.boxes(task: task) {
      let box = tasks.box(index)
      if copies {
        addCopied(slab, block, box, to: sums)
      } else if let input = Scalar.asCompute(input),
        let outBackprop = Scalar.asCompute(outBackprop)
      {
        addInPlace(input, outBackprop, block, box, to: sums)
      }
    }
    tasks.finish(
      block, UnsafePointer(sums),
      to: result.assumingMemoryBound(to: Scalar.self))
  }

  private func addInPlace(
    _ input: UnsafePointer<Compute>, _ outBackprop: UnsafePointer<Compute>,
    _ block: FilterBlock, _ box: PixelBox,
    to sums: UnsafeMutablePointer<Compute>
  ) {
    let (vertical, horizontal) = (geometry.vertical, geometry.horizontal)
    let channels = geometry.outputChannels
    let first = block.outputs.lowerBound
    for image in box.images {
      let pixels =
        input + image * vertical.input * horizontal.input * channels + first
      let gradients =
        outBackprop + image * vertical.output * horizontal.output * channels
        + first
      TapBoxes(
        vertical, horizontal, block, width: geometry.channelsPerGroup, box,
        inputStrides: PixelStrides(
          row: vertical.stride * horizontal.input * channels,
          pixel: horizontal.stride * channels),
        gradientStrides: PixelStrides(
          row: horizontal.output * channels, pixel: channels)
      ).add(to: sums, input: pixels, gradients: gradients) { r, c, oh, ow in
        (
          (vertical.position(output: oh, tap: r) * horizontal.input
            + horizontal.position(output: ow, tap: c)) * channels,
          (oh * horizontal.output + ow) * channels
        )
      }
    }
  }

  private func addCopied(
    _ slab: FilterGradientSlab<Scalar>, _ block: FilterBlock, _ box: PixelBox,
    to sums: UnsafeMutablePointer<Compute>
  ) {
    let vertical = PixelSlabAxis(
      geometry.vertical, taps: block.tapRows, outputs: box.rows)
    let horizontal = PixelSlabAxis(
      geometry.horizontal, taps: block.tapColumns, outputs: box.columns)
    slab.loadPixels(box, vertical, horizontal)
    slab.loadGradients(box)
    let channels = block.outputs.count
    let pixel = box.images.count * channels
    let width = box.columns.count
    for image in 0..<box.images.count {
      TapBoxes(
        geometry.vertical, geometry.horizontal, block,
        width: geometry.channelsPerGroup, box,
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
  let vertical: Axis
  let horizontal: Axis
  let block: FilterBlock
  let width: Int
  let box: PixelBox
  let inputStrides: PixelStrides
  let gradientStrides: PixelStrides

  init(
    _ vertical: Axis, _ horizontal: Axis, _ block: FilterBlock, width: Int,
    _ box: PixelBox, inputStrides: PixelStrides, gradientStrides: PixelStrides
  ) {
    (self.vertical, self.horizontal) = (vertical, horizontal)
    (self.block, self.width, self.box) = (block, width, box)
    self.inputStrides = inputStrides
    self.gradientStrides = gradientStrides
  }

  private func rows(_ tap: Int) -> Range<Int> {
    vertical.outputs(landingIn: 0..<vertical.input, tap: tap)
      .clamped(to: box.rows)
  }

  private func columns(_ tap: Int) -> Range<Int> {
    horizontal.outputs(landingIn: 0..<horizontal.input, tap: tap)
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
        Compute.addTapProducts(
          width: width, taps: UnsafePointer(offsets.baseAddress!),
          tapCount: count, input, inputStrides, gradients + gradient,
          gradientStrides,
          to: sums
            + block.offset(
              row: tapRows.lowerBound, column: tapColumns.lowerBound),
          rows: rows.count, pixels: columns.count,
          channels: block.outputs.count)
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
