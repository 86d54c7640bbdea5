import ConvolutionTestSupport
import Foundation
import Testing

@testable import Convolutions

@Suite("Results beyond the caches and offsets beyond 32 bits are right")
struct LargeTests {
  /// Results of 16 MiB and more are written past the caches: through a kernel
  /// of ones they are what goes in, to the last byte of each row.
  @Test(
    arguments: [
      ("g17mb1ic17ih483iw513oc17oh483ow513kh1kw1", "groups"),
      ("mb1ic17ih483iw513oc17oh483ow513kh1kw1", "column"),
    ], DataFormat.allCases)
  func streamedResults(
    _ layer: (descriptor: String, algorithm: String), _ format: DataFormat
  ) throws {
    let geometry = try problem(layer.descriptor, format)
    let channels = geometry.inputChannels
    // The identity.
    let filter = (0..<geometry.filterCount).map {
      Float(geometry.groups > 1 || $0 % (channels + 1) == 0 ? 1 : 0)
    }
    let outBackprop = [Float](unsafeUninitializedCapacity: geometry.inputCount)
    { buffer, count in
      count = geometry.inputCount
      for index in 0..<count { buffer[index] = Float(index & 0xFFFF) + 1 }
    }
    let result = try inputGradient(
      geometry,
      .exact(ConvolutionAlgorithm(rawValue: layer.algorithm)!, threads: 2),
      filter: filter, outBackprop: outBackprop, prefill: .nan)
    let isSame = haveSameBits(result, outBackprop)
    #expect(isSame)
  }

  /// A place in an image of more columns than 32 bits can count, which is too
  /// large to be computed here.
  @Test func positionsBeyond32Bits() {
    let columns = 1 << 33
    let axis = Axis(
      input: columns, output: columns / 2, kernel: 2, stride: 2, dilation: 1,
      padBefore: 0, padAfter: 0)
    #expect(
      MapAxis(inputGradient: axis).position(source: columns / 2 - 1, tap: 1)
        == columns - 1)
  }

  /// Images of out_backprop further apart than 32 bits can count; of most rows
  /// all windows fall into the padding, and nobody reads them.
  @Test(arguments: DataFormat.allCases, forcedAlgorithms)
  func offsetsBeyond32Bits(
    _ format: DataFormat, _ algorithm: ConvolutionAlgorithm
  ) throws {
    try check(Float.self, format, algorithm)
    try check(BFloat16.self, format, algorithm)
  }

  private func check<Scalar: TestScalar>(
    _ type: Scalar.Type, _ format: DataFormat,
    _ algorithm: ConvolutionAlgorithm
  ) throws {
    let near = try Self.geometry(format, padding: 2)
    let far = try Self.geometry(format, padding: 1 << 30)
    guard serves(algorithm, far) else { return }
    let exact = ExactCase<Scalar>(.inputGradient, near, seed: 3)

    // Pages that nobody touches take no memory.
    let byteCount = far.outBackpropCount * MemoryLayout<Scalar>.stride
    let memory = mmap(
      nil, byteCount, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    try #require(memory != MAP_FAILED)
    defer { munmap(memory, byteCount) }
    let sparse = memory!.bindMemory(to: type, capacity: far.outBackpropCount)
    // The rows of windows before the first that reaches the image.
    let skipped = far.padTop - near.padTop
    for (index, scalar) in exact.second.enumerated() {
      var place = index
      let rest = near.outBackpropSizes.reversed().map { size in
        defer { place /= size }
        return place % size
      }
      var indices = Array(rest.reversed())
      indices[format.heightIndex] += skipped
      let farPlace = zip(indices, far.outBackpropSizes).reduce(0) {
        $0 * $1.1 + $1.0
      }
      sparse[farPlace] = scalar
    }

    let plan = try InputGradientPlan<Scalar>(far, options: .exact(algorithm))
    var workspace = plan.makeWorkspace()
    var result = [Scalar](repeating: .notANumber, count: far.inputCount)
    plan.execute(
      filter: plan.prepare(filter: exact.first.span), outBackprop: sparse,
      into: &result, workspace: &workspace)
    #expect(result.map(\.asDouble) == exact.expected.map(\.asDouble))
  }

  /// Three images of 5 x 3 under a kernel of 3 x 2, with a padding above.
  private static func geometry(
    _ format: DataFormat, padding: Int
  ) throws -> Conv2DGeometry {
    try Conv2DGeometry(
      inputSizes: format.order(batch: 3, height: 5, width: 3, channels: 2),
      filterSizes: [3, 2, 2, 4],
      outBackpropSizes: format.order(
        batch: 3, height: 5 + padding, width: 2, channels: 4),
      padding: .explicit(
        top: padding, bottom: 2, left: 0, right: 0, dataFormat: format),
      dataFormat: format)
  }
}
