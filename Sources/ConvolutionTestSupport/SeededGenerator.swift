/// SplitMix64: the same numbers from the same seed, everywhere.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) {
    state = seed
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

extension SeededGenerator {
  /// A number of `range`, each about as likely as another.
  ///
  /// The standard library does not promise which numbers it draws from a
  /// generator; a reproduction line has to.
  package mutating func int(_ range: ClosedRange<Int>) -> Int {
    let (high, _) = next().multipliedFullWidth(by: UInt64(range.count))
    return range.lowerBound + Int(high)
  }

  /// Numbers of `range`, one after the other as `int` draws them.
  package mutating func integers(
    _ count: Int, in range: ClosedRange<Int>
  ) -> [Int64] {
    (0..<count).map { _ in Int64(int(range)) }
  }

  /// True in `percent` of 100 draws.
  package mutating func chance(percent: Int) -> Bool {
    int(0...99) < percent
  }

  /// One of `choices`, which is not empty.
  package mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
    choices[int(0...choices.count - 1)]
  }
}
