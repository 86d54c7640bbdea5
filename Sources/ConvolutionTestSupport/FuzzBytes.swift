/// The bytes that a fuzzer makes up, read as numbers: mostly small ones, now
/// and then the edges of what fits, or any 64 bits.
struct FuzzBytes {
  private let bytes: [UInt8]
  private var next = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  var isEmpty: Bool { next == bytes.count }

  /// The next byte; 0 behind the last.
  mutating func byte() -> UInt8 {
    guard !isEmpty else { return 0 }
    defer { next += 1 }
    return bytes[next]
  }

  /// A number of `usual`, or a wild one.
  mutating func number(_ usual: ClosedRange<Int>) -> Int {
    switch byte() {
    case 248...:
      (0..<8).reduce(0) { value, _ in value << 8 | Int(byte()) }
    case 224...: Self.edges[Int(byte()) % Self.edges.count]
    case let small: usual.lowerBound + Int(small) % usual.count
    }
  }

  /// Numbers at which sums, products and narrower types end.
  private static let edges: [Int] =
    [0, 1, -1, -2, .min, .min + 1, .max, .max - 1, .max - 7, .max / 2]
    + [.max / 3, 65534, 65535, 65537, (1 << 48) - 1, (1 << 48) + 1]
    + [Int(Int32.max), Int(Int32.min), Int(UInt32.max), 3_037_000_500]
    + [8, 12, 16, 20, 24, 30, 31, 32, 33, 40, 44, 45, 46, 47, 48, 53, 57, 59]
    .map { 1 << $0 }
    + [60, 61, 62].flatMap { [1 << $0, (1 << $0) - 1, (1 << $0) + 1] }
}

/// Something that must hold of any bytes, and does not.
package struct FuzzFailure: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) {
    self.description = description
  }
}

/// Throws unless `condition` holds.
package func require(
  _ condition: Bool, _ description: @autoclosure () -> String
) throws(FuzzFailure) {
  guard condition else { throw FuzzFailure(description()) }
}
