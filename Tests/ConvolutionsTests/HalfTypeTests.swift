import ConvolutionTestSupport
import Testing

@testable import Convolutions

@Suite("Sums of half types are taken in Float and rounded once")
struct HalfTypeTests {
  /// Sums of `terms` in one element, through every algorithm that can.
  private func sums<Scalar: TestScalar>(
    _ terms: [Scalar], one: Scalar, _ format: DataFormat = .nhwc
  ) throws -> [Scalar] {
    let geometry = try problem(
      "mb1ic1ih1iw1oc\(terms.count)oh1ow1kh1kw1", format)
    return try forcedAlgorithms.filter { serves($0, geometry) }.map {
      algorithm in
      try inputGradient(
        geometry, .exact(algorithm),
        filter: Array(repeating: one, count: terms.count),
        outBackprop: terms, prefill: .notANumber)[0]
    }
  }

  @Test(arguments: DataFormat.allCases)
  func overflowOfFloat16(_ format: DataFormat) throws {
    // Half a unit above the largest number is a tie, which goes to infinity.
    for (rest, expected) in [
      (Float16(15), Float16(65504)), (16, .infinity), (15.99, 65504),
      (16.02, .infinity),
    ] {
      #expect(
        try sums([65504, rest], one: 1, format).allSatisfy { $0 == expected })
      #expect(
        try sums([-65504, -rest], one: 1, format).allSatisfy { $0 == -expected }
      )
    }
    // An intermediate sum beyond the type is none beyond Float.
    #expect(
      try sums([65504, 65504, -65504], one: 1, format)
        .allSatisfy { $0 == 65504 })
  }

  @Test(arguments: DataFormat.allCases)
  func sumsAreRoundedOnce(_ format: DataFormat) throws {
    // 2048 + 1 is a tie in Float16: rounded at each step it would stay 2048.
    #expect(
      try sums([2048, 1, 1, 1, 1] as [Float16], one: 1, format)
        .allSatisfy { $0 == 2052 })
    let ones = [BFloat16](repeating: BFloat16(1), count: 1000)
    // 1000 needs 7 bits: exact. Summed in bfloat16 it would stop at 256.
    #expect(
      try sums(ones, one: BFloat16(1), format)
        .allSatisfy { $0.asDouble == 1000 })
    // Ties to even, down and up.
    for (terms, expected) in [
      ([256, 1], 256.0), ([256, 3], 260), ([256, 1, 0.0625], 258),
    ] as [([Float], Double)] {
      #expect(
        try sums(terms.map { BFloat16($0) }, one: BFloat16(1), format)
          .allSatisfy { $0.asDouble == expected })
    }
  }

  /// The gradient of ones under a 2 x 2 kernel of ones (pytorch #163347).
  @Test(arguments: DataFormat.allCases)
  func bfloat16GradientOfOnes(_ format: DataFormat) throws {
    let geometry = try problem("mb2ic3ih5iw6oc1oh4ow5kh2kw2", format)
    for algorithm in ConvolutionAlgorithm.allCases
    where serves(algorithm, geometry) {
      let result = try inputGradient(
        geometry, .exact(algorithm),
        filter: Array(repeating: BFloat16(1), count: geometry.filterCount),
        outBackprop: Array(
          repeating: BFloat16(1), count: geometry.outBackpropCount),
        prefill: .notANumber
      ).map(\.asDouble)
      #expect(result.count { $0 == 4 } == 2 * 3 * 3 * 4)
      #expect(result.count { $0 == 2 } == 2 * 3 * 2 * (3 + 4))
      #expect(result.count { $0 == 1 } == 2 * 3 * 4)
    }
  }

  @Test(arguments: DataFormat.allCases)
  func subnormals(_ format: DataFormat) throws {
    let least = Float16(bitPattern: 1)
    #expect(
      try sums([least, least, least], one: 1, format)
        .allSatisfy { $0.bitPattern == 3 })
    // Products below the least subnormal: half of it is a tie to zero, more
    // goes up.
    #expect(
      try sums([least], one: 0.5, format).allSatisfy { $0.bitPattern == 0 })
    #expect(
      try sums([least], one: 0.501, format).allSatisfy { $0.bitPattern == 1 })
    #expect(
      try sums([least, least, least], one: 0.5, format)
        .allSatisfy { $0.bitPattern == 2 })
    let small = BFloat16(bitPattern: 1)
    #expect(
      try sums([small, small, small], one: BFloat16(1), format)
        .allSatisfy { $0.bitPattern == 3 })
    #expect(
      try sums([Float.leastNonzeroMagnitude, 2], one: 1, format)
        .allSatisfy { $0 == 2 })
    #expect(
      try sums(
        [Float.leastNonzeroMagnitude, .leastNonzeroMagnitude], one: 1, format
      ).allSatisfy { $0.bitPattern == 2 })
    #expect(
      try sums([Double.leastNonzeroMagnitude], one: 1, format)
        .allSatisfy { $0.bitPattern == 1 })
  }

  /// Every pattern through a kernel of one 1: what goes in comes out.
  @Test(arguments: DataFormat.allCases, forcedAlgorithms)
  func identityOfEveryPattern(
    _ format: DataFormat, _ algorithm: ConvolutionAlgorithm
  ) throws {
    let isNarrow = algorithm == .narrowGroups
    let geometry = try problem(
      isNarrow
        ? "g16mb1ic16ih64iw64oc16oh64ow64kh1kw1"
        : "mb1ic1ih256iw256oc1oh256ow256kh1kw1", format)
    guard serves(algorithm, geometry) else { return }
    try identity(Float16.self, geometry, algorithm, one: 1)
    try identity(BFloat16.self, geometry, algorithm, one: BFloat16(1))
  }

  private func identity<Scalar: TestScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry,
    _ algorithm: ConvolutionAlgorithm, one: Scalar
  ) throws {
    let patterns = (0..<65536).map { Scalar(bits: $0) }
    let result = try inputGradient(
      geometry, .exact(algorithm),
      filter: Array(repeating: one, count: geometry.filterCount),
      outBackprop: patterns, prefill: one)
    for (got, wanted) in zip(result, patterns) {
      let same =
        wanted.isNotANumber
        ? got.isNotANumber
        : got.bits == wanted.bits || got.isZero && wanted.isZero
      guard same else {
        Issue.record("\(wanted) became \(got)")
        return
      }
    }
  }
}
