/// The definition, in double precision, one result at a time: what the others
/// are checked against. It shares no code with them.
///
/// A task owns one row of the result of one image, or one tap of the filter
/// gradient.
struct Reference<Compute: ComputeScalar>: Candidate {
  private let map: ConvolutionMap

  static var algorithm: ConvolutionAlgorithm { .reference }

  init(_ request: KernelRequest) {
    map = request.map
  }

  private var isFilterGradient: Bool { map.operation == .filterGradient }

  var taskCount: Int {
    isFilterGradient ? map.taps : map.batch * map.targetHeight
  }

  var workspaceByteCount: Int { 0 }
  var filterByteCount: Int {
    isFilterGradient ? 0 : map.filterCount * map.type.byteCount
  }
  var filterPartCount: Int { isFilterGradient ? 0 : 1 }
  var summary: String { "the definition, summed in double precision" }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    prepared.copyMemory(from: filter, byteCount: filterByteCount)
  }

  /// Never the choice.
  func cost(_ model: CostModel) -> Double { map.flops * 10 }

  func run(task: Int, _ memory: TileMemory) {
    if isFilterGradient {
      addUpTap(task, memory)
    } else {
      addUpRow(task, memory)
    }
  }

  private func addUpRow(_ task: Int, _ memory: TileMemory) {
    let filter = StoredPointer(memory.first, map.type)
    let (source, result) = (memory.source, memory.result)
    let n = task / map.targetHeight
    let y = task % map.targetHeight
    let nhwc = map.dataFormat == .nhwc
    let (h, w) = (map.targetHeight, map.targetWidth)
    let (inC, outC) = (map.targetChannels, map.sourceChannels)
    let (oh, ow) = (map.sourceHeight, map.sourceWidth)
    let (kh, kw) = (map.kernelHeight, map.kernelWidth)
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let (sh, sw) = (vertical.stride, horizontal.stride)
    let (dh, dw) = (vertical.dilation, horizontal.dilation)
    let cig = inC / map.groups
    let cog = outC / map.groups

    for x in 0..<w {
      for ci in 0..<inC {
        var sum = 0.0
        for r in 0..<kh {
          let up = y * vertical.step + vertical.pad - r * dh
          if up < 0 || up % sh != 0 || up / sh >= oh { continue }
          for c in 0..<kw {
            let left = x * horizontal.step + horizontal.pad - c * dw
            if left < 0 || left % sw != 0 || left / sw >= ow { continue }
            for co in ci / cig * cog..<(ci / cig + 1) * cog {
              let pixel =
                nhwc
                ? ((n * oh + up / sh) * ow + left / sw) * outC + co
                : ((n * outC + co) * oh + up / sh) * ow + left / sw
              // Of the input gradient [taps, result, source] channels, of the
              // convolution [taps in reverse, source, result].
              let weight =
                map.isForward
                ? (((kh - r) * kw - 1 - c) * cog + co % cog) * inC + ci
                : ((r * kw + c) * cig + ci % cig) * outC + co
              sum += source[pixel] * filter[weight]
            }
          }
        }
        let place =
          nhwc
          ? ((n * h + y) * w + x) * inC + ci
          : ((n * inC + ci) * h + y) * w + x
        result.store(sum, at: place)
      }
    }
  }

  private func addUpTap(_ task: Int, _ memory: TileMemory) {
    let (input, outBackprop) = (memory.target, memory.source)
    let result = memory.result
    let nhwc = map.dataFormat == .nhwc
    let (h, w) = (map.targetHeight, map.targetWidth)
    let (inC, outC) = (map.targetChannels, map.sourceChannels)
    let (oh, ow) = (map.sourceHeight, map.sourceWidth)
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let (r, c) = (task / map.kernelWidth, task % map.kernelWidth)
    let cig = inC / map.groups
    let cog = outC / map.groups

    for k in 0..<cig {
      for co in 0..<outC {
        let ci = co / cog * cig + k
        var sum = 0.0
        for n in 0..<map.batch {
          for i in 0..<oh {
            let y = i * vertical.stride - vertical.pad + r * vertical.dilation
            if y < 0 || y >= h { continue }
            for j in 0..<ow {
              let x =
                j * horizontal.stride - horizontal.pad + c * horizontal.dilation
              if x < 0 || x >= w { continue }
              let place =
                nhwc
                ? ((n * h + y) * w + x) * inC + ci
                : ((n * inC + ci) * h + y) * w + x
              let gradient =
                nhwc
                ? ((n * oh + i) * ow + j) * outC + co
                : ((n * outC + co) * oh + i) * ow + j
              sum += input[place] * outBackprop[gradient]
            }
          }
        }
        result.store(sum, at: (task * cig + k) * outC + co)
      }
    }
  }
}
