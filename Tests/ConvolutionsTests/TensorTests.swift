import ConvolutionTestSupport
import Convolutions
import Testing

@Suite struct TensorTests {
  @Test func scalarsChangeInPlace() throws {
    var tensor = try Tensor<Double>(shape: [2, 3], repeating: 1.5)
    #expect(tensor.scalars == [1.5, 1.5, 1.5, 1.5, 1.5, 1.5])
    tensor.scalars[4] = -2
    tensor.scalars.swapAt(0, 4)
    #expect(tensor.scalars == [-2, 1.5, 1.5, 1.5, 1.5, 1.5])
    #expect(tensor.shape == [2, 3])
    #expect(tensor != (try Tensor(shape: [3, 2], scalars: tensor.scalars)))
  }

  @Test func shapesThatAreNone() {
    #expect(throws: Conv2DError.negativeSize(.tensor, sizes: [2, -1])) {
      try Tensor<Float>(shape: [2, -1], repeating: 0)
    }
    #expect {
      try Tensor<Float>(shape: [1 << 40, 1 << 40], repeating: 0)
    } throws: { isTooLarge($0) }
  }

  @Test func memoryThatNobodyHas() {
    let error = Conv2DError.outOfMemory(bytes: 1 << 49)
    #expect(throws: error) {
      try Tensor<Double>(shape: [1 << 46], repeating: 1)
    }
    #expect("\(error)".contains("\(1 << 49) bytes"))
  }
}

/// Plans at the edges of what they take.
@Suite struct PlanLimitTests {
  /// A filter without weights has no address, and needs none.
  @Test(arguments: DataFormat.allCases)
  func noFilter(_ format: DataFormat) throws {
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

  /// Channels beyond the 32 bits of the BLAS interface.
  @Test(arguments: [ConvolutionAlgorithm.column, .taps, .winograd])
  func channelsBeyond32Bits(_ algorithm: ConvolutionAlgorithm) throws {
    let geometry = try problem("mb1ic1ih4iw4oc\(1 << 32)oh4ow4kh3kw3ph1pw1")
    #expect {
      try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: algorithm))
    } throws: {
      guard case Conv2DError.unsupported(algorithm, let reason) = $0
      else { return false }
      return reason.contains("32 bits")
    }
  }
}
