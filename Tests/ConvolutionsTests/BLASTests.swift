import Testing

@testable import Convolutions

/// What plans make of the BLAS that is linked.
@Suite struct BLASTests {
  @Test(arguments: [
    ("Cooperlake", "OpenBLAS 0.3.21 DYNAMIC_ARCH", BLASCore.small),
    ("SkylakeX", "OpenBLAS 0.3.21", .small),
    ("skylakex", "OpenBLAS 0.3.30 NO_AFFINITY", .small),
    ("SapphireRapids", "OpenBLAS 0.4.0", .small),
    ("SkylakeX", "OpenBLAS 1.0", .small),
    ("SkylakeX", "OpenBLAS 0.3.20", .packed),
    ("SkylakeX", "OpenBLAS 0.3.9", .packed),
    ("SkylakeX", "OpenBLAS", .packed),
    ("Haswell", "OpenBLAS 0.3.21", .packed),
    ("Zen", "OpenBLAS 0.3.28", .packed),
    ("unknown", "not OpenBLAS", .packed),
    ("", "", .packed),
  ])
  func cores(_ name: String, _ configuration: String, _ expected: BLASCore) {
    #expect(BLASCore(name: name, configuration: configuration) == expected)
  }
}

@Suite struct BFloat16RoundingTests {
  /// A double a little beside a tie is one as a Float: rounded twice it would
  /// go to the even neighbour.
  @Test(arguments: [UInt16(0x3F80), 0x3F81, 0x0000, 0x0001, 0x7F7E, 0x4248])
  func besideATie(_ pattern: UInt16) {
    let low = Double(Float(BFloat16(bitPattern: pattern)))
    let high = Double(Float(BFloat16(bitPattern: pattern + 1)))
    let middle = low + (high - low) / 2
    for sign in [UInt16(0), 0x8000] {
      func rounded(_ value: Double) -> UInt16 {
        BFloat16.rounded(sign == 0 ? value : -value).bitPattern
      }
      #expect(rounded(middle.nextDown) == pattern | sign)
      #expect(rounded(middle) == (pattern + pattern & 1) | sign)
      #expect(rounded(middle.nextUp) == (pattern + 1) | sign)
    }
  }

  @Test func beyondTheLargest() {
    #expect(BFloat16.rounded(.infinity).bitPattern == 0x7F80)
    #expect(BFloat16.rounded(1e300).bitPattern == 0x7F80)
    #expect(BFloat16.rounded(.nan).bitPattern & 0x7FFF > 0x7F80)
  }

  /// As every floating-point type.
  @Test func comparedAsNumbers() {
    let (zero, minus) = (
      BFloat16(bitPattern: 0), BFloat16(bitPattern: 0x8000)
    )
    #expect(zero == minus)
    #expect(zero.hashValue == minus.hashValue)
    let notANumber = BFloat16(Float.nan)
    #expect(notANumber != notANumber)
    #expect((0.1 as BFloat16).bitPattern == 0x3DCD)
  }
}
