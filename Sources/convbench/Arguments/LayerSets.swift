import ConvolutionTestSupport
import Convolutions
import Foundation

/// Problems by the name of a set, from a file, or from the command line.
enum LayerSets {
  /// The networks of the headline table; a layer's name begins with its
  /// network's.
  private static let networks = [
    "resnet50", "vgg16", "dcgan", "unet", "deeplab", "inception", "mobilenet",
    "resnext", "fcn", "vit", "deepspeech",
  ]

  /// Problems so small that the overhead of a call shows.
  private static let tiny = [
    "mb1ic1ih1oc1kh1n\"tiny_1x1x1x1\"",
    "mb1ic4ih8oc4kh3ph1n\"tiny_3x3\"",
    "mb1ic4ih8oc4oh4kh3sh2ph1n\"tiny_3x3s2\"",
    "mb1ic4ih8oc4kh3ph2dh1n\"tiny_3x3d2\"",
    "g4mb1ic4ih8oc4kh3ph1n\"tiny_dw\"",
    "mb2ic8ih4oc16kh1n\"tiny_1x1\"",
    "mb1ic3ih8oc8kh2sh2n\"tiny_2x2s2\"",
    "mb1ic16ih5oc16kh5n\"tiny_full\"",
  ]

  static let names =
    ["headline", "tiny"] + networks + NetworkLayers.all.map(\.key)

  /// - Throws: `Failure`, of status 2, if there is no such set.
  static func problems(set name: String) throws -> [ProblemDescriptor] {
    let texts: [String]
    if name == "headline" {
      texts = LayerTable.headline.map(\.text)
    } else if name == "tiny" {
      texts = tiny
    } else if networks.contains(name) {
      texts = LayerTable.headline.filter { $0.name.hasPrefix(name) }.map(\.text)
    } else if let more = NetworkLayers.all.first(where: { $0.key == name }) {
      texts = more.value
    } else {
      throw Failure.usage(
        "there is no set '\(name)'; the sets are "
          + names.joined(separator: ", "))
    }
    return try texts.map(problem)
  }

  /// Reads one descriptor a line; `#` begins a comment. `-` is standard input.
  ///
  /// - Throws: `Failure`, of status 1 if the file cannot be read, 2 if a line
  ///   is wrong.
  static func problems(file path: String) throws -> [ProblemDescriptor] {
    let data = try InputFile.contents(path)
    guard let text = String(bytes: data, encoding: .utf8) else {
      throw Failure.failed("cannot read \(path): it is not text")
    }
    var problems: [ProblemDescriptor] = []
    for (index, line) in text.split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline
    ).enumerated() {
      let content = line.prefix { $0 != "#" }
        .trimmingCharacters(in: .whitespaces)
      if content.isEmpty { continue }
      do {
        problems.append(try ProblemDescriptor(content))
      } catch {
        throw Failure.usage("\(path):\(index + 1): \(error)")
      }
    }
    return problems
  }

  /// - Throws: `Failure`, of status 2, if `text` is no descriptor.
  static func problem(_ text: String) throws -> ProblemDescriptor {
    do {
      return try ProblemDescriptor(text)
    } catch {
      throw Failure.usage("\(error)")
    }
  }
}

extension Layer {
  fileprivate var text: String { "\(descriptor)n\"\(name)\"" }
}
