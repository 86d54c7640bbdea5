import ConvolutionTestSupport
import Testing

@testable import Convolutions

/// On real data a scalar loop of fused multiply-adds has the same bits.
@Suite("Implicit GEMM takes its sums in the documented order")
struct SumOrderTests {
  /// Blocks of these sums end within taps and between them, with few channels and
  /// with more than a block has.
  private static let layers = [
    "mb2ic20ih9iw11oc24oh9ow11kh3kw3ph1pw1",
    "mb1ic40ih5iw6oc600oh5ow6kh3kw3ph1pw1",
    "mb1ic600ih4iw5oc21oh4ow5kh3kw2ph1pw1",
    "mb2ic3ih23iw21oc17oh12ow11kh7kw7sh2sw2ph3pw3",
    "mb1ic70ih8iw8oc66oh4ow4kh4kw4sh2sw2ph1pw1",
    "mb1ic33ih17iw15oc64oh17ow15kh3kw3ph6pw6dh5dw5",
    "g3mb2ic9ih7iw70oc12oh7ow70kh1kw5ph0pw2",
    "mb3ic16ih2iw3oc130oh2ow3kh3kw3ph1pw1",
    "mb1ic5ih31iw29oc4oh11ow10kh2kw2sh3sw3",
    "mb1ic1030ih3iw3oc1025oh3ow3kh1kw1",
    // Tiles over many images, of which one phase has fewer rows than the other.
    "mb32ic64ih3iw3oc64oh2ow2kh3kw3sh2sw2ph1pw1",
    "mb80ic8ih3iw3oc64oh1ow1kh4kw4sh2sw2ph1pw1",
    "mb9ic3ih3iw7oc5oh2ow4kh3kw3sh2sw2ph1pw1",
    "mb6ic2ih5iw7oc3oh1ow2kh5kw5sh2sw2dh1dw1ph2pw2",
    // Forward, vectors of pixels: two bands of an image in one task.
    "mb16ic128ih24iw20oc4oh24ow20kh3kw1ph1pw0",
    // Only the taps of each position are copied.
    "mb2ic33ih9iw70oc20oh3ow18kh1kw2sh4sw4",
    "mb1ic20ih9iw11oc17oh3ow4kh1kw2sh3sw3dh0dw3ph0pw2",
  ]

  @Test(arguments: layers, [ConvolutionOperation.inputGradient, .forward])
  func sumsAreInOrder(
    _ descriptor: String, _ operation: ConvolutionOperation
  ) throws {
    for format in DataFormat.allCases {
      let geometry = try problem(descriptor, format)
      try check(Float.self, operation, geometry, sumsInOrder)
      try check(Double.self, operation, geometry, sumsInOrder)
      try checkHalf(Float16.self, operation, geometry)
      try checkHalf(BFloat16.self, operation, geometry)
    }
  }

