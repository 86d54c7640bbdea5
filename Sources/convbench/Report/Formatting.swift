import Foundation

/// A number with about four digits, for people.
func readable(_ value: Double) -> String {
  guard value.isFinite else { return "\(value)" }
  if value == 0 { return "0" }
  let magnitude = log10(abs(value))
  guard (-4..<9).contains(magnitude) else {
    return String(format: "%.1e", value)
  }
  let digits = max(0, min(4, 3 - Int(magnitude.rounded(.down))))
  return String(format: "%.\(digits)f", value)
}

/// A share as a whole percentage.
func percent(_ share: Double) -> String {
  String(format: "%.0f%%", 100 * share)
}

extension String {
  /// The text and blanks behind it, cut where it is longer.
  func padded(to width: Int) -> String {
    padding(toLength: width, withPad: " ", startingAt: 0)
  }
}
