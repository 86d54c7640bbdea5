/// The definition of the filter gradient, in double precision, one result at a
/// time: what the others are checked against. It shares no code with them.
///
/// A task owns one tap.
struct FilterGradientReference<Scalar: StorageScalar>: FilterGradientKernel {
  let geometry: Conv2DGeometry

  init(_ geometry: Conv2DGeometry) {
    self.geometry = geometry
  }

  var taskCount: Int { geometry.taps }
  var workspaceByteCount: Int { 0 }
  var packsOperands: Bool { false }
  var summary: String { "the definition, summed in double precision" }

  /// Never the choice.
  func cost(_ model: CostModel) -> Double { geometry.flops * 10 }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  func run(
    task: Int, filter: UnsafeRawPointer, source outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let input = filter.assumingMemoryBound(to: Scalar.self)
    let outBackprop = outBackprop.assumingMemoryBound(to: Scalar.self)
    let result = result.assumingMemoryBound(to: Scalar.self)
    let nhwc = geometry.dataFormat == .nhwc
    let (h, w) = (geometry.inputHeight, geometry.inputWidth)
    let (inC, outC) = (geometry.inputChannels, geometry.outputChannels)
    let (oh, ow) = (geometry.outputHeight, geometry.outputWidth)
    let (sh, sw) = (geometry.strides[0], geometry.strides[1])
    let (dh, dw) = (geometry.dilations[0], geometry.dilations[1])
    let (r, c) = (task / geometry.kernelWidth, task % geometry.kernelWidth)
    let cig = geometry.filterSizes[2]
    let cog = outC / geometry.groups

    for k in 0..<cig {
      for co in 0..<outC {
        let ci = co / cog * cig + k
        var sum = 0.0
        for n in 0..<geometry.batch {
          for i in 0..<oh {
            let y = i * sh - geometry.padTop + r * dh
            if y < 0 || y >= h { continue }
            for j in 0..<ow {
              let x = j * sw - geometry.padLeft + c * dw
              if x < 0 || x >= w { continue }
              let place =
                nhwc
                ? ((n * h + y) * w + x) * inC + ci
                : ((n * inC + ci) * h + y) * w + x
              let gradient =
                nhwc
                ? ((n * oh + i) * ow + j) * outC + co
                : ((n * outC + co) * oh + i) * ow + j
              sum += input[place].double * outBackprop[gradient].double
            }
          }
        }
        result[(task * cig + k) * outC + co] = Scalar.rounded(sum)
      }
    }
  }
}
