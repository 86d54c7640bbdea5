import Convolutions
import Foundation

/// What must hold of any bytes as a .npy file.
///
/// Most bytes are the text of a header, in a file that is else as it should be:
/// the first says of which version, and the second how many bytes are missing
/// at the end, or too many.
///
/// - Returns: whether they are a file that can be read.
package func checkNumPyFile(_ bytes: [UInt8]) throws(FuzzFailure) -> Bool {
  let file: NumPyFile
  do {
    file = try NumPyFile(path: "x", data: numPyFile(bytes))
  } catch {
    try require(
      error.path == "x" && !error.reason.isEmpty
        && "\(error)" == "x: \(error.reason)", "the words: \(error)")
    return false
  }
  try require(file.shape.allSatisfy { $0 >= 0 }, "a size of \(file.shape)")
  let count = file.shape.reduce(1, *)
  var types = 0
  for declared in [nil] + ScalarType.allCases {
    let type: ScalarType
    do {
      type = try file.scalarType(declared: declared)
    } catch {
      try require(!error.reason.isEmpty, "no words")
      continue
    }
    types += 1
    try require(declared ?? type == type, "not as declared: \(type)")
    func scalars<Scalar: TestScalar>(_ type: Scalar.Type) -> Int {
      file.scalars(type).count
    }
    try require(
      scalars(type.testType) == count, "scalars of \(type) and \(file.shape)")
  }
  try require(types >= 1, "no type fits \(file.typeDescriptor)")
  return true
}

/// A whole file of the bytes of a fuzzer; short, whatever its shape says.
package func numPyFile(_ bytes: [UInt8]) -> Data {
  guard bytes.count >= 2, (1...3).contains(bytes[0]) else { return Data(bytes) }
  let header = bytes.dropFirst(2)
  let length = (0..<(bytes[0] == 1 ? 2 : 4)).map {
    UInt8(truncatingIfNeeded: header.count >> (8 * $0))
  }
  var payload = 0
  if let read = try? NumPyHeader(String(decoding: header, as: UTF8.self)) {
    let itemSize = Int("\(read.typeDescriptor.suffix(1))") ?? 0
    payload = read.shape.reduce(itemSize) { product, size in
      let (value, overflow) = product.multipliedReportingOverflow(by: size)
      return overflow ? 0 : min(value, 4096)
    }
  }
  payload = max(0, payload + Int(Int8(bitPattern: bytes[1])))
  return Data([0x93]) + Data("NUMPY".utf8) + [bytes[0], 0] + length + header
    + Data(count: payload)
}

/// What must hold of any bytes as a problem descriptor.
///
/// A first byte below 32 has pads in it, of the far sides.
///
/// - Returns: whether they are one.
package func checkDescriptor(_ bytes: [UInt8]) throws(FuzzFailure) -> Bool {
  var text = bytes[...]
  var pads: (bottom: Int, right: Int)?
  if let first = bytes.first, first < 32 {
    pads = (Int(first & 3), Int(first >> 2))
    text = text.dropFirst()
  }
  let words = String(decoding: text, as: UTF8.self)
  let problem: ProblemDescriptor
  do {
    problem = try ProblemDescriptor(words, padAfter: pads)
  } catch {
    try require(
      error.text == words && !error.reason.isEmpty
        && "\(error)" == "bad problem '\(words)': \(error.reason)",
      "the words: \(error)")
    return false
  }
  for format in DataFormat.allCases {
    do {
      let geometry = try problem.geometry(format)
      let padAfter = (bottom: geometry.padBottom, right: geometry.padRight)
      for again in [geometry.descriptor, problem.shortDescriptor] {
        try require(
          try ProblemDescriptor(again, padAfter: padAfter).geometry(format)
            == geometry, "\(again) is another problem")
      }
    } catch let failure as FuzzFailure {
      throw failure
    } catch {
      throw FuzzFailure("'\(words)' is no problem in \(format): \(error)")
    }
  }
  if let name = problem.name {
    let again = try? ProblemDescriptor(
      problem.shortDescriptor + "n\"\(name)\"",
      padAfter: (problem.vertical.padAfter, problem.horizontal.padAfter))
    try require(again?.name == name, "the name \(name) is lost")
  }
  return true
}
