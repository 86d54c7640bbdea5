import Convolutions

/// A problem in the notation of oneDNN's benchdnn, such as
/// `mb8ic64ih56oc64oh56kh3ph1n"name"`.
///
/// The width copies the height where no letter of the width is given; without
/// a letter of the height there is one dimension, and the height is 1. The
/// batch defaults to 2, groups and strides to 1, dilation (which counts from
/// 0) to 0. A missing `oh` follows from `ph`, a missing `ph` from `oh`; without
/// both, `ph` is 0; `ow` and `pw` likewise. The far pads follow from the sizes.
package struct ProblemDescriptor: Equatable, Sendable {
  package var name: String?
  package var groups: Int
  package var batch: Int
  package var inputChannels: Int
  package var outputChannels: Int
  package var vertical: ProblemAxis
  package var horizontal: ProblemAxis

  /// Parses a descriptor.
  ///
  /// - Parameter padAfter: the bottom and right pads, where they are not those
  ///   that follow from the sizes.
  package init(
    _ text: String, padAfter: (bottom: Int, right: Int)? = nil
  ) throws(DescriptorError) {
    do {
      var values: [String: Int] = [:]
      name = try Self.scan(text, into: &values)
      groups = values["g"] ?? 1
      batch = values["mb"] ?? 2
      inputChannels = try DescriptorError.required("ic", of: values)
      outputChannels = try DescriptorError.required("oc", of: values)
      guard groups >= 1, inputChannels.isMultiple(of: groups),
        outputChannels.isMultiple(of: groups)
      else {
        throw DescriptorError.Reason.other(
          "ic and oc must be multiples of g, and g at least 1")
      }
      let hasHeight = values.keys.contains { $0.hasSuffix("h") }
      let hasWidth = values.keys.contains { $0.hasSuffix("w") }
      if hasWidth, !hasHeight { (values["ih"], values["kh"]) = (1, 1) }
      vertical = try ProblemAxis("h", of: values, padAfter: padAfter?.bottom)
      horizontal = try ProblemAxis(
        hasWidth ? "w" : "h", of: values, padAfter: padAfter?.right)
      // Sizes do not depend on the order of the dimensions.
      _ = try geometry(.nhwc)
    } catch let reason as DescriptorError.Reason {
      throw DescriptorError(text: text, reason: "\(reason)")
    } catch let error as Conv2DError {
      throw DescriptorError(text: text, reason: "\(error)")
    } catch {
      throw DescriptorError(text: text, reason: "\(error)")
    }
  }

  /// The problem in a layout.
  package func geometry(
    _ dataFormat: DataFormat
  ) throws(Conv2DError) -> Conv2DGeometry {
    func sizes(_ channels: Int, _ size: (ProblemAxis) -> Int) -> [Int] {
      dataFormat.order(
        batch: batch, height: size(vertical), width: size(horizontal),
        channels: channels)
    }
    return try Conv2DGeometry(
      inputSizes: sizes(inputChannels, \.input),
      filterSizes: [
        vertical.kernel, horizontal.kernel,
        // Without input channels a filter is still one channel deep.
        max(1, inputChannels / groups), outputChannels,
      ],
      outBackpropSizes: sizes(outputChannels, \.output),
      strides: dataFormat.order(
        batch: 1, height: vertical.stride, width: horizontal.stride,
        channels: 1),
      padding: .explicit(
        top: vertical.padBefore, bottom: vertical.padAfter,
        left: horizontal.padBefore, right: horizontal.padAfter,
        dataFormat: dataFormat),
      dataFormat: dataFormat,
      dilations: dataFormat.order(
        batch: 1, height: vertical.dilation, width: horizontal.dilation,
        channels: 1))
  }

  /// The descriptor without what the defaults say, for narrow tables.
  package var shortDescriptor: String {
    let (h, w) = (vertical.shortTexts("h"), horizontal.shortTexts("w"))
    let isSquare = h == horizontal.shortTexts("h")
    let isOneRow = !isSquare && h == ProblemAxis.one.shortTexts("h")
    let parts = zip(h, w).map { (isOneRow ? "" : $0) + (isSquare ? "" : $1) }
    return (groups > 1 ? "g\(groups)" : "") + "mb\(batch)ic\(inputChannels)"
      + parts[0] + "oc\(outputChannels)" + parts[1...].joined()
  }
}

// MARK: - Parsing

extension ProblemDescriptor {
  private static let keys: Set<String> = [
    "g", "mb", "ic", "ih", "iw", "oc", "oh", "ow", "kh", "kw", "sh", "sw",
    "dh", "dw", "ph", "pw",
  ]

  /// Reads letters and numbers up to the name, which is returned.
  private static func scan(
    _ text: String, into values: inout [String: Int]
  ) throws(DescriptorError.Reason) -> String? {
    var rest = Substring(text)
    while let first = rest.first {
      if first == "_" {
        rest.removeFirst()
        continue
      }
      if first == "n" { return try unquoted(rest.dropFirst()) }
      let letters = take(&rest) { $0.isASCII && $0.isLetter }
      guard keys.contains(letters) else {
        throw .other(
          letters.isEmpty
            ? "'\(first)' where a letter should be"
            : "'\(letters)' is none of its letters")
      }
      let digits = take(&rest) { $0.isASCII && $0.isWholeNumber }
      guard !digits.isEmpty else {
        throw .other("a number must follow '\(letters)'")
      }
      guard let value = Int(digits) else {
        throw .other("\(letters)\(digits) is too large")
      }
      guard values.updateValue(value, forKey: letters) == nil else {
        throw .other("'\(letters)' is given twice")
      }
    }
    return nil
  }

  private static func take(
    _ rest: inout Substring, while condition: (Character) -> Bool
  ) -> String {
    let part = rest.prefix { $0 == "_" || condition($0) }
    rest.removeFirst(part.count)
    return part.filter { $0 != "_" }
  }

  private static func unquoted(
    _ name: Substring
  ) throws(DescriptorError.Reason) -> String? {
    let isQuoted = name.count >= 2 && name.first == "\"" && name.last == "\""
    let bare = isQuoted ? name.dropFirst().dropLast() : name
    guard !bare.contains("\"") else {
      throw .other("its name must read n\"name\" or nname")
    }
    return bare.isEmpty ? nil : String(bare)
  }
}

/// A text that is no problem descriptor.
package struct DescriptorError: Error, Equatable, CustomStringConvertible {
  package let text: String
  package let reason: String

  package var description: String { "bad problem '\(text)': \(reason)" }

  static func required(
    _ key: String, of values: [String: Int]
  ) throws(Reason) -> Int {
    guard let value = values[key] else { throw .missing(key) }
    return value
  }

  enum Reason: Error, CustomStringConvertible {
    case missing(String)
    case other(String)

    var description: String {
      switch self {
      case .missing(let key): "'\(key)' is missing"
      case .other(let text): text
      }
    }
  }
}
