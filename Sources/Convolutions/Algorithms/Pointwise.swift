/// A 1x1 kernel with stride 1 and no padding: one matrix product an image,
/// straight into the result.
///
/// A task owns a run of pixels of one image and group; the filter is cut into
/// panels so that each product stays on the core's fast path.
struct Pointwise<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  let tiling: PointwiseTiling
  private let panels: FilterPanels<Scalar>
  private let plane: Int
  private let tasksPerPlane: Int
  private let nchw: Bool
  private let core: BLASCore

  init(_ geometry: Conv2DGeometry, tiling: PointwiseTiling, core: BLASCore) {
    self.geometry = geometry
    self.tiling = tiling
    self.core = core
    nchw = geometry.dataFormat == .nchw
    panels = FilterPanels(
      geometry, channelBlock: tiling.channelBlock, tapsPerChunk: 1,
      transposed: !nchw)
    plane = geometry.inputHeight * geometry.inputWidth
    tasksPerPlane = ceilDivide(plane, tiling.pixelsPerTask)
  }

  static func objection(to geometry: Conv2DGeometry) -> String? {
    guard geometry.kernelHeight == 1, geometry.kernelWidth == 1 else {
      return "the kernel is not 1x1"
    }
    guard geometry.strides == [1, 1] else { return "the stride is not 1" }
    guard
      [
        geometry.padTop, geometry.padBottom, geometry.padLeft,
        geometry.padRight,
      ].allSatisfy({ $0 == 0 })
    else { return "there is padding" }
    let plane = geometry.outputHeight * geometry.outputWidth
    let widest = max(geometry.inputChannels, geometry.outputChannels, plane)
    return widest > Int(Int32.max)
      ? "a matrix dimension exceeds the 32 bits of the BLAS interface" : nil
  }

  var taskCount: Int { geometry.groups * geometry.batch * tasksPerPlane }

  var filterByteCount: Int { panels.byteCount }

  var filterPartCount: Int { geometry.groups * panels.blocksPerGroup }

  var packsOperands: Bool { core == .packed }

  var summary: String {
    "GEMM \(tiling.pixels)x\(tiling.channelBlock)x\(tiling.depthBlock), "
      + "\(tiling.pixelsPerTask) pixels a task, \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let parts = ceilDivide(tiling.pixelsPerTask, tiling.pixels)
    let pixels = Double(min(plane, tiling.pixelsPerTask)) / Double(parts)
    let width = Double(tiling.channelBlock)
    let products = Double(
      taskCount * parts * panels.blocksPerGroup
        * ceilDivide(geometry.depthPerGroup, tiling.depthBlock))
    var cost =
      products
      * model.product(
        rows: nchw ? width : pixels, columns: nchw ? pixels : width,
        depth: Double(tiling.depthBlock))
    if OutBackpropTile<Scalar>.copies(geometry) {
      cost += model.move(Double(geometry.outBackpropCount))
    }
    if !Scalar.isCompute { cost += model.move(Double(geometry.inputCount)) }
    return cost
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    panels.pack(part: part, from: filter, into: prepared)
  }

  // Two parts, each padded to a cache line: the pixels of out_backprop where
  // they are copied, a tile of the result where it is rounded.

  private var operandByteCount: Int {
    OutBackpropTile<Scalar>.copies(geometry)
      ? Workspace.padded(
        tiling.pixelsPerTask * geometry.depthPerGroup
          * MemoryLayout<Compute>.stride) : 0
  }

  var workspaceByteCount: Int {
    guard !Scalar.isCompute else { return operandByteCount }
    let scalars = tiling.pixels * tiling.channelBlock
    return operandByteCount + scalars * MemoryLayout<Compute>.stride
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let pixels = (0..<plane)
      .part(task % tasksPerPlane, of: tiling.pixelsPerTask)
    let image = task / tasksPerPlane % geometry.batch
    let group = task / tasksPerPlane / geometry.batch
    let source = OutBackpropTile<Scalar>(
      geometry, outBackprop.assumingMemoryBound(to: Scalar.self))
    let (operand, stride) = source.load(
      first: pixels.lowerBound, count: pixels.count, image: image, group: group,
      into: workspace.assumingMemoryBound(to: Compute.self))
    let tile = (workspace + operandByteCount)
      .assumingMemoryBound(to: Compute.self)
    let result = result.assumingMemoryBound(to: Scalar.self)
    let parts = ceilDivide(pixels.count, tiling.pixels)
    for part in 0..<parts {
      let first = pixels.count * part / parts
      let count = pixels.count * (part + 1) / parts - first
      let pixel = pixels.lowerBound + first
      if Scalar.isCompute, part + 1 < parts {
        source.prefetch(first: pixel + count, count: count, image: image)
      }
      for block in 0..<panels.blocksPerGroup {
        let channels = panels.channels(block: block)
        let panel =
          filter.assumingMemoryBound(to: Compute.self)
          + panels.offset(group: group, block: block)
        let channel =
          group * geometry.channelsPerGroup + channels.lowerBound
        let rows = nchw ? channels.count : count
        let columns = nchw ? count : channels.count
        let rowStride = nchw ? plane : geometry.inputChannels
        let destination =
          result
          + (nchw
            ? (image * geometry.inputChannels + channel) * plane + pixel
            : (image * plane + pixel) * geometry.inputChannels + channel)
        let direct = Scalar.asCompute(destination)
        multiply(
          panel, operand + (nchw ? first : first * stride), stride: stride,
          rows: rows, columns: columns,
          into: direct ?? tile, stride: direct == nil ? columns : rowStride)
        guard direct == nil else { continue }
        for row in 0..<rows {
          Scalar.narrow(
            tile + row * columns, to: destination + row * rowStride,
            count: columns)
        }
      }
    }
  }

  private func multiply(
    _ panel: UnsafePointer<Compute>, _ operand: UnsafePointer<Compute>,
    stride: Int, rows: Int, columns: Int,
    into destination: UnsafeMutablePointer<Compute>,
    stride destinationStride: Int
  ) {
    let depth = geometry.depthPerGroup
    var start = 0
    while start < depth {
      let part = min(tiling.depthBlock, depth - start)
      if nchw {
        Compute.multiply(
          rows: rows, columns: columns, depth: part,
          panel + start, stride: depth,
          operand + start * stride, stride: stride,
          accumulate: start > 0, into: destination, stride: destinationStride)
      } else {
        Compute.multiply(
          rows: rows, columns: columns, depth: part,
          operand + start, stride: stride,
          panel + start * columns, stride: columns,
          accumulate: start > 0, into: destination, stride: destinationStride)
      }
      start += part
    }
  }
}

