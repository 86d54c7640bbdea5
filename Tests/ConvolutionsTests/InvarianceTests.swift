import ConvolutionTestSupport
import Convolutions
import Testing

/// The same bits for any number of threads, workspace limit, place in the
/// batch and repetition; on real data, where another order of sums would show.
@Suite struct InvarianceTests {
  /// Big enough for several threads, tasks, tiles and depth blocks.
  static let problems = [
    "mb2ic40ih20iw20oc24oh20ow20kh3kw3sh1sw1ph1pw1",
    "mb3ic33ih23iw19oc20oh12ow10kh3kw4sh2sw2ph1pw1",
    "mb2ic130ih6iw7oc530oh6ow7kh1kw1sh1sw1ph0pw0",
    "mb3ic48ih14iw14oc40oh14ow14kh1kw1sh1sw1ph0pw0",
    "g2mb2ic24ih15iw40oc28oh15ow36kh3kw3sh1sw1dh1dw1ph2pw0",
    "g48mb2ic48ih24iw24oc48oh24ow24kh3kw3sh1sw1ph1pw1",
    "mb1ic96ih40iw44oc8oh20ow22kh2kw2sh2sw2ph0pw0",
    "mb2ic36ih20iw20oc150oh20ow20kh3kw3sh1sw1ph1pw1",
  ]

  static let algorithms: [InputGradientAlgorithm] = [
    .taps, .gather, .column, .narrowGroups, .winograd, .direct, .automatic,
  ]

  @Test(arguments: problems, algorithms)
  func threads(_ descriptor: String, _ algorithm: InputGradientAlgorithm) throws
  {
    for format in DataFormat.allCases {
      let geometry = try problem(descriptor, format)
      guard serves(algorithm, geometry) else { continue }
      try checkThreads(Float.self, geometry, algorithm)
      try checkThreads(BFloat16.self, geometry, algorithm)
    }
  }

