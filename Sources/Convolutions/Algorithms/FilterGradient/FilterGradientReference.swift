/// The definition of the filter gradient, in double precision, one result at a
/// time: what the others are checked against. It shares no code with them.
///
/// A task owns one tap.
struct FilterGradientReference<Compute: ComputeScalar>: Candidate {
  let map: ConvolutionMap

  static var algorithm: ConvolutionAlgorithm { .reference }

  init(_ request: KernelRequest) {
    map = request.map
  }

  var taskCount: Int { map.taps }
  var workspaceByteCount: Int { 0 }
  var summary: String { "the definition, summed in double precision" }

  /// Never the choice.
  func cost(_ model: CostModel) -> Double { map.flops * 10 }

  @_specialize(where Compute == Float)
  @_specialize(where Compute == Double)
  func run(task: Int, _ memory: TileMemory) {
    let input = memory.target
    let outBackprop = memory.source
    let result = memory.result
    let nhwc = map.dataFormat == .nhwc
    let (h, w) = (map.targetHeight, map.targetWidth)
    let (inC, outC) = (map.targetChannels, map.sourceChannels)
    let (oh, ow) = (map.sourceHeight, map.sourceWidth)
    let (sh, sw) = (map.vertical.stride, map.horizontal.stride)
    let (dh, dw) = (map.vertical.dilation, map.horizontal.dilation)
    let (r, c) = (task / map.kernelWidth, task % map.kernelWidth)
    let cig = map.channelsPerGroup
    let cog = outC / map.groups

    for k in 0..<cig {
      for co in 0..<outC {
        let ci = co / cog * cig + k
        var sum = 0.0
        for n in 0..<map.batch {
          for i in 0..<oh {
            let y = i * sh - map.vertical.pad + r * dh
            if y < 0 || y >= h { continue }
            for j in 0..<ow {
              let x = j * sw - map.horizontal.pad + c * dw
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