/// How the pointwise algorithm cuts a problem.
struct PointwiseTiling: Sendable, Hashable {
  /// Input channels of one GEMM.
  var channelBlock: Int
  /// Pixels of one GEMM.
  var pixels: Int
  /// Output channels of one GEMM; the rest is added to it.
  var depthBlock: Int
  /// Pixels of a task; its part of out_backprop stays in L2.
  var pixelsPerTask: Int

  init(_ geometry: Conv2DGeometry, core: BLASCore, computeByteCount: Int) {
    let channels = max(1, geometry.channelsPerGroup)
    let depth = max(1, geometry.depthPerGroup)
    let plane = max(1, geometry.inputHeight * geometry.inputWidth)
    depthBlock = ceilDivide(depth, ceilDivide(depth, 512))
    // What stays in L2 of a task's out_backprop.
    let room = max(1, (256 << 10) / computeByteCount / depth)
    switch core {
    case .small:
      let limit = BLASCore.smallLimit / depthBlock
      channelBlock = evenBlock(channels, limit: min(256, limit / 24))
      pixels = max(1, min(plane, limit / channelBlock, 64, room))
    case .packed:
      channelBlock = evenBlock(channels, limit: 512)
      pixels = min(plane, 128, room)
    }
    // At least some four tasks an image, for threads.
    let tiles = max(
      1, min(room / pixels, ceilDivide(ceilDivide(plane, pixels), 4), 16))
    pixelsPerTask = tiles * pixels
  }
}
