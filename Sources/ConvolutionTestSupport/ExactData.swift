import Convolutions

/// Integer data for which every partial sum, in every order, is exact: the
/// result must be right to the last bit.
///
/// With `n` terms in the longest sum and magnitudes up to `Md` and `Mw`,
/// `n * Md * Mw` stays within the significand that sums are taken in: 2^24 for
/// `Float` (which half types are summed in), 2^53 for `Double`.
///
/// The data are dense, of both signs, and the filter is not symmetric under
/// flips. One seed in four scales them by powers of two, toward the subnormals
/// or the largest numbers of the type; sums stay exact, since a power of two
/// only moves the exponent.
///
/// Odd seeds leave room for Winograd, whose transforms grow numbers, and divide
/// them by 16: magnitudes are smaller, and powers of two left out.
public enum ExactData {
  /// Whether Winograd on sets that are exact on integers is exact on the data.
  static func suitsWinograd(seed: UInt64) -> Bool { seed % 2 == 1 }

  /// Bits of the significand that are left to Winograd: products come in units
  /// of 1/16, input transforms add up 4 by 4 numbers, output transforms 5 by 5.
  private static let winogradBits = 10

  /// Magnitudes and powers of two of a case.
  struct Range: Sendable {
    var second: Int
    var first: Int
    var secondExponent = 0
    var firstExponent = 0
  }

  /// An operand of a case: `integers * 2^exponent`, which `scalars` holds.
  public typealias Operand<Scalar> = (
    integers: [Int64], exponent: Int, scalars: [Scalar]
  )

  /// The filter of a case of the input gradient.
  public static func filter<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry, seed: UInt64
  ) -> Operand<Scalar> {
    first(type, .inputGradient, geometry, seed: seed)
  }

  /// The out_backprop of a case of the input gradient.
  public static func outBackprop<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry, seed: UInt64
  ) -> Operand<Scalar> {
    second(type, .inputGradient, geometry, seed: seed)
  }

  /// The first operand of a case.
  package static func first<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry, seed: UInt64
  ) -> Operand<Scalar> {
    let range = range(of: Scalar.scalarType, operation, geometry, seed: seed)
    var generator = SeededGenerator(seed: seed ^ 0xF117E5)
    let tensor = operation.operands[0]
    var integers = draw(
      geometry.count(of: tensor), magnitude: range.first, using: &generator)
    if tensor == .filter { breakSymmetry(of: &integers, geometry) }
    return (
      integers, range.firstExponent,
      scalars(type, integers, exponent: range.firstExponent)
    )
  }

  /// The second operand of a case.
  package static func second<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry, seed: UInt64
  ) -> Operand<Scalar> {
    let range = range(of: Scalar.scalarType, operation, geometry, seed: seed)
    var generator = SeededGenerator(seed: seed ^ 0x0D7B)
    let integers = draw(
      geometry.count(of: operation.operands[1]), magnitude: range.second,
      using: &generator)
    return (
      integers, range.secondExponent,
      scalars(type, integers, exponent: range.secondExponent)
    )
  }

  // MARK: - Ranges

  static func range(
    of type: ScalarType, _ operation: ConvolutionOperation,
    _ geometry: Conv2DGeometry, seed: UInt64
  ) -> Range {
    let terms = max(1, IntegerReference.longestSum(operation, geometry))
    var generator = SeededGenerator(seed: seed ^ 0x5CA1E)
    // Beyond 2^16 a sum is infinite in Float16. Some should be, not most.
    var bits = type == .float64 ? 53 : 24
    if type == .float16 { bits = generator.chance(percent: 10) ? 20 : 16 }
    // Sums of half types are taken in 24 bits.
    if suitsWinograd(seed: seed) {
      bits = min(bits, (type == .float64 ? 53 : 24) - winogradBits)
    }
    // Integers up to here are exact in the storage type.
    let largest = 1 << (type.testType.significandBits + 1)
    let product = max(1, (1 << bits) / terms)
    let side = max(1, Int(Double(product).squareRoot()))
    var range = Range(
      second: min(side, largest), first: min(product / side, largest))
    if generator.chance(percent: 25), !suitsWinograd(seed: seed) {
      (range.secondExponent, range.firstExponent) =
        generator.pick(type.testType.exactExponents)
    }
    return range
  }

  // MARK: - Draws

  private static func draw(
    _ count: Int, magnitude: Int, using generator: inout SeededGenerator
  ) -> [Int64] {
    (0..<count).map { _ in
      // A few zeros: kernels that skip them must still be right.
      let value =
        generator.chance(percent: 1) ? 0 : generator.int(1...magnitude)
      return Int64(generator.chance(percent: 50) ? value : -value)
    }
  }

  /// Negates single weights until no flip of rows, columns or both leaves the
  /// filter as it is.
  private static func breakSymmetry(
    of filter: inout [Int64], _ geometry: Conv2DGeometry
  ) {
    let (rows, columns) = (geometry.kernelHeight, geometry.kernelWidth)
    let block = filter.count / (rows * columns)
    guard block > 0 else { return }
    func isSymmetric(_ flipRows: Bool, _ flipColumns: Bool) -> Bool {
      (0..<rows * columns).allSatisfy { tap in
        let (r, c) = (tap / columns, tap % columns)
        let other =
          (flipRows ? rows - 1 - r : r) * columns
          + (flipColumns ? columns - 1 - c : c)
        return filter[tap * block..<(tap + 1) * block]
          == filter[other * block..<(other + 1) * block]
      }
    }
    for index in 0..<filter.count {
      guard
        rows > 1 && isSymmetric(true, false)
          || columns > 1 && isSymmetric(false, true)
          || rows > 1 && columns > 1 && isSymmetric(true, true)
      else { return }
      filter[index] = filter[index] == 0 ? 1 : -filter[index]
    }
  }

  private static func scalars<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ integers: [Int64], exponent: Int
  ) -> [Scalar] {
    func fill<Test: TestScalar>(
      _ type: Test.Type, _ memory: UnsafeMutableRawPointer
    ) {
      let memory = memory.bindMemory(to: type, capacity: integers.count)
      for (index, integer) in integers.enumerated() {
        memory[index] = Test(rounding: integer, exponent: exponent)
      }
    }
    return Array(unsafeUninitializedCapacity: integers.count) { buffer, count in
      if let base = buffer.baseAddress {
        fill(Scalar.scalarType.testType, UnsafeMutableRawPointer(base))
      }
      count = integers.count
    }
  }
}
