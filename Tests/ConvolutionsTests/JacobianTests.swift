import ConvolutionTestSupport
import Convolutions
import Testing

/// The references are under suspicion here. The Jacobian is that of a convolution
/// written anew, ``TinyConvolution``: a column from each unit input.
@Suite("The references and every algorithm are the transposed Jacobian")
struct JacobianTests {
  static let problemsPerSeed = 100

  @Test(arguments: UInt64(1)...8)
  func randomProblems(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var tally = Tally()
    for index in 0..<Self.problemsPerSeed {
      let problem = TinyConvolution.draw(using: &generator)
      try check(
        problem, "seed \(seed), problem \(index): \(problem)", &tally,
        using: &generator)
    }
    print("Jacobian, seed \(seed): \(tally)")
    #expect(2 * tally.nonZero > tally.reached)
    #expect(5 * tally.stridedAndDilated >= tally.problems)
    for algorithm in ConvolutionAlgorithm.allCases {
      #expect(tally.served[algorithm, default: 0] > 0, "\(algorithm)")
    }
  }

  @Test(arguments: TinyConvolution.handPicked, DataFormat.allCases)
  func handPicked(_ problem: TinyConvolution, _ format: DataFormat) throws {
    var problem = problem
    problem.format = format
    var generator = SeededGenerator(seed: 99)
    var tally = Tally()
    try check(problem, "\(problem)", &tally, using: &generator)
    #expect(tally.nonZero > 0)
  }

  /// Both references and every algorithm against the transposed Jacobian.
  private func check(
    _ problem: TinyConvolution, _ name: String, _ tally: inout Tally,
    using generator: inout SeededGenerator
  ) throws {
    let geometry = try problem.geometry()
    func integers(_ count: Int) -> [Int64] {
      (0..<count).map { _ in
        let magnitude = Int64(generator.int(1...13))
        return generator.chance(percent: 50) ? magnitude : -magnitude
      }
    }
    let filter = integers(geometry.filterCount)
    let outBackprop = integers(geometry.outBackpropCount)
    var expected: [Int64] = []
    var unit = [Int64](repeating: 0, count: geometry.inputCount)
    for index in unit.indices {
      unit[index] = 1
      let column = problem.forward(unit, filter: filter)
      unit[index] = 0
      expected.append(zip(column, outBackprop).reduce(0) { $0 + $1.0 * $1.1 })
      if column.contains(where: { $0 != 0 }) { tally.reached += 1 }
    }
    tally.problems += 1
    tally.nonZero += expected.count { $0 != 0 }
    if problem.isStridedAndDilated { tally.stridedAndDilated += 1 }

    #expect(
      IntegerReference.scatter(
        geometry, filter: filter, outBackprop: outBackprop) == expected,
      "scatter, \(name)")
    #expect(
      IntegerReference.gather(
        geometry, filter: filter, outBackprop: outBackprop) == expected,
      "gather, \(name)")
    for algorithm in ConvolutionAlgorithm.allCases
    where serves(algorithm, geometry) {
      tally.served[algorithm, default: 0] += 1
      func result<Scalar: ConvolutionScalar & BinaryFloatingPoint>(
        _ type: Scalar.Type
      ) throws -> [Scalar] {
        try inputGradient(
          geometry, .exact(algorithm), filter: filter.map { Scalar($0) },
          outBackprop: outBackprop.map { Scalar($0) }, prefill: .nan)
      }
      #expect(
        try result(Float.self) == expected.map { Float($0) },
        "Float, \(algorithm), \(name)")
      #expect(
        try result(Double.self) == expected.map { Double($0) },
        "Double, \(algorithm), \(name)")
    }
  }

  /// What the problems of a seed were.
  private struct Tally: CustomStringConvertible {
    var problems = 0
    var stridedAndDilated = 0
    /// Columns of the Jacobians that are not all zeros.
    var reached = 0
    var nonZero = 0
    var served: [ConvolutionAlgorithm: Int] = [:]

    var description: String {
      "\(problems) problems, \(stridedAndDilated) strided and dilated, "
        + "\(nonZero) of \(reached) columns give something; "
        + served.map { "\($0.rawValue) \($1)" }.sorted()
        .joined(separator: ", ")
    }
  }
}
