internal import FoundationEssentials

/// A text of the documentation.
package struct Page {
  /// The file, from the package's folder on.
  package let path: String
  package let text: String

  /// The package's folder, with a slash behind it.
  package static let root = String(
    #filePath.dropLast("Sources/ConvolutionTestSupport/Page.swift".count))

  package init(_ path: String) throws {
    self.path = path
    text = try String(contentsOfFile: Self.root + path, encoding: .utf8)
  }

  /// The README and the pages of the documentation catalog.
  package static func all() throws -> [Page] {
    let catalog = "Sources/Convolutions/Convolutions.docc"
    let files = try FileManager.default.contentsOfDirectory(
      atPath: root + catalog)
    let pages = files.filter { $0.hasSuffix(".md") }.map { "\(catalog)/\($0)" }
    return try (["README.md"] + pages.sorted()).map { try Page($0) }
  }

  /// What stands between "```", with a language behind it, and "```".
  package func blocks(_ language: String) -> [String] {
    var blocks: [String] = []
    var lines: [Substring]?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line == "```\(language)" {
        lines = []
      } else if line == "```", let block = lines {
        blocks.append(block.joined(separator: "\n"))
        lines = nil
      } else {
        lines?.append(line)
      }
    }
    return blocks
  }
}
