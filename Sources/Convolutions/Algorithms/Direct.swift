/// Plain loops without BLAS: the rival that the engine is measured against, and
/// the algorithm of last resort, since it serves every geometry.
///
/// NHWC: per result pixel, each tap that lands there adds a combination of
/// filter rows, vectorised over the input channels, or, where those are few,
/// dot products over the output channels. NCHW: per result row and
/// channel, each tap adds a combination of out_backprop rows, vectorised over
/// the image columns. Each result is summed in registers and cache, rounded
/// and written once.
///
/// A task owns one result row of one image.
struct Direct<Scalar: StorageScalar>: TileKernel {
  typealias Compute = Scalar.Compute

  let geometry: Conv2DGeometry
  private let panels: FilterPanels<Scalar>
  private let nchw: Bool
  /// One output channel per input channel: the filter is used as stored, so
  /// that the loops run over channels.
  private let depthwise: Bool
  /// NHWC with less than a vector of input channels in a group: dot products
  /// over the output channels.
  private let narrow: Bool
  /// NCHW: columns sorted by phase, as in ``Column``.
  private let phases: Int

  init(_ geometry: Conv2DGeometry) {
    self.geometry = geometry
    nchw = geometry.dataFormat == .nchw
    depthwise = geometry.channelsPerGroup == 1 && geometry.depthPerGroup == 1
    narrow =
      !nchw && geometry.channelsPerGroup < 16
      && geometry.depthPerGroup > geometry.channelsPerGroup
    panels = FilterPanels(
      geometry, channelBlock: geometry.channelsPerGroup, tapsPerChunk: 1,
      transposed: !nchw && !narrow)
    phases =
      nchw ? max(1, min(geometry.horizontal.stride, geometry.inputWidth)) : 1
  }

  var taskCount: Int { geometry.batch * geometry.inputHeight }

  var filterByteCount: Int { panels.byteCount }

  var filterPartCount: Int { depthwise ? 1 : geometry.groups }

  var packsOperands: Bool { false }

  var summary: String {
    "loops over \(nchw ? "image columns" : "channels"), \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let calls: Double
    let run: Int
    if nchw {
      run = geometry.outputWidth
      calls = geometry.flops / 2 / Double(run * geometry.depthPerGroup)
    } else if depthwise {
      run = geometry.inputChannels
      calls = geometry.flops / 2 / Double(run)
    } else {
      run = narrow ? geometry.depthPerGroup : geometry.channelsPerGroup
      // A sum across lanes ends every dot product.
      calls =
        geometry.flops / 2 / Double(run)
        / (narrow ? 1 : Double(geometry.depthPerGroup))
    }
    return calls * 10 + 2 * model.loops(geometry.flops / 2, over: Double(run))
      + model.move(2 * Double(geometry.inputCount))
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    if depthwise {
      Scalar.widen(
        filter.assumingMemoryBound(to: Scalar.self),
        to: prepared.assumingMemoryBound(to: Compute.self),
        count: geometry.filterCount)
    } else {
      panels.pack(part: part, from: filter, into: prepared)
    }
  }

  // MARK: Workspace

  // Sums of one pixel (NHWC) or one row of one channel (NCHW), and widened
  // out_backprop.

  private var phaseWidth: Int { ceilDivide(geometry.inputWidth, phases) }

  private var sums: Int {
    nchw ? phases * phaseWidth : geometry.inputChannels
  }

  /// Rows of out_backprop that are widened together.
  private var widenedRows: Int {
    max(1, min(geometry.depthPerGroup, 16_384 / max(1, geometry.outputWidth)))
  }

  private var widened: Int {
    if Scalar.isCompute { return 0 }
    return nchw
      ? widenedRows * geometry.outputWidth : geometry.outputChannels
  }

  var workspaceByteCount: Int {
    (sums + widened) * MemoryLayout<Compute>.stride
  }

