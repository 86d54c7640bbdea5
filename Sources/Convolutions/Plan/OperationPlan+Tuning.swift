extension OperationPlan {
  /// The candidate that executes fastest, all of them timed in turn.
  static func fastest(
    _ operation: ConvolutionOperation, _ type: ScalarType,
    _ geometry: Conv2DGeometry, options: ConvolutionOptions
  ) throws(Conv2DError) -> ConvolutionAlgorithm {
    let contenders = contenders(operation, type, geometry, options: options)
    guard contenders.count > 1 else {
      return contenders.first?.plan.algorithm ?? .direct
    }
    let operands = operation.operands.map { geometry.count(of: $0) }
    let largest = operands.max()! * type.byteCount
    let resultBytes = geometry.count(of: operation.result) * type.byteCount
    try checkMemory(operands.reduce(0, +) * type.byteCount + resultBytes)
    // All bits zero is 0 in every type; no kernel's time depends on values.
    let zeros = allocateOperands(byteCount: largest)
    zeros.initializeMemory(as: UInt8.self, repeating: 0, count: largest)
    let result = allocateOperands(byteCount: resultBytes)
    defer {
      zeros.deallocate()
      result.deallocate()
    }
    let filters = contenders.map {
      operation == .filterGradient ? nil : $0.plan.prepared(bytes: zeros)
    }
    var workspace = Workspace(
      byteCount: contenders.map(\.plan.workspaceByteCount).max()!)

    let rounds = 4
    let hopeless = 2.0
    var best = [Duration](
      repeating: .seconds(1 << 30), count: contenders.count)
    for round in 0..<rounds {
      let least = best.min()!
      for (index, contender) in contenders.enumerated()
      where round == 0 || best[index] < least * hopeless {
        let time = ContinuousClock().measure {
          contender.plan.execute(
            zeros, filters[index], zeros, into: result, workspace: &workspace)
        }
        // The first round warms up; it only shows who is hopeless.
        best[index] = round == 1 ? time : min(best[index], time)
      }
    }
    let fastest = best.indices.min { best[$0] < best[$1] }!
    return contenders[fastest].plan.algorithm
  }

  /// Plans of every algorithm that can serve, but for those that the model
  /// finds out of the question.
  private static func contenders(
    _ operation: ConvolutionOperation, _ type: ScalarType,
    _ geometry: Conv2DGeometry, options: ConvolutionOptions
  ) -> [(plan: Self, time: Duration)] {
    var plans: [(plan: Self, time: Duration)] = []
    for algorithm in Candidates.order(operation) {
      var options = options
      options.algorithm = algorithm
      // A cap holds for the candidate that is taken.
      options.workspaceLimit = nil
      guard let plan = try? Self(operation, type, geometry, options: options)
      else { continue }
      plans.append((plan, plan.predictedTime))
    }
    let outOfTheQuestion = 5.0
    let least = plans.map(\.time).min() ?? .zero
    return plans.filter { $0.time <= least * outOfTheQuestion }
  }
}
