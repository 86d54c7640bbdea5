import ArgumentParser
import ConvolutionTestSupport
import Testing

@testable import convbench

/// The command lines of the README and the documentation pages are understood.
@Suite struct DocumentationTests {
  @Test func commandLinesAreUnderstood() throws {
    var commands: Set<String> = []
    for page in try Page.all() {
      for block in page.blocks("sh") {
        let lines = block.replacing("\\\n", with: " ").split(separator: "\n")
        for line in lines {
          let words = words(line)
          guard
            let program = words.firstIndex(where: { $0.hasSuffix("convbench") })
          else { continue }
          let arguments = Array(words[(program + 1)...].prefix { $0 != "|" })
          #expect(throws: Never.self, "\(page.path): \(line)") {
            _ = try ConvBench.parseAsRoot(arguments)
          }
          commands.formUnion(arguments.prefix(1))
        }
      }
    }
    #expect(commands.count >= 7, "\(commands)")
  }

  /// The words of a shell's line, of which '…' is one.
  private func words(_ line: Substring) -> [String] {
    line.split(separator: "'", omittingEmptySubsequences: false).enumerated()
      .flatMap { index, part in
        index % 2 == 1
          ? [String(part)] : part.split(separator: " ").map(String.init)
      }
  }
}
