import ConvolutionTestSupport
import Testing

@testable import Convolutions

@Suite struct PlanTests {
  static let descriptor = "mb2ic24ih13iw14oc20oh13ow14kh3kw3sh1sw1ph1pw1"

  @Test func algorithmsThatCannotServe() throws {
    let cases: [(String, ConvolutionAlgorithm, String)] = [
      ("mb2ic4ih6iw6oc9oh4ow4kh3kw3", .narrowGroups, "more than 8 channels"),
      ("g2mb2ic4ih6iw6oc18oh4ow4kh3kw3", .narrowGroups, "more than 8 channels"),
      (
        "mb1ic1ih1iw900000oc1oh1ow900000kh1kw1", .narrowGroups,
        "the cache"
      ),
      ("mb1ic4ih65iw65oc4oh1ow1kh1kw1sh65sw65", .implicit, "above 64"),
      ("mb2ic4ih9iw9oc4oh3ow3kh3kw3ph3pw3dh5dw5", .winograd, "dilation"),
      ("mb2ic4ih9iw9oc4oh4ow4kh3kw3sh2sw2dh1dw1", .winograd, "without taps"),
      ("mb2ic4ih9iw9oc4oh9ow9kh1kw1", .winograd, "1 tap"),
      ("mb2ic4ih12iw12oc4oh4ow4kh9kw9", .winograd, "8 taps"),
      ("mb2ic4ih9iw9oc4oh3ow3kh2kw2sh3sw3", .winograd, "above the kernel"),
      ("mb2ic4ih21iw21oc4oh4ow4kh6kw6sh5sw5", .winograd, "above 4"),
    ]
    try check(.inputGradient, cases)
  }

  /// Whether implicit GEMM serves does not depend on the batch.
  @Test func implicitServesAnyBatch() throws {
    for batch in [1, 7, 8, 9, 16, 33] {
      let geometry = try problem(
        "mb\(batch)ic512ih7oc4096oh1kh7", .nchw)
      #expect(serves(.implicit, geometry, .forward), "\(batch)")
    }
  }

  @Test func algorithmsThatCannotServeForward() throws {
    try check(
      .forward,
      [
        ("mb2ic9ih6oc4oh4kh3", .narrowGroups, "more than 8 channels"),
        ("g2mb2ic18ih6oc4oh4kh3", .narrowGroups, "more than 8 channels"),
        ("mb1ic1iw900000oc1ow900000kw1", .narrowGroups, "the cache"),
        ("mb2ic4ih9oc4oh4kh3sh2ph0", .column, "a stride apart"),
        ("mb2ic1ih99oc4oh1kh99dh9999ph489950", .implicit, "cache"),
        ("mb2ic4ih9oc4oh4kh3sh2dh1", .winograd, "dilated"),
        ("mb2ic4ih9oc4oh9kh1", .winograd, "1 tap"),
        ("mb2ic4ih12oc4oh4kh9", .winograd, "8 taps"),
        ("mb2ic4ih9oc4oh3kh2sh3", .winograd, "above the kernel"),
        ("mb2ic4ih21oc4oh4kh6sh5ph0", .winograd, "above 4"),
      ])
  }

