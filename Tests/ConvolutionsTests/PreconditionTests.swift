import ConvolutionTestSupport
import Convolutions
import Testing

/// As a programmer's error, before anything is read or written.
@Suite("Buffers that do not belong to a plan end the process")
struct PreconditionTests {
  static let descriptor = "mb2ic6ih7iw8oc5oh7ow8kh3kw3ph1pw1"

  /// A plan, and buffers of its own sizes.
  private struct Call {
    let geometry: Conv2DGeometry
    let plan: InputGradientPlan<Float>
    var filter: [Float]
    var outBackprop: [Float]
    var result: [Float]

    init(_ algorithm: ConvolutionAlgorithm = .column) throws {
      geometry = try problem(PreconditionTests.descriptor)
      plan = try InputGradientPlan(
        geometry, options: .init(algorithm: algorithm))
      (filter, outBackprop) = realData(Float.self, geometry)
      result = Array(repeating: 0, count: geometry.inputCount)
    }

    mutating func execute(_ prepared: PreparedFilter<Float>) {
      var workspace = plan.makeWorkspace()
      execute(prepared, in: &workspace)
    }

    mutating func execute(
      _ prepared: PreparedFilter<Float>, in workspace: inout Workspace
    ) {
      let (plan, outBackprop) = (plan, outBackprop)
      var span = result.mutableSpan
      plan.execute(
        filter: prepared, outBackprop: outBackprop.span, into: &span,
        workspace: &workspace)
    }
  }

  @Test func theCallItselfIsRight() async {
    await #expect(processExitsWith: .success) {
      var call = try Call()
      call.execute(call.plan.prepare(filter: call.filter.span))
    }
  }

  @Test func filterOfAnotherSize() async {
    await #expect(processExitsWith: .failure) {
      let call = try Call()
      _ = call.plan.prepare(filter: [Float](repeating: 1, count: 7).span)
    }
  }

  @Test func workspaceThatIsTooSmall() async {
    await #expect(processExitsWith: .failure) {
      var call = try Call()
      var workspace = Workspace(byteCount: call.plan.workspaceByteCount - 1)
      call.execute(
        call.plan.prepare(filter: call.filter.span), in: &workspace)
    }
  }

  @Test func buffersWithoutAddress() async {
    await #expect(processExitsWith: .failure) {
      let missing: UnsafePointer<Float>? = nil
      _ = try Call().plan.prepare(filter: missing)
    }
    await #expect(processExitsWith: .failure) {
      var call = try Call()
      var workspace = call.plan.makeWorkspace()
      call.plan.execute(
        filter: call.plan.prepare(filter: call.filter.span), outBackprop: nil,
        into: &call.result, workspace: &workspace)
    }
  }

  @Test func resultOfAnotherSize() async {
    for difference in [-1, 1] {
      await #expect(processExitsWith: .failure) {
        [difference = difference as Int] in
        var call = try Call()
        call.result = Array(
          repeating: 0, count: call.geometry.inputCount + difference)
        call.execute(call.plan.prepare(filter: call.filter.span))
      }
    }
  }

  /// Another accuracy takes other points of Winograd's; of plain sums it does
  /// not matter.
  @Test func filterOfAnotherAccuracy() async {
    for algorithm in [ConvolutionAlgorithm.winograd, .column] {
      let isRefused = algorithm == .winograd
      await #expect(processExitsWith: isRefused ? .failure : .success) {
        [algorithm = algorithm.rawValue as String] in
        var call = try Call(ConvolutionAlgorithm(rawValue: algorithm)!)
        let tight = try InputGradientPlan<Float>(
          call.geometry,
          options: .init(algorithm: call.plan.algorithm, accuracy: .tight))
        call.execute(tight.prepare(filter: call.filter.span))
      }
    }
  }

  @Test func outBackpropOfAnotherSize() async {
    await #expect(processExitsWith: .failure) {
      var call = try Call()
      call.outBackprop.removeLast()
      call.execute(call.plan.prepare(filter: call.filter.span))
    }
  }

  @Test func filterOfAnotherPlan() async {
    await #expect(processExitsWith: .failure) {
      var call = try Call(.column)
      let other = try Call(.direct)
      call.execute(other.plan.prepare(filter: other.filter.span))
    }
    await #expect(processExitsWith: .failure) {
      var call = try Call()
      let geometry = try problem(PreconditionTests.descriptor, .nchw)
      let other = try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: .column))
      call.execute(other.prepare(filter: call.filter.span))
    }
  }

  @Test func filterOfAnotherOperation() async {
    await #expect(processExitsWith: .failure) {
      let geometry = try Conv2DGeometry(
        inputSizes: [1, 4, 4, 2], filterSizes: [1, 1, 2, 2], padding: .same)
      let gradient = try InputGradientPlan<Float>(geometry)
      let forward = try ForwardPlan<Float>(geometry)
      let filter = gradient.prepare(
        filter: [Float](repeating: 1, count: 4).span)
      var workspace = forward.makeWorkspace()
      var output = [Float](repeating: 0, count: 32)
      var span = output.mutableSpan
      forward.execute(
        filter: filter, input: [Float](repeating: 1, count: 32).span,
        into: &span, workspace: &workspace)
    }
  }

  /// As many scalars in another shape.
  @Test func tensorsOfOtherShapes() async {
    await #expect(processExitsWith: .failure) {
      let call = try Call()
      let (kh, kw, cin, cout) = (3, 3, 6, 5)
      _ = call.plan.prepare(
        filter: try Tensor(shape: [kh, kw, cout, cin], scalars: call.filter))
    }
    for swapsResult in [false, true] {
      await #expect(processExitsWith: .failure) {
        [swapsResult = swapsResult as Bool] in
        let call = try Call()
        var sizes = call.geometry.inputSizes
        var outBackpropSizes = call.geometry.outBackpropSizes
        if swapsResult {
          sizes.swapAt(1, 2)
        } else {
          outBackpropSizes.swapAt(1, 2)
        }
        var result = try Tensor<Float>(shape: sizes, repeating: 0)
        var workspace = call.plan.makeWorkspace()
        call.plan.execute(
          filter: call.plan.prepare(filter: call.filter.span),
          outBackprop: try Tensor(
            shape: outBackpropSizes, scalars: call.outBackprop),
          into: &result, workspace: &workspace)
      }
    }
  }
}
