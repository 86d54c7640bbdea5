import Convolutions
import Foundation

/// An array of NumPy's .npy format, versions 1.0 to 3.0, in C order.
///
/// The file is checked whole before anything is made of it: magic, version,
/// header, order, and a size of exactly what the shape needs.
package struct NumPyFile {
  package let path: String
  /// As in the file, such as `<f4`.
  package let typeDescriptor: String
  package let shape: [Int]
  private let payload: Data

  private static let magic = Array("\u{93}NUMPY".unicodeScalars).map {
    UInt8($0.value)
  }

  /// What a file begins with that is not whole; see `SharedResult`.
  package static let partialMagic = Array("\u{93}PARTS".unicodeScalars).map {
    UInt8($0.value)
  }

  package init(path: String, data: Data) throws(NumPyError) {
    self.path = path
    do throws(NumPyHeader.Fault) {
      let (text, end) = try Self.headerText(of: data)
      let header = try NumPyHeader(text)
      guard !header.isFortranOrder else {
        throw .init("it is in Fortran order; only C order can be read")
      }
      typeDescriptor = header.typeDescriptor
      shape = header.shape
      payload = data[(data.startIndex + end)...]
      try checkSize()
    } catch {
      throw NumPyError(
        path: path, reason: error.reason, missing: error.missing)
    }
  }

  /// The header and the offset at which it ends.
  private static func headerText(
    of data: Data
  ) throws(NumPyHeader.Fault) -> (String, Int) {
    let start = data.startIndex
    guard !data.starts(with: partialMagic) else {
      throw .init("it is not whole: some of its shards are missing")
    }
    guard data.starts(with: magic) else {
      throw .init("it is not a .npy file: it does not begin with \\x93NUMPY")
    }
    guard data.count >= 8 else {
      throw .init("it is truncated", missing: 8 - data.count)
    }
    let version = (data[start + 6], data[start + 7])
    guard (1...3).contains(version.0), version.1 == 0 else {
      throw .init(
        "its format version is \(version.0).\(version.1); 1.0, 2.0 "
          + "and 3.0 can be read")
    }
    let lengthBytes = version.0 == 1 ? 2 : 4
    let headerStart = 8 + lengthBytes
    guard data.count >= headerStart else {
      throw .init("it is truncated", missing: headerStart - data.count)
    }
    var length = 0
    for index in (8..<headerStart).reversed() {
      length = length << 8 | Int(data[start + index])
    }
    let rest = data.count - headerStart
    guard rest >= length else {
      throw .init(
        "it is truncated: its header has \(length) bytes, the file \(rest) "
          + "after the length", missing: length - rest)
    }
    let bytes = data[start + headerStart..<start + headerStart + length]
    guard let text = String(bytes: bytes, encoding: .utf8) else {
      throw .init("its header is not text")
    }
    return (text, headerStart + length)
  }

  private func checkSize() throws(NumPyHeader.Fault) {
    let needed = try payloadSize
    guard payload.count == needed else {
      let isShort = payload.count < needed
      throw .init(
        "it is \(isShort ? "truncated" : "oversized"): shape \(shape) of "
          + "\(typeDescriptor) needs \(needed) bytes, it has \(payload.count)",
        missing: isShort ? needed - payload.count : nil)
    }
  }

  /// The bytes that the shape needs.
  private var payloadSize: Int {
    get throws(NumPyHeader.Fault) {
      var count = try itemSize
      for size in shape where size != 0 {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow else { throw .init("its shape \(shape) is too large") }
        count = product
      }
      return shape.contains(0) ? 0 : count
    }
  }
}

// MARK: - Types

extension NumPyFile {
  /// The type without its byte order. NumPy writes `<` on a little-endian
  /// machine, and `|` for bytes without an order; `=` is the native one.
  private var bareType: Substring? {
    guard let order = typeDescriptor.first, "<=|".contains(order) else {
      return nil
    }
    return typeDescriptor.dropFirst()
  }

  private var itemSize: Int {
    get throws(NumPyHeader.Fault) {
      switch bareType {
      case "f2", "u2", "V2": 2
      case "f4": 4
      case "f8": 8
      default:
        throw .init(
          "its type is \(typeDescriptor); <f2, <f4, <f8 and, for "
            + "bfloat16, <u2 or <V2 can be read")
      }
    }
  }

  /// The type of the scalars.
  ///
  /// - Parameter declared: the type that the user said, or `nil`.
  package func scalarType(declared: ScalarType?) throws(NumPyError)
    -> ScalarType
  {
    let stored: ScalarType =
      switch bareType {
      case "f2": .float16
      case "f4": .float32
      case "f8": .float64
      default: .bfloat16
      }
    switch (stored, declared) {
    case (.bfloat16, nil):
      throw NumPyError(
        path: path,
        reason: "its type is \(typeDescriptor), which needs --dtype bfloat16")
    case (_, let declared?) where declared != stored:
      throw NumPyError(
        path: path,
        reason: "its type is \(typeDescriptor), which --dtype "
          + "\(declared.rawValue) contradicts")
    default: return stored
    }
  }

  /// The scalars, of the type that ``scalarType(declared:)`` says.
  ///
  /// - Parameter images: a part of the first dimension; all of it if `nil`.
  package func scalars<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, images: Range<Int>? = nil
  ) -> [Scalar] {
    let image = payload.count / max(1, shape.first ?? 1)
    let bytes =
      images.map { $0.lowerBound * image..<$0.upperBound * image }
      ?? 0..<payload.count
    let part = payload.dropFirst(bytes.lowerBound).prefix(bytes.count)
    let count = bytes.count / MemoryLayout<Scalar>.stride
    return Array(unsafeUninitializedCapacity: count) { buffer, filled in
      // The file does not align its numbers.
      _ = part.copyBytes(to: UnsafeMutableRawBufferPointer(buffer))
      filled = count
    }
  }
}

// MARK: - Writing

extension NumPyFile {
  /// What a file of version 1.0 begins with.
  package static func encodedHeader(
    typeDescriptor: String, shape: [Int]
  ) -> Data {
    let sizes =
      shape.map { "\($0)" }.joined(separator: ", ")
      + (shape.count == 1 ? "," : "")
    var text =
      "{'descr': '\(typeDescriptor)', 'fortran_order': False, "
      + "'shape': (\(sizes)), }"
    // Spaces and a line break up to a multiple of 64, so that the numbers are
    // aligned in a mapped file.
    let preamble = magic.count + 4
    let end = (preamble + text.utf8.count + 1 + 63) / 64 * 64
    let padding = end - preamble - text.utf8.count - 1
    text += String(repeating: " ", count: padding) + "\n"
    let length = UInt16(text.utf8.count)
    return Data(magic) + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)]
      + Data(text.utf8)
  }
}

/// Why a .npy file cannot be read or written.
package struct NumPyError: Error, Equatable, CustomStringConvertible {
  package let path: String
  package let reason: String
  /// Of a file that is too short: how many bytes more it needs, as far as its
  /// beginning tells.
  package let missing: Int?

  package init(path: String, reason: String, missing: Int? = nil) {
    self.path = path
    self.reason = reason
    self.missing = missing
  }

  package var description: String { "\(path): \(reason)" }
}
