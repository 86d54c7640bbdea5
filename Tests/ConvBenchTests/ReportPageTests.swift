import Foundation
import Testing

@testable import convbench

/// `convbench bench --report` makes a page for a browser, or says why not.
@Suite struct ReportPageTests {
  /// `scripts/report_test.py` looks at the page.
  @Test(.enabled(if: (try? ReportPage(peers: nil)) != nil))
  func pageForABrowser() throws {
    let folder = try TemporaryFolder()
    let page = folder.path("page.html")
    let run = try Run([
      "bench", "mb1ic2ih4oc3kh3ph1n\"<a>&\"", "--min-time", "0", "--report",
      page,
    ])
    #expect(run.status == 0, "\(run.errors)")
    let text = try String(contentsOfFile: page, encoding: .utf8)
    #expect(text.hasPrefix("<!DOCTYPE html>"))
    #expect(text.contains("&lt;a&gt;&amp;"))
    #expect(!text.contains("<a>") && !text.contains("http"))
    // A file of other libraries' times that is none.
    let refused = try Run([
      "bench", quickProblem, "--report", folder.path("other.html"), "--peers",
      page,
    ])
    #expect(refused.status == 1 && refused.output.isEmpty)
    #expect(refused.errors.contains("page.html: it is not JSON"))
    #expect(try folder.contents() == ["page.html"])
  }

  /// What a page needs is looked for before anything is measured.
  @Test func pageThatCannotBeMade() throws {
    let folder = try TemporaryFolder()
    for (page, python, words) in [
      ("none/page.html", "python3", "cannot be written"),
      ("page.html", "/none", "needs Python with matplotlib"),
      ("page.html", "false", "it ended early"),
    ] {
      let run = try Run(
        ["bench", quickProblem, "--report", folder.path(page)],
        environment: ["CONVOLUTIONS_PYTHON": python])
      #expect(run.status == 1 && run.output.isEmpty)
      #expect(run.errors.contains(words), "\(run.errors)")
      #expect(run.errors.split(separator: "\n").count == 1)
    }
    #expect(try folder.contents().isEmpty)
    let peers = try Run(["bench", quickProblem, "--peers", "x"])
    #expect(peers.status == 2)
  }
}
