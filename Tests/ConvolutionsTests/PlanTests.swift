import ConvolutionTestSupport
import Testing

@testable import Convolutions

@Suite struct PlanTests {
  static let descriptor = "mb2ic24ih13iw14oc20oh13ow14kh3kw3sh1sw1ph1pw1"

  @Test func algorithmsThatCannotServe() throws {
    let cases: [(String, ConvolutionAlgorithm, String)] = [
      ("mb2ic4ih6iw6oc9oh4ow4kh3kw3", .narrowGroups, "8 output channels"),
      ("g2mb2ic4ih6iw6oc18oh4ow4kh3kw3", .narrowGroups, "8 output channels"),
      (
        "mb1ic1ih1iw900000oc1oh1ow900000kh1kw1", .narrowGroups,
        "the cache"
      ),
      ("mb1ic4ih65iw65oc4oh1ow1kh1kw1sh65sw65", .gather, "above 64"),
      ("mb2ic4ih9iw9oc4oh3ow3kh3kw3ph3pw3dh5dw5", .winograd, "dilation"),
      ("mb2ic4ih9iw9oc4oh4ow4kh3kw3sh2sw2dh1dw1", .winograd, "without taps"),
      ("mb2ic4ih9iw9oc4oh9ow9kh1kw1", .winograd, "1 tap"),
      ("mb2ic4ih12iw12oc4oh4ow4kh9kw9", .winograd, "8 taps"),
      ("mb2ic4ih9iw9oc4oh3ow3kh2kw2sh3sw3", .winograd, "above the kernel"),
      ("mb2ic4ih21iw21oc4oh4ow4kh6kw6sh5sw5", .winograd, "above 4"),
      ("mb1ic4ih9iw9oc90000oh9ow9kh3kw3ph1pw1", .gather, "cache"),
    ]
    for (descriptor, algorithm, word) in cases {
      let geometry = try problem(descriptor)
      let error = #expect(throws: Conv2DError.self) {
        try InputGradientPlan<Float>(
          geometry, options: .init(algorithm: algorithm))
      }
      guard case .unsupported(algorithm, let reason) = error else {
        Issue.record("\(descriptor): \(String(describing: error))")
        continue
      }
      #expect(reason.contains(word))
      #expect("\(error!)".contains(algorithm.rawValue))
    }
  }

  @Test(arguments: [0, -1, Int.min])
  func threadsBelowOne(_ threads: Int) throws {
    let geometry = try problem(Self.descriptor)
    #expect(throws: Conv2DError.threads(threads)) {
      try InputGradientPlan<Float>(geometry, options: .init(threads: threads))
    }
  }

  /// No limit is below 0, even where no workspace is needed.
  @Test(arguments: [-1, Int.min])
  func workspaceLimitBelowZero(_ limit: Int) throws {
    let empty = try problem("mb0ic2ih3iw3oc2oh3ow3kh3kw3ph1pw1")
    let cases = [
      (empty, ConvolutionAlgorithm.automatic), (empty, .column),
      (try problem(Self.descriptor), .reference),
    ]
    for (geometry, algorithm) in cases {
      #expect(throws: Conv2DError.workspaceLimit(limit: limit, needed: 0)) {
        try InputGradientPlan<Float>(
          geometry,
          options: .init(algorithm: algorithm, workspaceLimit: limit))
      }
      let plan = try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: algorithm, workspaceLimit: 0))
      #expect(plan.workspaceByteCount == 0)
    }
  }

  @Test(arguments: ScalarType.allCases)
  func automaticNamesWhatItTakes(_ type: ScalarType) throws {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      for descriptor in [
        Self.descriptor, "mb2ic64ih20iw20oc64oh20ow20kh1kw1",
        "g64mb2ic64ih20iw20oc64oh20ow20kh3kw3sh1sw1ph1pw1",
        "mb1ic1ih2iw2oc1oh2ow2kh1kw1",
      ] {
        let geometry = try problem(descriptor)
        let plan = try InputGradientPlan<Scalar>(geometry)
        #expect(plan.algorithm != .automatic)
        #expect(plan.geometry == geometry)
        #expect("\(plan)".contains(plan.algorithm.rawValue))
        // Forced to the same, it is the same.
        let forced = try InputGradientPlan<Scalar>(
          geometry, options: .init(algorithm: plan.algorithm))
        #expect(forced.algorithm == plan.algorithm)
        #expect(forced.workspaceByteCount == plan.workspaceByteCount)
      }
    }
    try check(type.testType)
  }

  @Test(arguments: forcedAlgorithms)
  func accuracyChangesNoPlainSum(_ algorithm: ConvolutionAlgorithm) throws {
    let geometry = try problem(Self.descriptor)
    guard algorithm != .winograd, serves(algorithm, geometry) else { return }
    let (filter, outBackprop) = realData(Float.self, geometry)
    let results = try Accuracy.allCases.map { accuracy in
      try inputGradient(
        geometry, .init(algorithm: algorithm, accuracy: accuracy),
        filter: filter, outBackprop: outBackprop, prefill: .nan)
    }
    #expect(results[0] == results[1])
  }

  /// One filter, many gradients; the plans differ in threads alone.
  @Test(arguments: DataFormat.allCases, forcedAlgorithms)
  func preparedFilterIsReused(
    _ format: DataFormat, _ algorithm: ConvolutionAlgorithm
  ) throws {
    let geometry = try problem(Self.descriptor, format)
    guard serves(algorithm, geometry) else { return }
    let filter = ExactData.filter(Float.self, geometry, seed: 5)
    let plan = try InputGradientPlan<Float>(
      geometry,
      options: .exact(algorithm, threads: 2))
    let other = try InputGradientPlan<Float>(
      geometry,
      options: .exact(algorithm, threads: 1))
    var source = filter.scalars
    let prepared = plan.prepare(filter: source.span)
    // The prepared filter is a copy.
    for index in source.indices { source[index] = .nan }
    #expect(prepared.byteCount >= filter.scalars.count * 4)
    for seed in [UInt64(5), 17, 29] {
      let range = ExactData.outBackprop(Float.self, geometry, seed: seed)
      let sums = IntegerReference.gather(
        geometry, filter: filter.integers, outBackprop: range.integers)
      let expected = sums.map {
        Float(rounding: $0, exponent: filter.exponent + range.exponent)
      }
      for plan in [plan, other] {
        #expect(
          inputGradient(
            plan, filter: prepared, outBackprop: range.scalars, prefill: .nan)
            == expected)
      }
    }
  }

  /// The library checks sizes of buffers, as a programmer's error.
  @Test func buffersOfOtherSizesEndTheProcess() async {
    await #expect(processExitsWith: .failure) {
      let geometry = try problem(PlanTests.descriptor)
      let plan = try InputGradientPlan<Float>(geometry)
      _ = plan.prepare(filter: [Float](repeating: 1, count: 7).span)
    }
    await #expect(processExitsWith: .failure) {
      let geometry = try problem(PlanTests.descriptor)
      let plan = try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: .column, threads: 1))
      let (filter, outBackprop) = realData(Float.self, geometry)
      var result = [Float](repeating: 0, count: geometry.inputCount)
      var span = result.mutableSpan
      var workspace = Workspace(byteCount: plan.workspaceByteCount - 1)
      plan.execute(
        filter: plan.prepare(filter: filter.span),
        outBackprop: outBackprop.span, into: &span, workspace: &workspace)
    }
  }

  @Test func buffersWithoutAddressEndTheProcess() async {
    await #expect(processExitsWith: .failure) {
      let plan = try InputGradientPlan<Float>(problem(PlanTests.descriptor))
      let missing: UnsafePointer<Float>? = nil
      _ = plan.prepare(filter: missing)
    }
    await #expect(processExitsWith: .failure) {
      let geometry = try problem(PlanTests.descriptor)
      let plan = try InputGradientPlan<Float>(geometry)
      let (filter, _) = realData(Float.self, geometry)
      var result = [Float](repeating: 0, count: geometry.inputCount)
      var workspace = plan.makeWorkspace()
      plan.execute(
        filter: plan.prepare(filter: filter.span), outBackprop: nil,
        into: &result, workspace: &workspace)
    }
  }

  /// Whole tensors give what spans give.
  @Test func tensorsAndSpansAgree() throws {
    let geometry = try problem(Self.descriptor)
    let (filter, outBackprop) = realData(Float.self, geometry)
    let plan = try InputGradientPlan<Float>(geometry)
    var workspace = plan.makeWorkspace()
    var result = try Tensor<Float>(
      shape: geometry.inputSizes, repeating: .nan)
    plan.execute(
      filter: plan.prepare(
        filter: try Tensor(shape: geometry.filterSizes, scalars: filter)),
      outBackprop: try Tensor(
        shape: geometry.outBackpropSizes, scalars: outBackprop),
      into: &result, workspace: &workspace)
    #expect(
      result.scalars
        == inputGradient(
          plan, filter: plan.prepare(filter: filter.span),
          outBackprop: outBackprop, prefill: .nan))
  }

  @Test func threadsAreBounded() throws {
    let plan = try InputGradientPlan<Float>(
      Conv2DGeometry(
        inputSizes: [1 << 20, 8, 8, 8], filterSizes: [3, 3, 8, 8],
        outBackpropSizes: [1 << 20, 8, 8, 8], padding: .same),
      options: .init(algorithm: .column, threads: .max))
    #expect(plan.threads == 1024)
  }

  /// A workspace with another's garbage in it, just as large as asked for.
  @Test(arguments: DataFormat.allCases, ScalarType.allCases)
  func workspaceContentDoesNotMatter(
    _ format: DataFormat, _ type: ScalarType
  ) throws {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      let geometry = try problem(Self.descriptor, format)
      let (filter, outBackprop) = realData(type, geometry)
      let plan = try InputGradientPlan<Scalar>(
        geometry, options: .init(algorithm: .column, threads: 2))
      let clean = inputGradient(
        plan, filter: plan.prepare(filter: filter.span),
        outBackprop: outBackprop, prefill: .notANumber)
      var workspace = plan.makeWorkspace()
      // Data that leave NaN in every sum and tile.
      let poison = [Scalar](repeating: .notANumber, count: outBackprop.count)
      for data in [poison, outBackprop] {
        var result = [Scalar](
          repeating: .infinity, count: geometry.inputCount)
        var span = result.mutableSpan
        plan.execute(
          filter: plan.prepare(filter: filter.span), outBackprop: data.span,
          into: &span, workspace: &workspace)
        #expect((bits(result) == bits(clean)) == (bits(data) != bits(poison)))
      }
    }
    try check(type.testType)
  }

  /// Real layers, a little smaller, against a sum in double precision.
  @Test(arguments: ScalarType.allCases, DataFormat.allCases)
  func realDataWithinTolerance(
    _ type: ScalarType, _ format: DataFormat
  ) throws {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      for descriptor in [
        "mb1ic64ih14iw14oc64oh14ow14kh3kw3sh1sw1ph1pw1",
        "mb1ic16ih33iw40oc24oh16ow20kh4kw4sh2sw2ph1pw2",
        "mb2ic96ih7iw7oc128oh7ow7kh1kw1",
        "g32mb1ic32ih28iw28oc32oh28ow28kh3kw3sh1sw1ph1pw1",
      ] {
        let geometry = try problem(descriptor, format)
        let (filter, outBackprop) = realData(type, geometry)
        for algorithm in [ConvolutionAlgorithm.automatic, .column, .direct] {
          let result = try inputGradient(
            geometry, .init(algorithm: algorithm), filter: filter,
            outBackprop: outBackprop, prefill: .notANumber)
          let error = LayerCheck.errors(
            .inputGradient, geometry: geometry, filter, outBackprop,
            result: result
          ).largest
          #expect(
            error <= LayerCheck.tolerance(type.scalarType),
            "\(algorithm) \(descriptor)")
          // Without FMA a sum of doubles may be the reference's own.
          #expect(error > 0 || type.scalarType == .float64)
        }
      }
    }
    try check(type.testType)
  }
}

