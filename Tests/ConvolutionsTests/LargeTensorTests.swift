import ConvolutionTestSupport
import Foundation
import Testing

@testable import Convolutions

/// No offset may be cut to 32 bits (TensorFlow #112774, #112776).
///
/// Out_backprop is zero but for a few scalars, at the ends of what is read, so
/// that every result can be told without a reference.
@Suite("Tensors of more than 2^31 scalars are computed right", .serialized)
struct LargeTensorTests {
  static let algorithms = forcedAlgorithms.filter { $0 != .reference }

  /// Padding skips all but the end of out_backprop, which is cheap to read: of
  /// many channels, one plane, one row, and one image behind another.
  static let largeOutBackprops = [
    "mb1ic2ih3iw5oc128oh4100ow4100kh2kw1ph4098pw4095",
    "mb1ic1ih3iw4oc1oh46400ow46400kh1kw2ph46397pw46397",
    "mb1ic1ih1iw7oc2oh1ow2147483700kh1kw3ph0pw2147483695",
    "mb2ic3ih4iw3oc65oh4100ow4100kh3kw3ph4098pw4099",
  ]

  @Test(
    .enabled(
      if: availableMemory >= 12 << 30,
      "12 GiB of memory are not there, though few are touched"),
    arguments: largeOutBackprops, DataFormat.allCases)
  func outBackprop(_ descriptor: String, _ format: DataFormat) throws {
    let problem = try SparseProblem(problem(descriptor, format))
    #expect(problem.geometry.outBackpropCount > 1 << 31)
    for algorithm in Self.algorithms where serves(algorithm, problem.geometry) {
      // The direct kernel copies whole rows of NCHW: of the longest, 8 GiB.
      if try problem.workspace(algorithm) > 1 << 30 { continue }
      try problem.check(algorithm)
    }
  }

  /// The same of the result, all of which is written: of many channels, one
  /// plane, one row, and images under a kernel that Winograd serves.
  static let largeResults = [
    "mb1ic128ih4100iw4100oc1oh65ow65kh2kw2sh64sw64",
    "mb1ic1ih46400iw46400oc2oh726ow726kh3kw3sh64sw64",
    "mb1ic1ih1iw2147483700oc2oh1ow33554433kh1kw2sh1sw64",
    "mb2ic65ih4100iw4100oc1oh4100ow4100kh3kw3ph1pw1",
  ]

  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["CONVOLUTIONS_LARGE_TESTS"]
        == "1", "scripts/large_tensors.sh runs it: it takes minutes"),
    .enabled(
      if: availableMemory >= 8 << 30, "8 GiB of memory are not available"),
    arguments: largeResults, DataFormat.allCases)
  func result(_ descriptor: String, _ format: DataFormat) throws {
    let problem = try SparseProblem(problem(descriptor, format))
    #expect(problem.geometry.inputCount > 1 << 31)
    for algorithm in Self.algorithms where serves(algorithm, problem.geometry) {
      try problem.check(algorithm)
      print("\(descriptor) \(format.rawValue) \(algorithm.rawValue): checked")
    }
  }

  /// Bytes that can be had without swapping; where nobody says, all there are.
  static let availableMemory: UInt64 = {
    let lines = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8))?
      .split(separator: "\n")
    let line = lines?.first { $0.hasPrefix("MemAvailable:") }
    let kibibytes = line?.split(separator: " ").dropFirst().first
    return kibibytes.flatMap { UInt64($0) }.map { $0 << 10 }
      ?? ProcessInfo.processInfo.physicalMemory
  }()
}

/// A problem of Float16 whose out_backprop is zero but for a few scalars.
private struct SparseProblem {
  let geometry: Conv2DGeometry
  private let filter: [Float16]
  /// Scalars of out_backprop, and of the result, by their places.
  private var given: [Int: Int] = [:]
  private var expected: [Int: Int] = [:]

