import ConvolutionTestSupport
import Testing

@testable import Convolutions

@Suite("BFloat16 is rounded once, ties to even, and NaN stays NaN")
struct BFloat16Tests {
  @Test func everyPatternSurvivesFloat() {
    for pattern in UInt16.min...UInt16.max {
      let value = BFloat16(bitPattern: pattern)
      let single = Float(value)
      let back = BFloat16(single)
      guard
        value.isNotANumber
          ? single.isNaN && back.isNotANumber
          : single.bitPattern == UInt32(pattern) << 16
            && back.bitPattern == pattern
      else {
        Issue.record("\(pattern)")
        return
      }
    }
  }

  /// Around every pattern: what is below half way goes down, above up, and the
  /// tie to even.
  @Test func everyTie() {
    for pattern in UInt16(0)..<0x7F80 {
      let next = pattern + 1
      let even = pattern & 1 == 0 ? pattern : next
      let middle = UInt32(pattern) << 16 | 0x8000
      for sign in [UInt16(0), 0x8000] {
        let rounded = [middle - 1, middle, middle + 1].map {
          BFloat16(Float(bitPattern: $0 | UInt32(sign) << 16)).bitPattern
        }
        guard rounded == [pattern | sign, even | sign, next | sign] else {
          Issue.record("\(pattern): \(rounded)")
          return
        }
      }
    }
    #expect(BFloat16(.greatestFiniteMagnitude).bitPattern == 0x7F80)
  }

  @Test func everyNaNStaysOne() {
    let payloads: [UInt32] = [
      1, 0x8000, 0xFFFF, 0x3F_FFFF, 0x40_0000, 0x7F_FFFF,
    ]
    for sign in [UInt32(0), 1 << 31] {
      let values = payloads.map { Float(bitPattern: 0x7F80_0000 | $0 | sign) }
      // And as the kernels round.
      var narrowed = [BFloat16](repeating: .init(0), count: values.count)
      MutableStoredPointer(&narrowed, .bfloat16)
        .narrow(values, count: values.count)
      for value in values.map({ BFloat16($0) }) + narrowed {
        #expect(value.isNotANumber)
        #expect(value.bitPattern >> 15 == UInt16(sign >> 31))
      }
    }
    #expect(BFloat16(1.5).description == "1.5")
  }

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