/// How plans choose.
@Suite struct ChoiceTests {
  /// One layer of each kind, and what it should be computed with.
  @Test(arguments: [
    (
      "mb8ic64ih56iw56oc64oh56ow56kh3kw3ph1pw1",
      ConvolutionAlgorithm.winograd
    ),
    ("mb2ic64ih56iw56oc64oh56ow56kh3kw3ph2pw2dh1dw1", .winograd),
    ("mb2ic64ih56iw56oc64oh56ow56kh3kw3ph24pw24dh23dw23", .taps),
    ("mb8ic64ih56iw56oc256oh56ow56kh1kw1ph0pw0", .taps),
    ("mb8ic3ih224iw224oc64oh112ow112kh7kw7sh2sw2ph3pw3", .column),
    ("mb1ic64ih128iw128oc12oh128ow128kh9kw9ph4pw4", .gather),
    ("mb1ic1ih512iw512oc1oh512ow512kh5kw5ph2pw2", .narrowGroups),
    ("g64mb4ic64ih28iw28oc128oh28ow28kh3kw3ph1pw1", .narrowGroups),
    ("g128mb8ic128ih56iw56oc128oh56ow56kh3kw3ph1pw1", .narrowGroups),
    ("mb1ic1ih1iw1oc1oh1ow1kh1kw1ph0pw0", .direct),
  ])
  func kinds(_ descriptor: String, _ expected: ConvolutionAlgorithm) throws {
    for format in DataFormat.allCases {
      let plan = try InputGradientPlan<Float>(problem(descriptor, format))
      // Cores that pack every product may like larger ones better.
      let products: Set<ConvolutionAlgorithm> = [.taps, .gather, .column]
      let isOpen =
        BLASRuntime.core == .packed && products.contains(expected)
      #expect(
        plan.algorithm == expected
          || isOpen && products.contains(plan.algorithm),
        "\(format)")
    }
  }

  /// A measured plan takes one of the candidates, and computes with it.
  @Test(arguments: DataFormat.allCases, ScalarType.allCases)
  func measured(_ format: DataFormat, _ type: ScalarType) throws {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      let geometry = try problem("mb2ic20ih9iw9oc24oh9ow9kh3kw3ph1pw1", format)
      let plan = try InputGradientPlan<Scalar>(
        geometry, options: .init(threads: 2, tuning: .measure))
      #expect(
        ![.automatic, .reference, .narrowGroups]
          .contains(plan.algorithm))
      #expect(plan.description.contains("measured"))
      let forced = try InputGradientPlan<Scalar>(
        geometry, options: .init(algorithm: plan.algorithm))
      let (filter, outBackprop) = realData(type, geometry)
      let results = [plan, forced].map {
        bits(
          inputGradient(
            $0, filter: $0.prepare(filter: filter.span),
            outBackprop: outBackprop, prefill: .notANumber))
      }
      #expect(results[0] == results[1])
    }
    try check(type.testType)
  }

  /// Nothing to run, nothing to measure.
  @Test func measuredDegenerate() throws {
    let geometry = try problem("mb1ic2ih3iw3oc0oh3ow3kh3kw3ph1pw1")
    let plan = try InputGradientPlan<Float>(
      geometry, options: .init(tuning: .measure))
    #expect(plan.predictedTime >= .zero)
  }

  /// More work costs more, whatever the algorithm.
  @Test(arguments: DataFormat.allCases, forcedAlgorithms)
  func costGrows(
    _ format: DataFormat, _ algorithm: ConvolutionAlgorithm
  ) throws {
    let times = try [
      "g32mb1ic32ih20iw20oc32oh20ow20kh3kw3ph1pw1",
      "g32mb8ic32ih40iw40oc32oh40ow40kh3kw3ph1pw1",
    ].map {
      try InputGradientPlan<Float>(
        problem($0, format), options: .init(algorithm: algorithm)
      ).predictedTime
    }
    #expect(times[0] > .zero)
    #expect(times[1] > times[0] * 4)
  }

  /// Tilings look for the largest band that fits, of any number of rows.
  @Test func largestThatFits() {
    for most in 0..<40 {
      for limit in 0..<45 {
        #expect(
          largest(upTo: most) { $0 <= limit } == max(1, min(most, limit)))
      }
    }
    var looks = 0
    let found = largest(upTo: .max) {
      looks += 1
      return $0 <= 1 << 40
    }
    #expect(found == 1 << 40 && looks < 64)
  }
}
