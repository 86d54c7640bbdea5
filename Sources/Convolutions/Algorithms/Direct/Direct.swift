internal import CConvolutionKernels

/// Plain loops without BLAS: the rival that the engine is measured against, and
/// the algorithm of last resort, since it serves every map.
///
/// NHWC: per result pixel, each tap that lands there adds a combination of
/// filter rows, vectorised over the input channels, or, where those are few,
/// dot products over the output channels. NCHW: per result row and
/// channel, each tap adds a combination of the source rows, vectorised over
/// the image columns. Each result is summed in registers and cache, rounded
/// and written once.
///
/// A task owns one result row of one image.
struct Direct<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap
  private let panels: FilterPanels<Compute>
  private let nchw: Bool
  /// One output channel per input channel: the filter is used as stored, so
  /// that the loops run over channels.
  private let depthwise: Bool
  /// NHWC with less than a vector of input channels in a group: dot products
  /// over the output channels.
  private let narrow: Bool
  /// NCHW: columns of the result sorted by phase, as in ``Column``.
  private let phases: Int
  /// NCHW: columns of the source sorted by phase, where its windows are not
  /// beside each other.
  private let sourcePhases: Int

  static var algorithm: ConvolutionAlgorithm { .direct }

  init(_ request: KernelRequest) {
    map = request.map
    nchw = map.dataFormat == .nchw
    depthwise = map.channelsPerGroup == 1 && map.depthPerGroup == 1
    narrow =
      !nchw && map.channelsPerGroup < 16
      && map.depthPerGroup > map.channelsPerGroup
    panels = FilterPanels(
      map, channelBlock: map.channelsPerGroup, tapsPerChunk: 1,
      byDepth: !nchw && !narrow)
    phases =
      nchw ? max(1, min(map.horizontal.stride, map.targetWidth)) : 1
    sourcePhases =
      nchw ? max(1, min(map.horizontal.step, map.sourceWidth)) : 1
  }

  var taskCount: Int { map.batch * map.targetHeight }

  var filterByteCount: Int { panels.byteCount }

  var filterPartCount: Int { depthwise ? 1 : map.groups }

  var summary: String {
    "loops over \(nchw ? "image columns" : "channels"), \(taskCount) tasks"
  }

  func cost(_ model: CostModel) -> Double {
    let calls: Double
    let run: Int
    if nchw {
      run = map.horizontal.longestRun
      calls = map.flops / 2 / Double(run) / Double(map.depthPerGroup)
    } else if depthwise {
      run = map.targetChannels
      calls = map.flops / 2 / Double(run)
    } else {
      run = narrow ? map.depthPerGroup : map.channelsPerGroup
      // A sum across lanes ends every dot product.
      calls =
        map.flops / 2 / Double(run)
        / (narrow ? 1 : Double(map.depthPerGroup))
    }
    // Columns of NCHW a step or a stride apart are read or written one by one;
    // and windows over operands that no cache keeps wait for memory
    // (`convbench choose --random 60`).
    let bytes = (map.sourceCount + map.targetCount) * model.computeByteCount
    let isLarge = map.taps > 1 && bytes > 4 << 20
    let waits =
      nchw && map.horizontal.step > 1
      ? 6
      : (nchw && map.horizontal.stride > 1 || isLarge ? 2.5 : 1)
        // A dot product is one chain of sums: one or two hide nothing.
        * (narrow ? (map.channelsPerGroup < 3 ? 3 : 1.6) : 1)
    return calls * 10
      + waits * 2 * model.loops(map.flops / 2, over: Double(run))
      + model.move(2 * Double(map.targetCount))
  }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    if depthwise {
      let panel = prepared.assumingMemoryBound(to: Compute.self)
      for tap in 0..<map.taps {
        StoredFilter(map, filter)
          .copyTap(tap, to: panel + tap * map.targetChannels)
      }
    } else {
      panels.pack(
        part: part, from: StoredFilter(map, filter), into: prepared)
    }
  }

  // MARK: Workspace

  // Sums of one pixel (NHWC) or one row of one channel (NCHW), and the source
  // where it is copied.

  private var phaseWidth: Int { ceilDivide(map.targetWidth, phases) }

  private var sums: Int {
    nchw ? phases * phaseWidth : map.targetChannels
  }

  /// Whether rows of the source are copied: to widen or to sort them.
  private var copies: Bool { !map.type.isCompute || sourcePhases > 1 }

  private var sourcePhaseWidth: Int {
    ceilDivide(map.sourceWidth, sourcePhases)
  }

  /// From one copied row of the source to the next.
  private var copyStride: Int { sourcePhases * sourcePhaseWidth }

  /// Rows of the source that are copied together.
  private var copiedRows: Int {
    max(1, min(map.depthPerGroup, 16_384 / max(1, copyStride)))
  }

  private var copied: Int {
    guard copies else { return 0 }
    return nchw ? copiedRows * copyStride : map.sourceChannels
  }

  var workspaceByteCount: Int {
    (sums + copied) * MemoryLayout<Compute>.stride
  }

  // MARK: Execution

  func run(task: Int, _ memory: TileMemory) {
    let image = task / map.targetHeight
    let y = task % map.targetHeight
    let filter = memory.first.assumingMemoryBound(to: Compute.self)
    let source = memory.source
    let result = memory.result
    let scratch = memory.workspace.assumingMemoryBound(to: Compute.self)
    if nchw {
      runPlanes(image, y, filter, source, result, scratch)
    } else {
      runPixels(image, y, filter, source, result, scratch)
    }
  }

  private func runPixels(
    _ image: Int, _ y: Int, _ filter: UnsafePointer<Compute>,
    _ pixels: StoredPointer,
    _ result: MutableStoredPointer,
    _ scratch: UnsafeMutablePointer<Compute>
  ) {
    let channels = map.targetChannels
    let allDepth = map.sourceChannels
    let sink = ResultSink(map, result)
    for x in 0..<map.targetWidth {
      scratch.update(repeating: Compute.zero, count: channels)
      for r in 0..<map.kernelHeight {
        guard let oh = map.vertical.source(tap: r, at: y) else {
          continue
        }
        for c in 0..<map.kernelWidth {
          guard let ow = map.horizontal.source(tap: c, at: x) else {
            continue
          }
          let pixel =
            (image * map.sourceHeight + oh) * map.sourceWidth + ow
          let source = pixels + pixel * allDepth
          let widened = scratch + sums
          if !map.type.isCompute {
            source.widen(to: widened, count: allDepth)
          }
          addPixel(
            source.asCompute() ?? UnsafePointer(widened),
            filter, tap: r * map.kernelWidth + c, to: scratch)
        }
      }
      sink
        .place(image: image, pixel: y * map.targetWidth + x, channel: 0)
        .narrow(scratch, count: channels)
    }
  }

  /// Adds what one pixel of the source gives through one tap.
  private func addPixel(
    _ pixel: UnsafePointer<Compute>, _ filter: UnsafePointer<Compute>,
    tap: Int, to sums: UnsafeMutablePointer<Compute>
  ) {
    let depth = map.depthPerGroup
    let width = map.channelsPerGroup
    if depthwise {
      let channels = map.targetChannels
      Compute.addProducts(
        pixel, filter + tap * channels, to: sums, count: channels)
      return
    }
    for group in 0..<map.groups {
      let vector = pixel + group * depth
      let panel =
        filter + panels.offset(group: group, block: 0) + tap * width * depth
      let destination = sums + group * width
      if narrow {
        Compute.kernels.pointee.add_dots(
          destination, vector, panel, depth, depth, width)
      } else {
        Compute.addRowCombination(
          vector, panel, stride: width, depth: depth, to: destination,
          count: width)
      }
    }
  }

  private func runPlanes(
    _ image: Int, _ y: Int, _ filter: UnsafePointer<Compute>,
    _ source: StoredPointer,
    _ result: MutableStoredPointer,
    _ scratch: UnsafeMutablePointer<Compute>
  ) {
    let width = map.targetWidth
    let sink = ResultSink(map, result)
    for channel in 0..<map.targetChannels {
      scratch.update(repeating: Compute.zero, count: sums)
      for r in 0..<map.kernelHeight {
        guard let oh = map.vertical.source(tap: r, at: y) else {
          continue
        }
        addRow(
          image, oh, channel, tapRow: r, filter, source, scratch)
      }
      sink.storePhases(
        scratch, stride: 0, phases: phases, phaseStride: phaseWidth,
        image: image, channels: channel..<channel + 1, pixel: y * width,
        count: width, scratch: scratch)
    }
  }

  /// Adds what row `oh` of the source gives through one row of taps.
  private func addRow(
    _ image: Int, _ oh: Int, _ channel: Int, tapRow: Int,
    _ filter: UnsafePointer<Compute>, _ planes: StoredPointer,
    _ scratch: UnsafeMutablePointer<Compute>
  ) {
    let depth = map.depthPerGroup
    let sourceWidth = map.sourceWidth
    let plane = map.sourceHeight * sourceWidth
    let group = channel / map.channelsPerGroup
    let axis = map.horizontal
    let source =
      planes + (image * map.sourceChannels + group * depth) * plane
      + oh * sourceWidth
    var start = 0
    while start < depth {
      let part = copies ? min(copiedRows, depth - start) : depth
      let copy = scratch + sums
      if copies {
        for k in 0..<part {
          (source + (start + k) * plane).sortByPhase(
            sourcePhases, to: copy + k * copyStride,
            phaseStride: sourcePhaseWidth, count: sourceWidth)
        }
      }
      let rows = copies ? UnsafePointer(copy) : source.asCompute()!
      for c in 0..<map.kernelWidth {
        let run = axis.run(landingIn: 0..<axis.target, tap: c)
        guard !run.isEmpty else { continue }
        let x = run.target
        let place =
          run.source % sourcePhases * sourcePhaseWidth
          + run.source / sourcePhases
        let tap = tapRow * map.kernelWidth + c
        // Depthwise filters are [taps, channels]; others
        // [groups, taps, channels per group, depth].
        let weights =
          depthwise
          ? filter + tap * map.targetChannels + channel
          : filter + panels.offset(group: group, block: 0)
            + (tap * map.channelsPerGroup
              + channel % map.channelsPerGroup) * depth
        Compute.addRowCombination(
          weights + start, rows + place,
          stride: copies ? copyStride : plane, depth: part,
          to: scratch + x % phases * phaseWidth + x / phases,
          count: run.count)
      }
      start += part
    }
  }
}