  init(_ geometry: Conv2DGeometry) throws {
    self.geometry = geometry
    let weights = (0..<geometry.filterCount).map { 1 + $0 % 7 }
    filter = weights.map { Float16($0) }
    let (h, w) = (geometry.vertical, geometry.horizontal)
    let depths = [0, geometry.outputChannels - 1]
    for n in Set([0, geometry.batch - 1]) {
      for oh in ends(h) {
        for ow in ends(w) {
          for co in Set(depths) {
            let value = 1 + given.count % 5
            given[
              place(
                n, oh, ow, co, h.output, w.output, geometry.outputChannels)] =
              value
            for r in 0..<h.kernel {
              let y = oh * h.stride - h.padBefore + r * h.dilation
              guard (0..<h.input).contains(y) else { continue }
              for c in 0..<w.kernel {
                let x = ow * w.stride - w.padBefore + c * w.dilation
                guard (0..<w.input).contains(x) else { continue }
                for ci in 0..<geometry.inputChannels {
                  let tap = (r * w.kernel + c) * geometry.inputChannels + ci
                  expected[
                    place(
                      n, y, x, ci, h.input, w.input, geometry.inputChannels),
                    default: 0] +=
                    value * weights[tap * geometry.outputChannels + co]
                }
              }
            }
          }
        }
      }
    }
    try #require(geometry.groups == 1)
    try #require(
      max(given.keys.max()!, expected.keys.max()!) > 1 << 31,
      "nothing lies beyond 2^31")
  }

  /// The first and the last window that lands inside the image, and the one
  /// before it.
  private func ends(_ axis: Axis) -> Set<Int> {
    func lands(_ window: Int) -> Bool {
      (0..<axis.kernel).contains {
        (0..<axis.input).contains(
          window * axis.stride - axis.padBefore + $0 * axis.dilation)
      }
    }
    let last = (0..<axis.output).last(where: lands)!
    let start = max(0, (axis.padBefore - axis.kernel) / axis.stride)
    let first = (start..<axis.output).first(where: lands)!
    return [first, max(first, last - 1), last]
  }

  private func place(
    _ n: Int, _ y: Int, _ x: Int, _ c: Int, _ height: Int, _ width: Int,
    _ channels: Int
  ) -> Int {
    geometry.dataFormat == .nhwc
      ? ((n * height + y) * width + x) * channels + c
      : ((n * channels + c) * height + y) * width + x
  }

  /// Bytes that a thread needs.
  func workspace(_ algorithm: ConvolutionAlgorithm) throws -> Int {
    try leastWorkspace(
      Float16.self, .inputGradient, geometry, .exact(algorithm))
  }

  /// Runs an algorithm and looks at every result.
  func check(_ algorithm: ConvolutionAlgorithm) throws {
    // Pages that are not touched take no memory.
    let size = MemoryLayout<Float16>.stride
    let outBackprop = try #require(calloc(geometry.outBackpropCount, size))
    defer { free(outBackprop) }
    let source = outBackprop.assumingMemoryBound(to: Float16.self)
    for (place, value) in given { source[place] = Float16(value) }
    let byteCount = geometry.inputCount * size
    let memory = allocateOperands(byteCount: byteCount)
    defer { memory.deallocate() }
    // NaN.
    memset(memory, 0xFF, byteCount)
    let result = memory.assumingMemoryBound(to: Float16.self)

    let plan = try InputGradientPlan<Float16>(
      geometry, options: .exact(algorithm))
    var workspace = plan.makeWorkspace()
    plan.execute(
      filter: plan.prepare(filter: filter), outBackprop: source, into: result,
      workspace: &workspace)

    var next = 0
    for (place, value) in expected.sorted(by: { $0.key < $1.key }) {
      expectZeros(result, next..<place, algorithm)
      #expect(result[place] == Float16(value), "\(algorithm) at \(place)")
      next = place + 1
    }
    expectZeros(result, next..<geometry.inputCount, algorithm)
  }

  private func expectZeros(
    _ result: UnsafePointer<Float16>, _ places: Range<Int>,
    _ algorithm: ConvolutionAlgorithm
  ) {
    guard !places.isEmpty else { return }
    let first = result + places.lowerBound
    // All like the first, which is quick to tell; else one by one.
    if first[0].bitPattern == 0,
      memcmp(first, first + 1, 2 * (places.count - 1)) == 0
    {
      return
    }
    let wrong = places.first { result[$0] != 0 }
    #expect(wrong == nil, "\(algorithm) is not zero at \(wrong ?? 0)")
  }
}
