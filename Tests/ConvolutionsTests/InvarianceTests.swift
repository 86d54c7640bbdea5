import Convolutions
import Foundation
import Testing

@testable import ConvolutionTestSupport

/// The same bits for any number of threads, workspace limit, place in the
/// batch, buffer address and repetition; on real data, where another order of
/// sums would show.
@Suite struct InvarianceTests {
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

  static let algorithms: [ConvolutionAlgorithm] = [
    .taps, .gather, .column, .narrowGroups, .winograd, .direct, .automatic,
  ]

  @Test(arguments: problems, algorithms)
  func threads(_ descriptor: String, _ algorithm: ConvolutionAlgorithm) throws {
    for format in DataFormat.allCases {
      let geometry = try problem(descriptor, format)
      guard serves(algorithm, geometry) else { continue }
      for type in [ScalarType.float32, .bfloat16] {
        let used = try check(
          geometry, type, algorithm, (1...16).map { Way(threads: $0) })
        #expect(used.count > 1, "the problem is too small to be cut")
      }
    }
  }

  @Test(arguments: problems, algorithms)
  func workspaceLimit(
    _ descriptor: String, _ algorithm: ConvolutionAlgorithm
  ) throws {
    for format in DataFormat.allCases {
      let geometry = try problem(descriptor, format)
      guard serves(algorithm, geometry) else { continue }
      for type in [ScalarType.float32, .float16] {
        let limits = [
          Way.Limit(1), .init(1, 1), .init(2), .init(3, 1), .init(1 << 20), nil,
        ]
        try check(
          geometry, type, algorithm,
          limits.map { Way(threads: 4, limit: $0) })
      }
    }
  }

  @Test(arguments: problems, algorithms)
  func batchPosition(
    _ descriptor: String, _ algorithm: ConvolutionAlgorithm
  ) throws {
    for format in DataFormat.allCases {
      try checkBatchPosition(problem(descriptor, format), .float32, algorithm)
    }
  }

  /// The last columns of OpenBLAS's small products depend on the number of rows,
  /// where they are not a multiple of four.
  @Test(arguments: 33...37, [ScalarType.float32, .float64])
  func batchPositionOfOddChannels(_ channels: Int, _ type: ScalarType) throws {
    for format in DataFormat.allCases {
      let geometry = try problem(
        "mb1ic\(channels)ih5iw6oc40oh5ow6kh3kw3ph1pw1", format)
      for algorithm in Self.algorithms {
        try checkBatchPosition(geometry, type, algorithm)
      }
    }
  }

  private func checkBatchPosition(
    _ geometry: Conv2DGeometry, _ type: ScalarType,
    _ algorithm: ConvolutionAlgorithm
  ) throws {
    let geometry = geometry.withBatch(1)
    guard serves(algorithm, geometry) else { return }
    try check(
      geometry, type, algorithm,
      [0, 1, 3].map {
        Way(threads: 2, imagesBefore: $0, imagesBehind: 3 - $0)
      })
  }

  @Test(arguments: problems, algorithms)
  func repetition(
    _ descriptor: String, _ algorithm: ConvolutionAlgorithm
  ) throws {
    let geometry = try problem(descriptor)
    guard serves(algorithm, geometry) else { return }
    try check(
      geometry, .float32, algorithm, [Way(threads: 3, executions: 5)])
  }

  /// Buffers that begin at any place of a cache line.
  @Test(arguments: algorithms)
  func bufferOffsets(_ algorithm: ConvolutionAlgorithm) throws {
    let places: [ConvolutionAlgorithm: Int] = [
      .taps: 3, .narrowGroups: 5,
    ]
    let geometry = try problem(Self.problems[places[algorithm] ?? 1])
    try check(
      geometry, .float32, algorithm,
      (0..<16).map { Way(threads: 2, offset: $0) })
  }

  /// All of these at once, each way drawn anew.
  @Test(arguments: algorithms)
  func randomProblems(_ algorithm: ConvolutionAlgorithm) throws {
    let place = Self.algorithms.firstIndex(of: algorithm)!
    var generator = SeededGenerator(seed: UInt64(1000 + place))
    var left = 3 * testScale
    while left > 0 {
      let geometry = RandomGeometry.draw(using: &generator)
      // Two of three have enough work for several threads; not too much of it
      // while tests are few.
      let range =
        (left % 3 == 0 ? 1 : 5e5)...(testScale > 1 ? .infinity : 2.5e6)
      guard range.contains(geometry.flops), serves(algorithm, geometry)
      else { continue }
      left -= 1
      let ways = (0..<16).map { index in
        let behind = generator.int(0...2)
        return Way(
          threads: index + 1,
          limit: generator.chance(percent: 50)
            ? Way.Limit(generator.int(1...index + 1), generator.int(0...99))
            : nil,
          offset: generator.int(0...15),
          imagesBefore: 2 - behind, imagesBehind: behind,
          executions: generator.int(1...2))
      }
      try check(
        geometry, generator.pick(ScalarType.allCases), algorithm, ways)
    }
  }

