/// Inputs of a fuzzer that are worth keeping: a text of one a line, bytes in
/// hexadecimal, with a comment behind `#`.
package struct FuzzCorpus: Sendable {
  package let inputs: [Input]

  /// One line of a corpus.
  package struct Input: Sendable, CustomStringConvertible {
    package let bytes: [UInt8]
    package let description: String
  }

  /// Reads a corpus; `nil` if a line is no row of bytes.
  package init?(_ text: String) {
    var inputs: [Input] = []
    for line in text.split(separator: "\n") {
      let digits = line.prefix { $0 != "#" }.filter { !$0.isWhitespace }
      if digits.isEmpty { continue }
      guard digits.count.isMultiple(of: 2) else { return nil }
      var bytes: [UInt8] = []
      var rest = digits[...]
      while !rest.isEmpty {
        guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
        bytes.append(byte)
        rest = rest.dropFirst(2)
      }
      inputs.append(Input(bytes: bytes, description: String(line)))
    }
    self.inputs = inputs
  }
}