  // MARK: Execution

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let image = task / geometry.inputHeight
    let y = task % geometry.inputHeight
    let filter = filter.assumingMemoryBound(to: Compute.self)
    let source = outBackprop.assumingMemoryBound(to: Scalar.self)
    let result = result.assumingMemoryBound(to: Scalar.self)
    let scratch = workspace.assumingMemoryBound(to: Compute.self)
    if nchw {
      runPlanes(image, y, filter, source, result, scratch)
    } else {
      runPixels(image, y, filter, source, result, scratch)
    }
  }

  private func runPixels(
    _ image: Int, _ y: Int, _ filter: UnsafePointer<Compute>,
    _ outBackprop: UnsafePointer<Scalar>,
    _ result: UnsafeMutablePointer<Scalar>,
    _ scratch: UnsafeMutablePointer<Compute>
  ) {
    let channels = geometry.inputChannels
    let allDepth = geometry.outputChannels
    let row = image * geometry.inputHeight + y
    for x in 0..<geometry.inputWidth {
      scratch.update(repeating: Compute.zero, count: channels)
      for r in 0..<geometry.kernelHeight {
        guard let oh = geometry.vertical.window(tap: r, at: y) else {
          continue
        }
        for c in 0..<geometry.kernelWidth {
          guard let ow = geometry.horizontal.window(tap: c, at: x) else {
            continue
          }
          let pixel =
            (image * geometry.outputHeight + oh) * geometry.outputWidth + ow
          let source = outBackprop + pixel * allDepth
          let widened = scratch + sums
          if !Scalar.isCompute {
            Scalar.widen(source, to: widened, count: allDepth)
          }
          addPixel(
            Scalar.asCompute(source) ?? UnsafePointer(widened),
            filter, tap: r * geometry.kernelWidth + c, to: scratch)
        }
      }
      Scalar.narrow(
        scratch, to: result + (row * geometry.inputWidth + x) * channels,
        count: channels)
    }
  }

  /// Adds what one pixel of out_backprop gives through one tap.
  private func addPixel(
    _ pixel: UnsafePointer<Compute>, _ filter: UnsafePointer<Compute>,
    tap: Int, to sums: UnsafeMutablePointer<Compute>
  ) {
    let depth = geometry.depthPerGroup
    let width = geometry.channelsPerGroup
    if depthwise {
      let channels = geometry.inputChannels
      Compute.addProducts(
        pixel, filter + tap * channels, to: sums, count: channels)
      return
    }
    for group in 0..<geometry.groups {
      let vector = pixel + group * depth
      let panel =
        filter + panels.offset(group: group, block: 0) + tap * width * depth
      let destination = sums + group * width
      if narrow {
        Compute.addDots(
          vector, panel, stride: depth, depth: depth, to: destination,
          count: width)
      } else {
        Compute.addRowCombination(
          vector, panel, stride: width, depth: depth, to: destination,
          count: width)
      }
    }
  }

  private func runPlanes(
    _ image: Int, _ y: Int, _ filter: UnsafePointer<Compute>,
    _ outBackprop: UnsafePointer<Scalar>,
    _ result: UnsafeMutablePointer<Scalar>,
    _ scratch: UnsafeMutablePointer<Compute>
  ) {
    let width = geometry.inputWidth
    for channel in 0..<geometry.inputChannels {
      scratch.update(repeating: Compute.zero, count: sums)
      for r in 0..<geometry.kernelHeight {
        guard let oh = geometry.vertical.window(tap: r, at: y) else {
          continue
        }
        addRow(
          image, oh, channel, tapRow: r, filter, outBackprop, scratch)
      }
      let destination =
        result
        + ((image * geometry.inputChannels + channel) * geometry.inputHeight
          + y) * width
      Scalar.interleave(
        scratch, phases: phases, phaseStride: phaseWidth, to: destination,
        count: width)
    }
  }

  /// Adds what row `oh` of out_backprop gives through one row of taps.
  private func addRow(
    _ image: Int, _ oh: Int, _ channel: Int, tapRow: Int,
    _ filter: UnsafePointer<Compute>, _ outBackprop: UnsafePointer<Scalar>,
    _ scratch: UnsafeMutablePointer<Compute>
  ) {
    let depth = geometry.depthPerGroup
    let outputWidth = geometry.outputWidth
    let plane = geometry.outputHeight * outputWidth
    let group = channel / geometry.channelsPerGroup
    let axis = geometry.horizontal
    let source =
      outBackprop
      + (image * geometry.outputChannels + group * depth) * plane
      + oh * outputWidth
    var start = 0
    while start < depth {
      let part = Scalar.isCompute ? depth : min(widenedRows, depth - start)
      let copy = scratch + sums
      if !Scalar.isCompute {
        for k in 0..<part {
          Scalar.widen(
            source + (start + k) * plane, to: copy + k * outputWidth,
            count: outputWidth)
        }
      }
      let rows = Scalar.asCompute(source) ?? UnsafePointer(copy)
      for c in 0..<geometry.kernelWidth {
        let hits = axis.outputs(landingIn: 0..<axis.input, tap: c)
        guard !hits.isEmpty else { continue }
        let x = axis.position(output: hits.lowerBound, tap: c)
        let tap = tapRow * geometry.kernelWidth + c
        // Depthwise filters are [taps, channels]; others
        // [groups, taps, channels per group, depth].
        let weights =
          depthwise
          ? filter + tap * geometry.inputChannels + channel
          : filter + panels.offset(group: group, block: 0)
            + (tap * geometry.channelsPerGroup
              + channel % geometry.channelsPerGroup) * depth
        Compute.addRowCombination(
          weights + start, rows + hits.lowerBound,
          stride: Scalar.isCompute ? plane : outputWidth, depth: part,
          to: scratch + x % phases * phaseWidth + x / phases,
          count: hits.count)
      }
      start += part
    }
  }
}
