import Convolutions

/// A problem in the notation of oneDNN's benchdnn, such as
/// `mb8ic64ih56oc64oh56kh3ph1n"name"`.
///
/// Missing values of the width copy the height's; the batch defaults to 2,
/// groups and strides to 1, dilation (which counts from 0) to 0. A missing `oh`
/// follows from `ph`, a missing `ph` from `oh`; without both, `ph` is 0. The
/// far pads follow from the sizes.
struct ProblemDescriptor: Equatable, Sendable {
  var name: String?
  var groups: Int
  var batch: Int
  var inputChannels: Int
  var outputChannels: Int
  var vertical: ProblemAxis
  var horizontal: ProblemAxis

  /// Parses a descriptor.
  ///
  /// - Parameter padAfter: the bottom and right pads, where they are not those
  ///   that follow from the sizes.
  init(
    _ text: String, padAfter: (bottom: Int, right: Int)? = nil
  ) throws(DescriptorError) {
    var values: [String: Int] = [:]
    do {
      name = try Self.scan(text, into: &values)
      func required(_ key: String) throws(DescriptorError.Reason) -> Int {
        guard let value = values[key] else { throw .missing(key) }
        return value
      }
      groups = values["g"] ?? 1
      batch = values["mb"] ?? 2
      inputChannels = try required("ic")
      outputChannels = try required("oc")
      guard groups >= 1, inputChannels.isMultiple(of: groups),
        outputChannels.isMultiple(of: groups)
      else {
        throw DescriptorError.Reason.other(
          "ic and oc must be multiples of g, and g at least 1")
      }
      let inputHeight = try required("ih")
      let kernelHeight = try required("kh")
      vertical = try ProblemAxis(
        letter: "h", input: inputHeight, output: values["oh"],
        kernel: kernelHeight, stride: values["sh"] ?? 1,
        dilation: values["dh"] ?? 0, padBefore: values["ph"],
        padAfter: padAfter?.bottom)
      horizontal = try ProblemAxis(
        letter: "w", input: values["iw"] ?? inputHeight,
        output: values["ow"] ?? values["oh"],
        kernel: values["kw"] ?? kernelHeight,
        stride: values["sw"] ?? values["sh"] ?? 1,
        dilation: values["dw"] ?? values["dh"] ?? 0,
        padBefore: values["pw"] ?? values["ph"], padAfter: padAfter?.right)
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
  func geometry(_ dataFormat: DataFormat) throws(Conv2DError) -> Conv2DGeometry
  {
    func sizes(_ channels: Int, _ size: (ProblemAxis) -> Int) -> [Int] {
      dataFormat.order(
        batch: batch, height: size(vertical), width: size(horizontal),
        channels: channels)
    }
    return try Conv2DGeometry(
      inputSizes: sizes(inputChannels, \.input),
      filterSizes: [
        vertical.kernel, horizontal.kernel, inputChannels / groups,
        outputChannels,
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
  var shortDescriptor: String {
    let h = vertical
    let w = horizontal
    func pair(_ letter: String, _ size: (ProblemAxis) -> Int) -> String {
      "\(letter)h\(size(h))"
        + (size(h) == size(w) ? "" : "\(letter)w\(size(w))")
    }
    func pair(
      _ letter: String, unless value: Int, _ size: (ProblemAxis) -> Int
    ) -> String {
      size(h) == value && size(w) == value ? "" : pair(letter, size)
    }
    // The width's pad is written even where it is 0 if the height's is not.
    return (groups > 1 ? "g\(groups)" : "") + "mb\(batch)ic\(inputChannels)"
      + pair("i", \.input) + "oc\(outputChannels)" + pair("o", \.output)
      + pair("k", \.kernel) + pair("s", unless: 1, \.stride)
      + pair("d", unless: 0, { $0.dilation - 1 }) + pair("p", \.padBefore)
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
  ) throws(DescriptorError.Reason) -> String {
    let isQuoted = name.count >= 2 && name.first == "\"" && name.last == "\""
    let bare = isQuoted ? name.dropFirst().dropLast() : name
    guard !bare.isEmpty, !bare.contains("\"") else {
      throw .other("its name must read n\"name\" or nname")
    }
    return String(bare)
  }
}

/// A text that is no problem descriptor.
struct DescriptorError: Error, Equatable, CustomStringConvertible {
  let text: String
  let reason: String

  var description: String { "bad problem '\(text)': \(reason)" }

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
