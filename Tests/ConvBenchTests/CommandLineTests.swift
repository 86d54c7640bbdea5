import Testing

/// The executable prints what its users ask for.
@Suite struct CommandLineTests {
  /// Users' commands come first, developers' under a heading of their own.
  @Test func helpSetsDevelopersCommandsApart() throws {
    let parts = try Run(["--help"]).output.split(separator: "SUBCOMMANDS:\n")
    try #require(parts.count == 3)
    let names = parts.dropFirst().map { part in
      part.split(separator: "\n\n")[0].split(separator: "\n")
        .filter { !$0.hasPrefix("   ") }
        .map { $0.split(separator: " ")[0] }
    }
    #expect(
      names == [
        ["bench", "verify", "apply", "explain", "list", "env"],
        [
          "choose", "products", "tune", "burst", "turns", "hashes", "planning",
        ],
      ])
    #expect(parts[1].hasSuffix("\n\nDEVELOPER "))
  }

  @Test func explain() throws {
    let problem = "mb1ic2ih4oc9kh3ph1"
    let run = try Run(["explain", problem, "--layout", "nchw"])
    #expect(run.status == 0)
    #expect(run.output.contains("mb1ic2ih4iw4oc9oh4ow4kh3kw3"))
    #expect(run.output.contains("groups: no, "))
    let served = try Run(["explain", problem, "--algorithm", "groups"])
    #expect(served.status == 1)
  }

  @Test func verify() throws {
    let many = try Run([
      "verify", "--suite", "exact", "--cases", "40", "--seed", "3",
      "--dtype", "f32,bf16", "--algorithm", "direct", "--op",
      "input-gradient,forward", "--served",
    ])
    #expect(many.status == 0, "\(many.output)")
    let tables = many.output.split(separator: "\n").filter {
      $0.hasPrefix("algorithm ") || $0.hasPrefix("direct ")
    }
    #expect(tables.count == 4, "\(many.output)")
    #expect(tables.first?.contains("NHWC f32") == true)
    let last = many.output.split(separator: "\n").last
    #expect(last?.hasPrefix("tests:80 ") == true)
    let one = try Run([
      "verify", "--suite", "exact", "--op", "BWD_D", "--problem",
      "mb1ic2ih5oc3oh2kh3sh2ph0", "--padding-after",
      "0,0", "--dtype", "f32", "--layout", "nchw", "--algorithm", "column",
      "--threads", "2", "--workspace-limit", "1000000", "--seed", "7",
    ])
    #expect(one.status == 0, "\(one.output)\(one.errors)")
    #expect(one.output.contains("tests:1 passed:1 "))
    #expect(!one.output.contains("served"))
  }
}