  /// Runs a problem in the plainest way and in others, and expects the same
  /// bits.
  ///
  /// - Returns: the numbers of threads that plans took.
  @discardableResult
  private func check(
    _ geometry: Conv2DGeometry, _ type: ScalarType,
    _ algorithm: ConvolutionAlgorithm, _ ways: [Way]
  ) throws -> Set<Int> {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws -> Set<Int> {
      let name =
        "\(geometry.descriptor) \(geometry.dataFormat) \(type) \(algorithm)"
      let problem = InvariantProblem<Scalar>(geometry, algorithm)
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

/// A way to run a problem that must not show in the result.
private struct Way: Sendable, CustomStringConvertible {
  /// A number of times what one thread needs, and some bytes.
  struct Limit: Sendable {
    let threads: Int
    let bytes: Int

    init(_ threads: Int, _ bytes: Int = 0) {
      self.threads = threads
      self.bytes = bytes
    }
  }

  var threads = 1
  var limit: Limit?
  /// Scalars before each of the buffers.
  var offset = 0
  /// Other images around those of the problem.
  var imagesBefore = 0
  var imagesBehind = 0
  /// One after the other in one workspace, which keeps what the last left.
  var executions = 1

  var description: String {
    "\(threads) threads, "
      + (limit.map { "\($0.threads) x workspace + \($0.bytes), " } ?? "")
      + "offset \(offset), images \(imagesBefore) before, "
      + "\(imagesBehind) behind, \(executions) executions"
  }
}

/// A problem on real data.
private struct InvariantProblem<Scalar: TestScalar> {
  let geometry: Conv2DGeometry
  let algorithm: ConvolutionAlgorithm
  let filter: [Scalar]
  let outBackprop: [Scalar]

  init(_ geometry: Conv2DGeometry, _ algorithm: ConvolutionAlgorithm) {
    self.geometry = geometry
    self.algorithm = algorithm
    (filter, outBackprop) = realData(Scalar.self, geometry)
  }

  /// The problem's images, of each execution.
  func run(_ way: Way) throws -> (results: [[Scalar]], threads: Int) {
    let all = geometry.withBatch(
      way.imagesBefore + geometry.batch + way.imagesBehind)
    let plan = try plan(all, way)
    let images = geometry.batch
    let before = outBackprop.count / images * way.imagesBefore
    let weights =
      Array(repeating: Scalar.notANumber, count: way.offset) + filter
    var source = Array(repeating: Scalar.notANumber, count: way.offset)
    source += LayerCheck.randomScalars(Scalar.self, count: before, seed: 9)
    source += outBackprop
    source += LayerCheck.randomScalars(
      Scalar.self, count: all.outBackpropCount - before - outBackprop.count,
      seed: 10)

    let prepared = weights.withUnsafeBufferPointer {
      plan.prepare(filter: $0.baseAddress! + way.offset)
    }
    var workspace = plan.makeWorkspace()
    let results = (0..<way.executions).map { _ in
      var target = [Scalar](
        repeating: .notANumber, count: way.offset + all.inputCount + 1)
      source.withUnsafeBufferPointer { source in
        target.withUnsafeMutableBufferPointer { target in
          plan.execute(
            filter: prepared, outBackprop: source.baseAddress! + way.offset,
            into: target.baseAddress! + way.offset, workspace: &workspace)
        }
      }
      #expect(
        (target[..<way.offset] + target.suffix(1)).allSatisfy {
          $0.bits == Scalar.notANumber.bits
        }, "\(way)")
      let first =
        way.offset + geometry.inputCount / images * way.imagesBefore
      return Array(target[first..<first + geometry.inputCount])
    }
    return (results, plan.threads)
  }

  private func plan(
    _ geometry: Conv2DGeometry, _ way: Way
  ) throws -> InputGradientPlan<Scalar> {
    func plan(
      _ threads: Int, _ limit: Int?
    ) throws(Conv2DError) -> InputGradientPlan<Scalar> {
      try InputGradientPlan(
        geometry,
        options: .init(
          algorithm: algorithm, threads: threads, workspaceLimit: limit))
    }
    guard let limit = way.limit else { return try plan(way.threads, nil) }
    let least = try plan(1, nil).workspaceByteCount
    let bytes = least * limit.threads + limit.bytes
    let result = try plan(way.threads, bytes)
    #expect((1...way.threads).contains(result.threads))
    #expect(result.workspaceByteCount == result.threads * least)
    #expect(result.workspaceByteCount <= bytes)
    #expect(result.makeWorkspace().byteCount == result.workspaceByteCount)
    if least > 0 {
      #expect(
        throws: Conv2DError.workspaceLimit(limit: least - 1, needed: least)
      ) {
        try plan(way.threads, least - 1)
      }
    }
    return result
  }
}

private func haveSameBits<Scalar>(_ left: [Scalar], _ right: [Scalar]) -> Bool {
  left.withUnsafeBytes { left in
    right.withUnsafeBytes { right in
      left.count == right.count
        && (left.isEmpty
          || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0)
    }
  }
}
