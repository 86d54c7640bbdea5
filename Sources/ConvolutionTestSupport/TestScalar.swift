import Convolutions
import Foundation

/// A scalar type as bits, so that expected values can be made without the
/// conversions under test.
package protocol TestScalar: ConvolutionScalar {
  /// Stored bits of the significand.
  static var significandBits: Int { get }
  /// The smallest positive value is 2 to this power.
  static var smallestExponent: Int { get }

  /// Powers of two, of the second operand and of the first, that keep integers
  /// representable and their products exact: the sum of the two is at least the
  /// exponent of the smallest number that sums are taken in.
  static var exactExponents: [(second: Int, first: Int)] { get }

  init(bits: UInt64)
  var bits: UInt64 { get }
  /// The value, exactly.
  var asDouble: Double { get }
}

extension TestScalar {
  package static var width: Int { MemoryLayout<Self>.size * 8 }

  /// The bits of plus infinity: all ones above the significand.
  package static var infinityBits: UInt64 {
    (1 << UInt64(width - 1 - significandBits) - 1) << UInt64(significandBits)
  }

  package static var signBit: UInt64 { 1 << UInt64(width - 1) }

  /// A quiet NaN.
  package static var notANumber: Self {
    Self(bits: infinityBits | 1 << UInt64(significandBits - 1))
  }

  package static var infinity: Self { Self(bits: infinityBits) }

  package var isFinite: Bool { bits & ~Self.signBit < Self.infinityBits }

  package var isNotANumber: Bool { bits & ~Self.signBit > Self.infinityBits }

  package var isZero: Bool { bits & ~Self.signBit == 0 }

  /// `value * 2^exponent` rounded to nearest, ties to even, by integer
  /// arithmetic; subnormals are kept and overflow gives infinity.
  package init(rounding value: Int64, exponent: Int = 0) {
    let sign = value < 0 ? Self.signBit : 0
    let magnitude = value.magnitude
    guard magnitude != 0 else {
      self.init(bits: 0)
      return
    }
    let length = UInt64.bitWidth - magnitude.leadingZeroBitCount
    // Exponent of a unit in the last place.
    let unit = max(
      exponent + length - 1 - Self.significandBits, Self.smallestExponent)
    let shift = unit - exponent
    var significand: UInt64
    if shift <= 0 {
      significand = magnitude << UInt64(-shift)
    } else if shift > 64 {
      significand = 0
    } else {
      significand = shift == 64 ? 0 : magnitude >> UInt64(shift)
      let rest = magnitude - (shift == 64 ? 0 : significand << UInt64(shift))
      let half: UInt64 = 1 << UInt64(shift - 1)
      if rest > half || rest == half && significand & 1 == 1 {
        significand += 1
      }
    }
    // A carry out of the significand moves into the exponent as it should,
    // because the hidden bit is added to the exponent rather than cut off.
    let offset =
      UInt64(unit - Self.smallestExponent)
      << UInt64(
        Self.significandBits)
    let bits = min(offset + significand, Self.infinityBits)
    self.init(bits: bits | sign)
  }
}

extension Float16: TestScalar {
  package static var significandBits: Int { 10 }
  package static var smallestExponent: Int { -24 }
  /// Subnormal data; results down to ties below the smallest subnormal.
  package static var exactExponents: [(second: Int, first: Int)] {
    [(-24, 0), (-24, 4), (0, -24), (-12, -16), (-20, 4)]
  }
  package init(bits: UInt64) { self.init(bitPattern: UInt16(bits)) }
  package var bits: UInt64 { UInt64(bitPattern) }
  package var asDouble: Double { Double(self) }
}

extension BFloat16: TestScalar {
  package static var significandBits: Int { 7 }
  package static var smallestExponent: Int { -133 }
  /// Results around the smallest normal, 2^-126, and the largest number.
  package static var exactExponents: [(second: Int, first: Int)] {
    [(-133, 0), (-70, -75), (-149 + 40, -40), (60, 43)]
  }
  package init(bits: UInt64) { self.init(bitPattern: UInt16(bits)) }
  package var bits: UInt64 { UInt64(bitPattern) }
  package var asDouble: Double {
    Double(Float(bitPattern: UInt32(bitPattern) << 16))
  }
}

extension Float: TestScalar {
  package static var significandBits: Int { 23 }
  package static var smallestExponent: Int { -149 }
  package static var exactExponents: [(second: Int, first: Int)] {
    [(-149, 0), (-70, -79), (-20, -118), (60, 43)]
  }
  package init(bits: UInt64) { self.init(bitPattern: UInt32(bits)) }
  package var bits: UInt64 { UInt64(bitPattern) }
  package var asDouble: Double { Double(self) }
}

extension Double: TestScalar {
  package static var significandBits: Int { 52 }
  package static var smallestExponent: Int { -1074 }
  package static var exactExponents: [(second: Int, first: Int)] {
    [(-1074, 0), (-500, -574), (-30, -1020), (500, 470)]
  }
  package init(bits: UInt64) { self.init(bitPattern: bits) }
  package var bits: UInt64 { bitPattern }
  package var asDouble: Double { self }
}

extension ScalarType {
  /// The type itself, to open generic code with.
  package var testType: any TestScalar.Type {
    switch self {
    case .float16: Float16.self
    case .bfloat16: BFloat16.self
    case .float32: Float.self
    case .float64: Double.self
    }
  }
}

/// `values` in double precision, exactly.
package func doubles<Scalar: ConvolutionScalar>(
  _ values: [Scalar]
) -> [Double] {
  values.withUnsafeBytes { bytes in
    func convert<Test: TestScalar>(_ type: Test.Type) -> [Double] {
      bytes.assumingMemoryBound(to: Test.self).map { $0.asDouble }
    }
    return convert(Scalar.scalarType.testType)
  }
}

/// Whether two lists are the same, bit for bit.
package func haveSameBits<Scalar>(
  _ left: [Scalar], _ right: [Scalar]
) -> Bool {
  left.withUnsafeBytes { left in
    right.withUnsafeBytes { right in
      left.count == right.count
        && (left.isEmpty
          || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0)
    }
  }
}