  /// Products that an algorithm has not are refused, with the reason; those that it
  /// has are taken.
  @Test(arguments: DataFormat.allCases)
  func products(_ format: DataFormat) throws {
    let geometry = try problem("mb2ic20ih9oc24oh9kh3ph1", format)
    func plan(
      _ algorithm: ConvolutionAlgorithm, _ products: ProductProvider
    ) throws(Conv2DError) -> InputGradientPlan<Float> {
      try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: algorithm, products: products))
    }
    func reason(
      _ algorithm: ConvolutionAlgorithm, _ products: ProductProvider
    ) -> String? {
      do throws(Conv2DError) {
        _ = try plan(algorithm, products)
        return nil
      } catch {
        return "\(error)"
      }
    }
    #expect(reason(.winograd, .blas) == nil)
    #expect(try plan(.winograd, .panels).summary.contains(" on panels"))
    #expect(try !plan(.winograd, .blas).summary.contains(" on panels"))
    #expect(reason(.taps, .blas) == nil)
    #expect(reason(.taps, .panels)?.contains("linked BLAS") == true)
    #expect(reason(.implicit, .panels) == nil)
    #expect(reason(.implicit, .blas)?.contains("on panels") == true)
    #expect(try plan(.column, .blas).summary.hasPrefix("GEMM "))
    #expect(try plan(.column, .panels).summary.hasPrefix("panels "))
    // The filter gradient's products are the linked BLAS's.
    #expect(throws: Conv2DError.self) {
      try FilterGradientPlan<Float>(
        geometry, options: .init(algorithm: .taps, products: .panels))
    }
    #expect(
      try FilterGradientPlan<Float>(
        geometry, options: .init(products: .panels)
      ).algorithm == .direct)
    // What is chosen has them.
    #expect(try plan(.automatic, .panels).algorithm != .taps)
    #expect(try plan(.automatic, .blas).algorithm != .implicit)
  }

  /// A filter prepared for one kind of products does not suit the other.
  @Test func preparedForOtherProducts() throws {
    let geometry = try problem("mb2ic20ih9oc24oh9kh3ph1", .nhwc)
    let plans = try [ProductProvider.blas, .panels].map {
      try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: .column, products: $0))
    }
    let (filter, source) = realOperands(
      Float.self, .inputGradient, geometry)
    let prepared = plans[0].prepare(filter: filter.span)
    #expect(plans[0].isSuited(by: prepared))
    #expect(!plans[1].isSuited(by: prepared))
    // Both compute the same but for rounding.
    let results = plans.map {
      result(of: $0, filter, source, prefill: .nan)
    }
    for (one, other) in zip(results[0], results[1]) {
      #expect(abs(one - other) <= 1e-4)
    }
  }

  @Test func algorithmsThatCannotServeTheFilterGradient() throws {
    try check(
      .filterGradient,
      [
        ("mb2ic4ih6oc4oh4kh3", .column, "none for the filter gradient"),
        ("mb2ic4ih6oc4oh4kh3", .implicit, "none for the filter gradient"),
        ("mb2ic3ih6oc3oh4kh3", .narrowGroups, "1, 2, 4 or 8 channels"),
        ("g2mb2ic4ih6oc8oh4kh3", .narrowGroups, "1, 2, 4 or 8 channels"),
        ("mb2ic2ih6oc2oh4kh3", .narrowGroups, "one group"),
        ("mb2ic4ih9oc4oh3kh3ph3dh5", .winograd, "dilation"),
        ("mb2ic4ih9oc4oh4kh3sh2ph0", .winograd, "stride"),
        ("mb2ic4ih9oc4oh9kh1", .winograd, "one tap"),
      ])
  }

  private func check(
    _ operation: ConvolutionOperation,
    _ cases: [(String, ConvolutionAlgorithm, String)]
  ) throws {
    for (descriptor, algorithm, word) in cases {
      let geometry = try problem(descriptor)
      let error = #expect(throws: Conv2DError.self) {
        try operation.plan(
          Float.self, geometry, options: .init(algorithm: algorithm))
      }
      guard case .unsupported(algorithm, let reason) = error else {
        Issue.record("\(descriptor): \(String(describing: error))")
        continue
      }
      #expect(reason.contains(word), "\(operation) \(descriptor)")
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

  @Test(arguments: ScalarType.allCases, ConvolutionOperation.allCases)
  func automaticNamesWhatItTakes(
    _ type: ScalarType, _ operation: ConvolutionOperation
  ) throws {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      for descriptor in [
        Self.descriptor, "mb2ic64ih20iw20oc64oh20ow20kh1kw1",
        "g64mb2ic64ih20iw20oc64oh20ow20kh3kw3sh1sw1ph1pw1",
        "mb1ic1ih2iw2oc1oh2ow2kh1kw1",
      ] {
        let geometry = try problem(descriptor)
        let plan = try operation.plan(type, geometry)
        #expect(plan.algorithm != .automatic)
        #expect(plan.geometry == geometry)
        #expect("\(plan)".contains(plan.algorithm.rawValue))
        // Forced to the same, it is the same.
        let forced = try operation.plan(
          type, geometry, options: .init(algorithm: plan.algorithm))
        #expect(forced.algorithm == plan.algorithm)
        #expect(forced.workspaceByteCount == plan.workspaceByteCount)
      }
    }
    try check(type.testType)
  }

  @Test(arguments: forcedAlgorithms, ConvolutionOperation.allCases)
  func accuracyChangesNoPlainSum(
    _ algorithm: ConvolutionAlgorithm, _ operation: ConvolutionOperation
  ) throws {
    let geometry = try problem(Self.descriptor)
    guard algorithm != .winograd, serves(algorithm, geometry, operation) else {
      return
    }
    let (first, second) = realOperands(Float.self, operation, geometry)
    let results = try Accuracy.allCases.map { accuracy in
      try result(
        of: operation, geometry,
        .init(algorithm: algorithm, accuracy: accuracy), first, second,
        prefill: .nan)
    }
    #expect(results[0] == results[1])
  }

  /// One plan and one filter, much data; the plans differ in threads alone.
  @Test(arguments: DataFormat.allCases, forcedAlgorithms)
  func plansAndFiltersAreReused(
    _ format: DataFormat, _ algorithm: ConvolutionAlgorithm
  ) throws {
    let geometry = try problem(Self.descriptor, format)
    for operation in ConvolutionOperation.allCases
    where serves(algorithm, geometry, operation) {
      let first = ExactData.first(Float.self, operation, geometry, seed: 5)
      let plans = try [2, 1].map {
        try operation.plan(
          Float.self, geometry, options: .exact(algorithm, threads: $0))
      }
      var source = first.scalars
      let prepared = plans[0].prepared(source.span)
      #expect((prepared == nil) == (operation == .filterGradient))
      if let prepared {
        // It is a copy.
        for index in source.indices { source[index] = .nan }
        #expect(prepared.byteCount >= first.scalars.count * 4)
      }
      for seed in [UInt64(5), 17, 29] {
        let second = ExactData.second(
          Float.self, operation, geometry, seed: seed)
        let expected = IntegerReference.gather(
          operation, geometry, first.integers, second.integers
        ).map {
          Float(rounding: $0, exponent: first.exponent + second.exponent)
        }
        for plan in plans {
          #expect(
            result(
              of: plan, prepared: prepared, source, second.scalars,
              prefill: .nan) == expected, "\(operation)")
        }
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

  /// Whole tensors and pointers give what spans give.
  @Test func tensorsPointersAndSpansAgree() throws {
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
    let prepared = plan.prepare(filter: filter.span)
    let expected = inputGradient(
      plan, filter: prepared, outBackprop: outBackprop, prefill: .nan)
    #expect(result.scalars == expected)
    var other = [Float](repeating: .nan, count: geometry.inputCount)
    plan.execute(
      filter: plan.prepare(filter: filter),
      outBackprop: outBackprop, into: &other, workspace: &workspace)
    #expect(other == expected)
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
      for operation in ConvolutionOperation.allCases {
        let (first, second) = realOperands(type, operation, geometry)
        let plan = try operation.plan(
          type, geometry,
          options: .init(
            algorithm: operation == .filterGradient ? .taps : .column,
            threads: 2))
        let clean = result(of: plan, first, second, prefill: .notANumber)
        var workspace = plan.makeWorkspace()
        #expect(workspace.byteCount > 0)
        // Data that leave NaN in every sum and tile.
        let poison = [Scalar](repeating: .notANumber, count: second.count)
        for data in [poison, second] {
          var result = [Scalar](repeating: .infinity, count: clean.count)
          var span = result.mutableSpan
          plan.execute(
            first.span, prepared: plan.prepared(first.span), data.span,
            into: &span, workspace: &workspace)
          #expect(
            haveSameBits(result, clean) != haveSameBits(data, poison),
            "\(operation)")
        }
      }
    }
    try check(type.testType)
  }

  /// Real layers, a little smaller, against a sum in double precision.
  @Test(arguments: ScalarType.allCases, ConvolutionOperation.allCases)
  func realDataWithinTolerance(
    _ type: ScalarType, _ operation: ConvolutionOperation
  ) throws {
    for format in DataFormat.allCases {
      try realDataWithinTolerance(type, operation, format)
    }
  }

  private func realDataWithinTolerance(
    _ type: ScalarType, _ operation: ConvolutionOperation, _ format: DataFormat
  ) throws {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      for descriptor in [
        "mb1ic64ih14iw14oc64oh14ow14kh3kw3sh1sw1ph1pw1",
        "mb1ic16ih33iw40oc24oh16ow20kh4kw4sh2sw2ph1pw2",
        "mb2ic96ih7iw7oc128oh7ow7kh1kw1",
        "g32mb1ic32ih28iw28oc32oh28ow28kh3kw3sh1sw1ph1pw1",
      ] {
        let geometry = try problem(descriptor, format)
        let (first, second) = realOperands(type, operation, geometry)
        for algorithm in [ConvolutionAlgorithm.automatic, .column, .direct]
        where serves(algorithm, geometry, operation) {
          let result = try result(
            of: operation, geometry, .init(algorithm: algorithm), first,
            second, prefill: .notANumber)
          let error = LayerCheck.errors(
            operation, geometry: geometry, first, second, result: result
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
