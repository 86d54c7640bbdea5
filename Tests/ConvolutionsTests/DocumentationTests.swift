import ConvolutionTestSupport
import Foundation
import Testing

/// The Swift of the README and the documentation pages stands in
/// `DocumentationExamples.swift`, line by line, or in the landing page's manifest,
/// which `scripts/docs.sh` reads; the files that they name are there.
@Suite("The documentation shows what is tested, and names what is there")
struct DocumentationTests {
  @Test func examplesAreThePages() throws {
    let examples = code(
      try Page("Tests/ConvolutionsTests/DocumentationExamples.swift").text)
    let pages = try Page.all()
    let manifest = try #require(
      pages.flatMap { $0.blocks("swift") }.first {
        $0.hasPrefix("// swift-tools-version")
      })
    let sources = [examples, code(manifest)]
    var count = 0
    for page in pages {
      for block in page.blocks("swift") {
        let lines = code(block)
        #expect(
          sources.contains { $0.contains(lines) },
          "\(page.path) has Swift that no test compiles:\n\(block)")
        count += 1
      }
    }
    #expect(count > 20)
  }

  @Test func everyPageIsFound() throws {
    let paths = try Page.all().map(\.path)
    #expect(paths.contains("README.md"))
    #expect(paths.contains { $0.hasSuffix("/Convolutions.md") })
    #expect(paths.count >= 11)
  }

  /// A path from the package's folder on, in any text of the package.
  @Test func namedFilesExist() throws {
    // What a reader's own program has, and what scripts make.
    let made: Set = [
      "Sources/Hello", "Sources/Hello/main.swift",
      "Sources/Convolutions/Planted.swift", "scripts/faults/results.tsv",
    ]
    let path = #/\b(?:scripts|Sources|Tests|Modules)/[\w./+*-]+/#
    var count = 0
    for file in try files() {
      guard let page = try? Page(file) else { continue }
      for line in page.text.split(separator: "\n") where line.contains("/") {
        for match in line.matches(of: path) {
          var name = match.output
          while name.hasSuffix(".") { name.removeLast() }
          if name.contains("*") || made.contains(String(name)) { continue }
          #expect(
            FileManager.default.fileExists(atPath: Page.root + name),
            "\(file) names \(name)")
          count += 1
        }
      }
    }
    #expect(count > 100)
  }

  /// Links from page to page are relative.
  @Test func linkedFilesExist() throws {
    var count = 0
    for page in try Page.all() {
      let folder = (Page.root + page.path as NSString).deletingLastPathComponent
      for match in page.text.matches(of: #/[^!]\[[^\]]+\]\(([\w./-]+)\)/#) {
        #expect(
          FileManager.default.fileExists(atPath: "\(folder)/\(match.output.1)"),
          "\(page.path) links to \(match.output.1)")
        count += 1
      }
    }
    #expect(count > 10)
  }

  @Test func everyScriptIsListed() throws {
    let listed = try Page("scripts/README.md").text.split(separator: "\n")
      .compactMap { $0.firstMatch(of: #/^\| `([\w.-]+?)/?` \|/#)?.output.1 }
    let scripts = try FileManager.default.contentsOfDirectory(
      atPath: Page.root + "scripts")
    #expect(
      listed.map(String.init).sorted()
        == scripts.filter { $0 != "README.md" && $0 != "__pycache__" }.sorted())
  }

  /// The package's own texts, from its folder on.
  private func files() throws -> [String] {
    let folders = ["Sources", "Tests", "Modules", "scripts", ".ci"]
    return try ["README.md", "Package.swift"]
      + folders.flatMap { folder in
        try FileManager.default.subpathsOfDirectory(
          atPath: Page.root + folder
        ).map { "\(folder)/\($0)" }.filter {
          ["swift", "c", "h", "md", "sh", "py", "txt", "", "toml"].contains(
            ($0 as NSString).pathExtension)
        }
      }
  }

  /// Lines without indentation and imports.
  private func code(_ text: String) -> [Substring] {
    text.split(separator: "\n").map { $0.drop { $0 == " " } }
      .filter { !$0.isEmpty && !$0.hasPrefix("import ") }
  }
}
