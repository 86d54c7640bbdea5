/// The definition, in double precision, one result at a time: what the others
/// are checked against. It shares no code with them.
///
/// A task owns one result row of one image.
struct Reference<Scalar: StorageScalar>: TileKernel {
  let geometry: Conv2DGeometry

  init(_ geometry: Conv2DGeometry) {
    self.geometry = geometry
  }

  var taskCount: Int { geometry.batch * geometry.inputHeight }
  var workspaceByteCount: Int { 0 }
  var filterByteCount: Int {
    geometry.filterCount * MemoryLayout<Scalar>.stride
  }
  var filterPartCount: Int { 1 }
  var packsOperands: Bool { false }
  var summary: String { "the definition, summed in double precision" }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    prepared.copyMemory(from: filter, byteCount: filterByteCount)
  }

  @_specialize(where Scalar == Float16)
  @_specialize(where Scalar == BFloat16)
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  /// Never the choice.
  func cost(_ model: CostModel) -> Double { geometry.flops * 10 }

  func run(
    task: Int, filter: UnsafeRawPointer, outBackprop: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let filter = filter.assumingMemoryBound(to: Scalar.self)
    let outBackprop = outBackprop.assumingMemoryBound(to: Scalar.self)
    let result = result.assumingMemoryBound(to: Scalar.self)
    let n = task / geometry.inputHeight
    let y = task % geometry.inputHeight
    let nhwc = geometry.dataFormat == .nhwc
    let (h, w) = (geometry.inputHeight, geometry.inputWidth)
    let (inC, outC) = (geometry.inputChannels, geometry.outputChannels)
    let (oh, ow) = (geometry.outputHeight, geometry.outputWidth)
    let (kh, kw) = (geometry.kernelHeight, geometry.kernelWidth)
    let (sh, sw) = (geometry.strides[0], geometry.strides[1])
    let (dh, dw) = (geometry.dilations[0], geometry.dilations[1])
    let cig = inC / geometry.groups
    let cog = outC / geometry.groups

    for x in 0..<w {
      for ci in 0..<inC {
        var sum = 0.0
        for r in 0..<kh {
          let up = y + geometry.padTop - r * dh
          if up < 0 || up % sh != 0 || up / sh >= oh { continue }
          for c in 0..<kw {
            let left = x + geometry.padLeft - c * dw
            if left < 0 || left % sw != 0 || left / sw >= ow { continue }
            for co in ci / cig * cog..<(ci / cig + 1) * cog {
              let pixel =
                nhwc
                ? ((n * oh + up / sh) * ow + left / sw) * outC + co
                : ((n * outC + co) * oh + up / sh) * ow + left / sw
              let weight = ((r * kw + c) * cig + ci % cig) * outC + co
              sum += outBackprop[pixel].double * filter[weight].double
            }
          }
        }
        let place =
          nhwc
          ? ((n * h + y) * w + x) * inC + ci
          : ((n * inC + ci) * h + y) * w + x
        result[place] = Scalar.rounded(sum)
      }
    }
  }
}
