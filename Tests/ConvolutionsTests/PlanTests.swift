import ConvolutionTestSupport
import Testing

@testable import Convolutions

@Suite("A plan does what it was asked for, as often as it is used")
struct PlanTests {
  static let descriptor = "mb2ic24ih13iw14oc20oh13ow14kh3kw3sh1sw1ph1pw1"

  /// A filter prepared for one kind of products does not suit the other.
  @Test func preparedForOtherProducts() throws {
    let geometry = try problem("mb2ic20ih9oc24oh9kh3ph1", .nhwc)
    let plans = try [ProductProvider.blas, .panels].map {
      try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: .column, products: $0))
    }
    let (filter, source) = realOperands(
      Float.self, .inputGradient, geometry)
    for (own, other) in [(plans[0], plans[1]), (plans[1], plans[0])] {
      let prepared = own.prepare(filter: filter.span).prepared
      #expect(prepared.suits(own.operationPlan))
      #expect(!prepared.suits(other.operationPlan))
    }
    // Both compute the same but for rounding.
    let results = plans.map {
      result(of: $0.operationPlan, filter, source, prefill: Float.nan)
    }
    for (one, other) in zip(results[0], results[1]) {
      #expect(abs(one - other) <= 1e-4)
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

  /// The same of the convolution.
  @Test func tensorsPointersAndSpansAgreeForward() throws {
    let geometry = try problem(Self.descriptor)
    let (filter, input) = realOperands(Float.self, .forward, geometry)
    let plan = try ForwardPlan<Float>(geometry)
    var workspace = plan.makeWorkspace()
    let prepared = plan.prepare(filter: filter.span)
    var spans = [Float](repeating: .nan, count: geometry.outBackpropCount)
    var span = spans.mutableSpan
    plan.execute(
      filter: prepared, input: input.span, into: &span, workspace: &workspace)
    var pointers = [Float](repeating: .nan, count: spans.count)
    plan.execute(
      filter: prepared, input: input, into: &pointers, workspace: &workspace)
    var tensor = try Tensor<Float>(
      shape: geometry.outBackpropSizes, repeating: .nan)
    plan.execute(
      filter: prepared,
      input: try Tensor(shape: geometry.inputSizes, scalars: input),
      into: &tensor, workspace: &workspace)
    #expect(!spans.contains { $0.isNaN })
    #expect(pointers == spans)
    #expect(tensor.scalars == spans)
  }

  /// The same of the gradient with respect to the filter.
  @Test func tensorsPointersAndSpansAgreeFilterGradient() throws {
    let geometry = try problem(Self.descriptor)
    let (input, outBackprop) = realOperands(
      Float.self, .filterGradient, geometry)
    let plan = try FilterGradientPlan<Float>(geometry)
    var workspace = plan.makeWorkspace()
    var spans = [Float](repeating: .nan, count: geometry.filterCount)
    var span = spans.mutableSpan
    plan.execute(
      input: input.span, outBackprop: outBackprop.span, into: &span,
      workspace: &workspace)
    var pointers = [Float](repeating: .nan, count: spans.count)
    plan.execute(
      input: input, outBackprop: outBackprop, into: &pointers,
      workspace: &workspace)
    var tensor = try Tensor<Float>(
      shape: geometry.filterSizes, repeating: .nan)
    plan.execute(
      input: try Tensor(shape: geometry.inputSizes, scalars: input),
      outBackprop: try Tensor(
        shape: geometry.outBackpropSizes, scalars: outBackprop),
      into: &tensor, workspace: &workspace)
    #expect(!spans.contains { $0.isNaN })
    #expect(pointers == spans)
    #expect(tensor.scalars == spans)
  }

  /// A filter without weights has no address, and needs none.
  @Test(arguments: DataFormat.allCases)
  func aFilterWithoutWeights(_ format: DataFormat) throws {
    let geometry = try problem("mb2ic3ih4iw5oc0oh4ow5kh3kw3ph1pw1", format)
    let plan = try InputGradientPlan<Float>(geometry)
    let missing: UnsafePointer<Float>? = nil
    var workspace = plan.makeWorkspace()
    var result = [Float](repeating: .nan, count: geometry.inputCount)
    plan.execute(
      filter: plan.prepare(filter: missing), outBackprop: missing,
      into: &result, workspace: &workspace)
    #expect(result.allSatisfy { $0.bitPattern == 0 })
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
