/// How a long sum is cut: in blocks, each a chain of fused multiply-adds from +0,
/// which are added in order.
///
/// A block has whole taps, or a part of the channels of one. It depends on the
/// taps and channels of the sum alone, whether or not they land inside.
struct SumBlocks: Sendable, Hashable {
  /// Terms of a block, at most, but for what evening them out adds: enough that
  /// storing sums costs little beside them, and few enough that a panel's part
  /// stays in the L1 cache.
  static let length = 512

  let taps: Int
  let depth: Int
  /// Blocks of whole taps, or parts of each tap.
  private let parts: Int
  private let splitsTaps: Bool

  init(taps: Int, depth: Int) {
    self.taps = taps
    self.depth = depth
    splitsTaps = depth > Self.length
    parts =
      splitsTaps
      ? ceilDivide(depth, Self.length)
      : ceilDivide(taps, max(1, Self.length / max(1, depth)))
  }

  /// Blocks of a sum; at least one, which may be empty.
  var count: Int { splitsTaps ? max(1, taps * parts) : max(1, parts) }

  /// Most taps of a block.
  var mostTaps: Int { splitsTaps ? 1 : ceilDivide(taps, max(1, parts)) }

  /// The taps of a block, by their place in the phase, and its channels.
  subscript(block: Int) -> (taps: Range<Int>, channels: Range<Int>) {
    if splitsTaps {
      let (tap, part) = block.quotientAndRemainder(dividingBy: parts)
      guard taps > 0 else { return (0..<0, 0..<0) }
      return (
        tap..<tap + 1, depth * part / parts..<depth * (part + 1) / parts
      )
    }
    guard parts > 0 else { return (0..<0, 0..<depth) }
    return (taps * block / parts..<taps * (block + 1) / parts, 0..<depth)
  }
}
