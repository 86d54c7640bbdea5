import Foundation
import Testing

/// Problems come from the command line, from sets and from files, of any size.
@Suite struct ProblemSourceTests {
  @Test func benchFromEverySource() throws {
    let folder = try TemporaryFolder()
    let list = folder.path("list.txt")
    try "# a comment\n\nmb1ic1ih1oc1kh1nfirst # more\n\(quickProblem)\n"
      .write(toFile: list, atomically: true, encoding: .utf8)
    let output = folder.path("rows.json")
    let run = try Run([
      "bench", "mb1ic2ih3oc9kh2nmine", "--file", list, "--min-time", "0",
      "--dtype", "f32,bf16", "--layout", "nhwc,nchw", "--threads", "1",
      "--algorithm", "auto,groups", "--format", "json", "--output", output,
    ])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.isEmpty)
    let rows = try jsonRows(String(contentsOfFile: output, encoding: .utf8))
    #expect(rows.count == 48)
    #expect(Set(rows.map { $0["name"] as? String }) == ["mine", "first", "p"])
    #expect(
      Set(rows.map { $0["status"] as? String }) == ["ok", "unsupported"])
  }

  /// What is listed is complete, and reads back as itself.
  @Test func list() throws {
    let folder = try TemporaryFolder()
    let run = try Run(["list", "mb1ic2ih4oc3kh3ph1", "--set", "headline"])
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n").map(String.init)
    #expect(lines.count == 27)
    #expect(
      lines[0] == "mb1ic2ih4iw4oc3oh4ow4kh3kw3sh1sw1dh0dw0ph1pw1")
    #expect(lines[1].hasSuffix("n\"resnet50_conv1\""))
    let file = folder.path("list.txt")
    try run.output.write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try Run(["list", "--file", file]).output == run.output)
    let headline = try Run(["list"])
    #expect(headline.output == lines.dropFirst().joined(separator: "\n") + "\n")
  }

  @Test func problemsWithoutWork() throws {
    let run = try Run([
      "bench", "mb0ic2ih3oc2kh2", "mb1ic2ih3oc0kh2", "--min-time", "0",
    ])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("geometric means: "))
  }

  @Test func problemsBeyondMemory() throws {
    let run = try Run(["bench", "mb1000000ic1024ih100oc4kh1"])
    #expect(run.status == 0)
    #expect(run.output.contains("do not fit into memory"))
  }
}
