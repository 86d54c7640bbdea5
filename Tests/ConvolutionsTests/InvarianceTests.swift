import Convolutions
import Testing

@testable import ConvolutionTestSupport

/// On real data, where another order of sums would show.
@Suite("Threads, limits, addresses, batches and repetition change no bit")
struct InvarianceTests {
  /// Big enough for several threads, tasks, tiles and depth blocks.
  static let problems = [
    "mb2ic40ih20iw20oc24oh20ow20kh3kw3sh1sw1ph1pw1",
    "mb3ic33ih23iw19oc20oh12ow10kh3kw4sh2sw2ph1pw1",
    "mb2ic130ih6iw7oc530oh6ow7kh1kw1sh1sw1ph0pw0",
    "mb3ic48ih14iw14oc40oh14ow14kh3kw3sh1sw1ph1pw1",
    "g2mb2ic24ih15iw40oc28oh15ow36kh3kw3sh1sw1dh1dw1ph2pw0",
    "g48mb2ic48ih24iw24oc48oh24ow24kh3kw3sh1sw1ph1pw1",
    "mb1ic96ih40iw44oc8oh20ow22kh2kw2sh2sw2ph0pw0",
    "mb2ic36ih20iw20oc150oh20ow20kh3kw3sh1sw1ph1pw1",
  ]

  /// Smaller copies of real layers.
  static let realLayers = [
    "mb2ic128ih7oc96oh7kh3ph1", "mb2ic3ih40oc64oh20kh7sh2ph3",
    "mb2ic48ih17iw17oc48oh17ow17kh1kw7ph0pw3",
    "g32mb2ic128ih14oc128oh14kh3ph1",
  ]

  static let algorithms: [ConvolutionAlgorithm] = [
    .taps, .implicit, .column, .narrowGroups, .winograd, .direct,
    .automatic,
  ]

  /// Each operation on each of the problems.
  private static let layers = ConvolutionOperation.allCases.flatMap {
    operation in
    (problems + realLayers).map { (operation, $0) }
  }

  /// The tests below run every algorithm that there is, on several threads.
  @Test(arguments: ConvolutionOperation.allCases, algorithms)
  func everyAlgorithmServesSome(
    _ operation: ConvolutionOperation, _ algorithm: ConvolutionAlgorithm
  ) {
    let options = ConvolutionOptions(algorithm: algorithm, threads: 16)
    let plans = Self.layers.filter { $0.0 == operation }.compactMap {
      try? operation.plan(Float.self, problem($0.1), options: options)
    }
    if operation == .filterGradient,
      [.implicit, .column].contains(algorithm)
    {
      #expect(plans.isEmpty)
    } else {
      #expect(plans.count >= 2)
      #expect(plans.contains { $0.threads > 1 })
    }
  }

