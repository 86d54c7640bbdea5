import Foundation
import Testing

/// The Swift of the README and the documentation pages stands in
/// `DocumentationExamples.swift`, line by line, or in the landing page's manifest,
/// which `scripts/docs.sh` reads.
@Suite struct DocumentationTests {
  @Test func examplesAreThePages() throws {
    let examples = code(
      try String(
        contentsOf: Page.root.appendingPathComponent(
          "Tests/ConvolutionsTests/DocumentationExamples.swift"),
        encoding: .utf8))
    let pages = try Page.all()
    let manifest = try #require(
      pages.flatMap(\.swiftBlocks).first {
        $0.hasPrefix("// swift-tools-version")
      })
    let sources = [examples, code(manifest)]
    var count = 0
    for page in pages {
      for block in page.swiftBlocks {
        let lines = code(block)
        #expect(
          sources.contains { $0.contains(lines) },
          "\(page.name) has Swift that no test compiles:\n\(block)")
        count += 1
      }
    }
    #expect(count > 20)
  }

  @Test func everyPageIsFound() throws {
    let names = try Page.all().map(\.name)
    #expect(names.contains("README.md") && names.contains("Convolutions.md"))
    #expect(names.count >= 11)
  }

  /// Lines without indentation and imports.
  private func code(_ text: String) -> [Substring] {
    text.split(separator: "\n").map { $0.drop { $0 == " " } }
      .filter { !$0.isEmpty && !$0.hasPrefix("import ") }
  }
}

/// A text of the documentation.
struct Page {
  let name: String
  let text: String

  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The README and the pages of the documentation catalog.
  static func all() throws -> [Page] {
    let catalog = root.appendingPathComponent(
      "Sources/Convolutions/Convolutions.docc")
    let pages = try FileManager.default.contentsOfDirectory(
      at: catalog, includingPropertiesForKeys: nil
    ).filter { $0.pathExtension == "md" }
    return try ([root.appendingPathComponent("README.md")] + pages).map {
      Page(
        name: $0.lastPathComponent,
        text: try String(contentsOf: $0, encoding: .utf8))
    }
  }

  /// What stands between "```swift" and "```".
  var swiftBlocks: [String] {
    text.components(separatedBy: "```swift\n").dropFirst().map {
      $0.components(separatedBy: "\n```")[0]
    }
  }
}
