/// The header of a .npy file: a Python dictionary literal with the keys
/// `descr`, `fortran_order` and `shape`.
package struct NumPyHeader: Equatable {
  package let typeDescriptor: String
  package let isFortranOrder: Bool
  package let shape: [Int]

  /// What is wrong with a file, without its name.
  package struct Fault: Error {
    package let reason: String
    /// See ``NumPyError/missing``.
    package let missing: Int?

    package init(_ reason: String, missing: Int? = nil) {
      self.reason = reason
      self.missing = missing
    }
  }

  package init(_ text: String) throws(Fault) {
    var scanner = Scanner(rest: text[...])
    var typeDescriptor: String?
    var isFortranOrder: Bool?
    var shape: [Int]?
    try scanner.expect("{")
    while !scanner.skip("}") {
      let key = try scanner.quoted()
      try scanner.expect(":")
      switch key {
      case "descr" where typeDescriptor == nil:
        if scanner.peek == "[" {
          throw Fault("its type is a structure, not a number")
        }
        typeDescriptor = try scanner.quoted()
      case "fortran_order" where isFortranOrder == nil:
        isFortranOrder = try scanner.boolean()
      case "shape" where shape == nil:
        shape = try scanner.tuple()
      default: throw Self.garbage
      }
      if !scanner.skip(",") {
        try scanner.expect("}")
        break
      }
    }
    guard scanner.peek == nil, let typeDescriptor, let isFortranOrder, let shape
    else { throw Self.garbage }
    self.typeDescriptor = typeDescriptor
    self.isFortranOrder = isFortranOrder
    self.shape = shape
  }

  fileprivate static let garbage = Fault(
    "its header is not a dictionary of descr, fortran_order and shape")
}

/// Reads the few kinds of Python literals of a header.
private struct Scanner {
  var rest: Substring

  /// The next character that is not a blank.
  var peek: Character? {
    mutating get {
      rest = rest.drop(while: \.isWhitespace)
      return rest.first
    }
  }

  mutating func skip(_ character: Character) -> Bool {
    guard peek == character else { return false }
    rest.removeFirst()
    return true
  }

  mutating func expect(_ character: Character) throws(NumPyHeader.Fault) {
    guard skip(character) else { throw NumPyHeader.garbage }
  }

  mutating func quoted() throws(NumPyHeader.Fault) -> String {
    guard let quote = peek, quote == "'" || quote == "\"" else {
      throw NumPyHeader.garbage
    }
    rest.removeFirst()
    guard let end = rest.firstIndex(of: quote) else {
      throw NumPyHeader.garbage
    }
    defer { rest = rest[rest.index(after: end)...] }
    return String(rest[..<end])
  }

  mutating func boolean() throws(NumPyHeader.Fault) -> Bool {
    _ = peek
    let word = rest.prefix { $0.isLetter }
    rest.removeFirst(word.count)
    switch word {
    case "True": return true
    case "False": return false
    default: throw NumPyHeader.garbage
    }
  }

  mutating func tuple() throws(NumPyHeader.Fault) -> [Int] {
    var values: [Int] = []
    try expect("(")
    while !skip(")") {
      _ = peek
      let digits = rest.prefix { $0.isASCII && $0.isWholeNumber }
      guard !digits.isEmpty else { throw NumPyHeader.garbage }
      guard let value = Int(digits) else {
        throw NumPyHeader.Fault("its shape is too large")
      }
      rest.removeFirst(digits.count)
      // Python 2 wrote long integers so.
      if rest.first == "L" { rest.removeFirst() }
      values.append(value)
      if !skip(",") {
        try expect(")")
        break
      }
    }
    return values
  }
}