  /// The forms of implicit GEMM, with vectors of channels and of pixels, whichever
  /// a plan takes: with weights that are finite, and with one that is not.
  @Test(arguments: layers, [ConvolutionOperation.inputGradient, .forward])
  func bothForms(
    _ descriptor: String, _ operation: ConvolutionOperation
  ) throws {
    for format in DataFormat.allCases {
      let geometry = try problem(descriptor, format)
      let request = KernelRequest(
        map: ConvolutionMap(geometry, operation, .float32))
      var (filter, source) = realOperands(Float.self, operation, geometry)
      for value in [filter[filter.count / 2], .infinity] {
        filter[filter.count / 2] = value
        let expected = sumsInOrder(operation, geometry, filter, source)
        let forms: [any TileKernel] = [
          try Implicit<Float>(request), try ImplicitPlanes<Float>(request),
        ]
        for form in forms {
          let computed = run(form, filter, source, count: expected.count)
          #expect(
            haveSameBits(computed, expected),
            "\(operation) \(geometry.descriptor) \(format) \(form.summary)")
        }
      }
    }
  }

  /// All tasks of a kernel, one after the other, in memory full of NaN.
  private func run(
    _ kernel: any TileKernel, _ filter: [Float], _ source: [Float], count: Int
  ) -> [Float] {
    var result = [Float](repeating: .nan, count: count)
    func withMemory(
      _ byteCount: Int, _ body: (UnsafeMutableRawPointer) -> Void
    ) {
      let memory = UnsafeMutableRawPointer.allocate(
        byteCount: max(1, byteCount), alignment: Workspace.alignment)
      defer { memory.deallocate() }
      memory.initializeMemory(as: UInt8.self, repeating: 0xFF, count: byteCount)
      body(memory)
    }
    withMemory(kernel.filterByteCount) { prepared in
      for part in 0..<kernel.filterPartCount {
        kernel.prepareFilter(part: part, from: filter, into: prepared)
      }
      withMemory(kernel.workspaceByteCount) { workspace in
        for task in 0..<kernel.taskCount {
          kernel.run(
            task: task,
            TileMemory(
              first: prepared, source: StoredPointer(source, .float32),
              result: MutableStoredPointer(&result, .float32),
              partial: workspace, workspace: workspace))
        }
      }
    }
    return result
  }

  /// A negative sum that underflows is -0, and a result is the sum of blocks from
  /// +0 on.
  @Test func underflowGivesPlusZero() throws {
    let geometry = try problem("mb1ic20ih1iw1oc3oh1ow1kh1kw1", .nhwc)
    let computed = try result(
      of: .inputGradient, geometry, .init(algorithm: .implicit),
      [Float](repeating: -1e-30, count: geometry.filterCount),
      [Float](repeating: 1e-30, count: geometry.outBackpropCount),
      prefill: .nan)
    #expect(computed.allSatisfy { $0.bitPattern == 0 })
  }

  /// A weight that is not finite changes its own channel alone.
  @Test(
    arguments: [ConvolutionOperation.inputGradient, .forward],
    DataFormat.allCases)
  func weightsThatAreNotFinite(
    _ operation: ConvolutionOperation, _ format: DataFormat
  ) throws {
    let geometry = try problem("mb3ic20ih5iw6oc24oh5ow6kh3kw3ph1pw1", format)
    var (filter, source) = realOperands(Float.self, operation, geometry)
    func run() throws -> [Float] {
      try result(
        of: operation, geometry, .init(algorithm: .implicit), filter, source,
        prefill: .nan)
    }
    let plain = try run()
    // The first weight is between the first channels.
    filter[0] = .infinity
    let changed = try run()
    let channels = operation == .forward ? 24 : 20
    // The channel of a scalar: the last dimension, or planes of 5 x 6.
    func channel(_ index: Int) -> Int {
      (format == .nhwc ? index : index / 30) % channels
    }
    for index in plain.indices where channel(index) != 0 {
      #expect(plain[index].bitPattern == changed[index].bitPattern)
    }
    #expect(changed.contains { !$0.isFinite })
  }

  @Test func randomProblems() throws {
    var generator = SeededGenerator(seed: 17)
    var left = 60 * testScale
    while left > 0 {
      let geometry = RandomGeometry.draw(using: &generator)
      let operation: ConvolutionOperation =
        generator.chance(percent: 50) ? .forward : .inputGradient
      guard (1...2e6).contains(geometry.flops),
        serves(.implicit, geometry, operation)
      else { continue }
      left -= 1
      try check(Float.self, operation, geometry, sumsInOrder)
    }
  }

  /// Half types: the same sums in Float, rounded once.
  private func checkHalf<Scalar: TestScalar>(
    _ type: Scalar.Type, _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry
  ) throws {
    let (filter, source) = realOperands(type, operation, geometry)
    let computed = try result(
      of: operation, geometry, .init(algorithm: .implicit, threads: 2), filter,
      source, prefill: .notANumber)
    let expected = sumsInOrder(
      operation, geometry, filter.map { Float($0.asDouble) },
      source.map { Float($0.asDouble) }
    ).map { (sum: Float) in
      sum == 0
        ? Scalar(rounding: 0)
        : Scalar(
          rounding: Int64(sum.significand * 0x1p23) * (sum < 0 ? -1 : 1),
          exponent: Int(sum.exponent) - 23)
    }
    #expect(
      haveSameBits(computed, expected),
      "\(operation) \(geometry.descriptor) \(geometry.dataFormat) \(type)")
  }

  private func check<Scalar: TestScalar & BinaryFloatingPoint>(
    _ type: Scalar.Type, _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry,
    _ expect: (
      ConvolutionOperation, Conv2DGeometry, [Scalar], [Scalar]
    ) -> [Scalar]
  ) throws {
    let (filter, source) = realOperands(type, operation, geometry)
    let computed = try result(
      of: operation, geometry, .init(algorithm: .implicit, threads: 2), filter,
      source, prefill: .nan)
    let expected = expect(operation, geometry, filter, source)
    #expect(
      haveSameBits(computed, expected),
      "\(operation) \(geometry.descriptor) \(geometry.dataFormat) \(type)")
  }
}