  /// Any number of threads, place in a cache line and workspace limit.
  @Test(arguments: layers, algorithms)
  func threadsAndLimits(
    _ layer: (operation: ConvolutionOperation, descriptor: String),
    _ algorithm: ConvolutionAlgorithm
  ) throws {
    let limits = [
      Way.Limit(1), .init(1, 1), .init(2), .init(3, 1), .init(1 << 20), nil,
    ].map { Way(threads: 4, limit: $0) }
    for format in DataFormat.allCases {
      let geometry = try problem(layer.descriptor, format)
      guard
        serves(algorithm, geometry, layer.operation, accuracy: .standard)
      else { continue }
      let ways = (1...16).map { Way(threads: $0, offset: $0 - 1) }
      // The other operations are cut alike in all types: some threads will do.
      let some = ways.filter {
        layer.operation == .inputGradient || [2, 5, 16].contains($0.threads)
      }
      for (type, ways) in [
        (ScalarType.float32, ways + limits + [Way(threads: 3, executions: 5)]),
        (.bfloat16, some), (.float16, limits),
      ] {
        let used = try check(
          layer.operation, geometry, type, algorithm, ways)
        // Some layers of the other operations are not cut.
        #expect(
          used.count > 1 || type == .float16
            || layer.operation != .inputGradient,
          "the problem is too small to be cut")
      }
    }
  }

  /// Any place in the batch; the filter gradient adds the images up.
  @Test(arguments: layers.filter { $0.0 != .filterGradient }, algorithms)
  func batchPosition(
    _ layer: (operation: ConvolutionOperation, descriptor: String),
    _ algorithm: ConvolutionAlgorithm
  ) throws {
    for format in DataFormat.allCases {
      try checkBatchPosition(
        layer.operation, problem(layer.descriptor, format), .float32,
        algorithm)
    }
  }

  /// The last columns of OpenBLAS's small products depend on the number of rows,
  /// where they are not a multiple of four.
  @Test(arguments: 33...37, [ScalarType.float32, .float64])
  func batchPositionOfOddChannels(_ channels: Int, _ type: ScalarType) throws {
    for format in DataFormat.allCases {
      for algorithm in Self.algorithms {
        try checkBatchPosition(
          .inputGradient,
          problem(
            "mb1ic\(channels)ih5iw6oc40oh5ow6kh3kw3ph1pw1", format), type,
          algorithm)
        try checkBatchPosition(
          .forward,
          problem(
            "mb1ic40ih5iw6oc\(channels)oh5ow6kh3kw3ph1pw1", format), type,
          algorithm)
      }
    }
  }

  private func checkBatchPosition(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ type: ScalarType, _ algorithm: ConvolutionAlgorithm
  ) throws {
    let geometry = geometry.withBatch(1)
    guard serves(algorithm, geometry, operation, accuracy: .standard) else {
      return
    }
    try check(
      operation, geometry, type, algorithm,
      [0, 1, 3].map {
        Way(threads: 2, imagesBefore: $0, imagesBehind: 3 - $0)
      })
  }

  /// Threads, limits, addresses, images and repetition at once, drawn at random.
  @Test(arguments: ConvolutionOperation.allCases, algorithms)
  func randomProblems(
    _ operation: ConvolutionOperation, _ algorithm: ConvolutionAlgorithm
  ) throws {
    if operation == .filterGradient,
      [.implicit, .column].contains(algorithm)
    {
      // There are none.
      return
    }
    let place = Self.algorithms.firstIndex(of: algorithm)!
    var generator = SeededGenerator(seed: UInt64(1000 + place))
    var left = 3 * testScale
    while left > 0 {
      let geometry = RandomGeometry.draw(using: &generator)
      // Two of three have enough work for several threads; not too much of it
      // while tests are few.
      let range =
        (left % 3 == 0 ? 1 : 5e5)...(testScale > 1 ? .infinity : 2.5e6)
      guard range.contains(geometry.flops),
        serves(algorithm, geometry, operation, accuracy: .standard)
      else { continue }
      left -= 1
      let ways = (0..<16).map { index in
        let behind = generator.int(0...2)
        let others = operation == .filterGradient ? 0 : 2
        return Way(
          threads: index + 1,
          limit: generator.chance(percent: 50)
            ? Way.Limit(generator.int(1...index + 1), generator.int(0...99))
            : nil,
          offset: generator.int(0...15),
          imagesBefore: max(0, others - behind),
          imagesBehind: min(others, behind),
          executions: generator.int(1...2))
      }
      try check(
        operation, geometry, generator.pick(ScalarType.allCases), algorithm,
        ways)
    }
  }

  /// Runs a problem in the plainest way and in others, and expects the same
  /// bits.
  ///
  /// - Returns: the numbers of threads that plans took.
  @discardableResult
  private func check(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ type: ScalarType, _ algorithm: ConvolutionAlgorithm, _ ways: [Way]
  ) throws -> Set<Int> {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws -> Set<Int> {
      let name =
        "\(operation) \(geometry.descriptor) \(geometry.dataFormat) "
        + "\(type) \(algorithm)"
      let problem = InvariantProblem<Scalar>(operation, geometry, algorithm)
      let plain = try problem.run(Way())
      #expect(!plain.results[0].contains { $0.isNotANumber })
      return try Set(
        ways.map { way in
          let run = try problem.run(way)
          if !run.results.allSatisfy({ haveSameBits($0, plain.results[0]) }) {
            Issue.record("\(name): \(way)")
          }
          return run.threads
        })
    }
    return try check(type.testType)
  }
}
