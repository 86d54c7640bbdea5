import Foundation
import Testing

/// The exit status is 0 where all is well, 1 for files that cannot be used, 2
/// for wrong command lines; what is wrong is said on standard error.
@Suite struct ExitStatusTests {
  @Test(arguments: [
    ["--bogus"], ["bench", "nonsense"], ["bench", "--set", "nonsense"],
    ["bench", "--dtype", "f33"], ["bench", "--layout", "nwhc"],
    ["bench", "--threads", "0"], ["bench", "--threads", "1,,2"],
    ["bench", "--min-time", "-1"], ["bench", "--min-time", "nan"],
    ["bench", "--format", "xml"], ["bench", "--algorithm", "magic"],
    ["bench", "--workspace-limit", "-1"],
    ["verify", "--suite", "nonsense"], ["verify", "--cases", "0"],
    ["verify", "--threads", "2"], ["verify", "--problem", "ic"],
    ["explain"], ["explain", "nonsense"], ["env", "more"],
    ["list", "nonsense"], ["list", "--set", "nonsense"],
    ["turns", "--threads", "0"],
    ["apply"],
    [
      "apply", "--input-sizes", "1,1,1", "--filter", "f", "--out-backprop",
      "d", "--output", "o", "--padding", "SAME",
    ],
    [
      "apply", "--input-sizes", "1,1,1,1", "--filter", "f", "--out-backprop",
      "d", "--output", "o", "--padding", "0,0,1",
    ],
    [
      "apply", "--input-sizes", "1,1,1,1", "--filter", "f", "--filters", "f",
      "--out-backprop", "d", "--output", "o", "--padding", "SAME",
    ],
  ])
  func wrongCommandLine(arguments: [String]) throws {
    let run = try Run(arguments)
    #expect(run.status == 2)
    #expect(run.output.isEmpty)
    #expect(!run.errors.isEmpty)
  }

  @Test(arguments: ["--help", "--version"])
  func asksForHelp(flag: String) throws {
    let run = try Run([flag])
    #expect(run.status == 0)
    #expect(!run.output.isEmpty)
    #expect(run.errors.isEmpty)
  }

  @Test func fileProblems() throws {
    let folder = try TemporaryFolder()
    let list = folder.path("list.txt")
    try "ic1ih1oc1kh1\nic1\n".write(
      toFile: list, atomically: true, encoding: .utf8)
    let bad = try Run(["bench", "--file", list])
    #expect(bad.status == 2)
    #expect(bad.errors.contains("list.txt:2: "))
    #expect(try Run(["bench", "--file", folder.path("none")]).status == 1)
    #expect(
      try Run(["bench", quickProblem, "--output", folder.path("none/x")])
        .status == 1)
  }
}