  private func checkThreads<Scalar: TestScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry,
    _ algorithm: InputGradientAlgorithm
  ) throws {
    let (filter, outBackprop) = realData(type, geometry)
    var first: [UInt64]?
    var used: Set<Int> = []
    for threads in 1...16 {
      let plan = try InputGradientPlan<Scalar>(
        geometry, options: .init(algorithm: algorithm, threads: threads))
      #expect((1...threads).contains(plan.threads))
      used.insert(plan.threads)
      let result = bits(
        inputGradient(
          plan, filter: plan.prepare(filter: filter.span),
          outBackprop: outBackprop, prefill: .notANumber))
      first = first ?? result
      #expect(result == first, "\(threads) threads")
    }
    #expect(used.count > 1, "the problem is too small to be cut")
  }

  @Test(arguments: problems, algorithms)
  func workspaceLimit(
    _ descriptor: String, _ algorithm: InputGradientAlgorithm
  ) throws {
    for format in DataFormat.allCases {
      let geometry = try problem(descriptor, format)
      guard serves(algorithm, geometry) else { continue }
      try checkLimit(Float.self, geometry, algorithm)
      try checkLimit(Float16.self, geometry, algorithm)
    }
  }

  private func checkLimit<Scalar: TestScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry,
    _ algorithm: InputGradientAlgorithm
  ) throws {
    let (filter, outBackprop) = realData(type, geometry)
    let least = try leastWorkspace(type, geometry, algorithm)
    func options(_ limit: Int?) -> InputGradientOptions {
      .exact(algorithm, threads: 4, workspaceLimit: limit)
    }
    func run(_ limit: Int?) throws -> [UInt64] {
      bits(
        try inputGradient(
          geometry, options(limit), filter: filter, outBackprop: outBackprop,
          prefill: .notANumber))
    }
    let free = try run(nil)
    for limit in [least, least + 1, 2 * least, 3 * least + 1, .max] {
      let plan = try InputGradientPlan<Scalar>(
        geometry, options: options(limit))
      #expect(plan.workspaceByteCount <= limit)
      #expect(plan.makeWorkspace().byteCount == plan.workspaceByteCount)
      #expect(try run(limit) == free, "limit \(limit)")
    }
    if least > 0 {
      #expect(
        throws: Conv2DError.workspaceLimit(limit: least - 1, needed: least)
      ) {
        try InputGradientPlan<Scalar>(geometry, options: options(least - 1))
      }
    }
  }

  @Test(arguments: problems, algorithms)
  func batchPosition(
    _ descriptor: String, _ algorithm: InputGradientAlgorithm
  ) throws {
    for format in DataFormat.allCases {
      let geometry = try problem(descriptor, format)
      guard serves(algorithm, geometry) else { continue }
      let single = try withBatch(1, geometry)
      let many = try withBatch(4, geometry)
      let (filter, image) = realData(Float.self, single)
      let options = InputGradientOptions(algorithm: algorithm, threads: 2)
      let alone = try inputGradient(
        single, options, filter: filter, outBackprop: image, prefill: .nan)
      var batch = LayerCheck.randomScalars(
        Float.self, count: many.outBackpropCount, seed: 6)
      let (before, after) = (image.count, alone.count)
      for position in [0, 1, 3] {
        batch.replaceSubrange(
          position * before..<(position + 1) * before, with: image)
      }
      let all = try inputGradient(
        many, options, filter: filter, outBackprop: batch, prefill: .nan)
      for position in [0, 1, 3] {
        #expect(
          bits(Array(all[position * after..<(position + 1) * after]))
            == bits(alone), "position \(position)")
      }
      #expect(Array(all[2 * after..<3 * after]) != alone)
    }
  }

  private func withBatch(
    _ batch: Int, _ geometry: Conv2DGeometry
  ) throws -> Conv2DGeometry {
    let digits = geometry.descriptor.split(
      separator: "mb", maxSplits: 1, omittingEmptySubsequences: false)
    let rest = digits[1].drop { $0.isNumber }
    return try problem("\(digits[0])mb\(batch)\(rest)", geometry.dataFormat)
  }

  @Test(arguments: problems, algorithms)
  func repetition(
    _ descriptor: String, _ algorithm: InputGradientAlgorithm
  ) throws {
    let geometry = try problem(descriptor)
    guard serves(algorithm, geometry) else { return }
    let (filter, outBackprop) = realData(Float.self, geometry)
    let plan = try InputGradientPlan<Float>(
      geometry, options: .init(algorithm: algorithm, threads: 3))
    let prepared = plan.prepare(filter: filter.span)
    var workspace = plan.makeWorkspace()
    var results: Set<[UInt64]> = []
    for _ in 0..<5 {
      // The workspace keeps what the last run left.
      var result = [Float](repeating: .nan, count: geometry.inputCount)
      var span = result.mutableSpan
      plan.execute(
        filter: prepared, outBackprop: outBackprop.span, into: &span,
        workspace: &workspace)
      results.insert(bits(result))
    }
    #expect(results.count == 1)
  }

  /// Buffers that begin at any place of a cache line.
  @Test(arguments: algorithms)
  func bufferOffsets(_ algorithm: InputGradientAlgorithm) throws {
    let places: [InputGradientAlgorithm: Int] = [
      .taps: 3, .narrowGroups: 5,
    ]
    let geometry = try problem(Self.problems[places[algorithm] ?? 1])
    let (filter, outBackprop) = realData(Float.self, geometry)
    let plan = try InputGradientPlan<Float>(
      geometry, options: .init(algorithm: algorithm, threads: 2))
    var results: Set<[UInt64]> = []
    for offset in 0..<16 {
      let source = Array(repeating: Float.nan, count: offset) + outBackprop
      let weights = Array(repeating: Float.nan, count: offset) + filter
      var target = [Float](
        repeating: 7, count: offset + geometry.inputCount + 1)
      var workspace = plan.makeWorkspace()
      weights.withUnsafeBufferPointer { weights in
        source.withUnsafeBufferPointer { source in
          target.withUnsafeMutableBufferPointer { target in
            plan.execute(
              filter: plan.prepare(filter: weights.baseAddress! + offset),
              outBackprop: source.baseAddress! + offset,
              into: target.baseAddress! + offset, workspace: &workspace)
          }
        }
      }
      #expect(target[..<offset].allSatisfy { $0 == 7 } && target.last == 7)
      results.insert(bits(Array(target[offset...].dropLast())))
    }
    #expect(results.count == 1)
  }
}
