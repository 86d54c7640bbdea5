import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

@testable import convbench

/// The executable as its users meet it.
@Suite struct CommandLineTests {
  private static let problem = "mb1ic2ih4oc3kh3ph1n\"p\""

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

  @Test func environment() throws {
    let run = try Run(["env"], environment: ["OPENBLAS_L2_SIZE": "1234"])
    #expect(run.status == 0)
    #expect(run.output.contains(BLASRuntime.coreName))
    #expect(run.output.contains("1234"))
  }

  /// Asked for no better instruction set than one, kernels are of that one or of
  /// the best that the CPU has.
  @Test(arguments: InstructionSet.allCases)
  func instructionSet(_ most: InstructionSet) throws {
    let run = try Run(
      ["env"], environment: ["CONVOLUTIONS_MAX_ISA": most.rawValue])
    #expect(run.status == 0)
    let order = InstructionSet.allCases
    let taken = InstructionSet.available.first {
      order.firstIndex(of: $0)! >= order.firstIndex(of: most)!
    }!
    #expect(
      run.output.split(separator: "\n").contains {
        $0.hasPrefix("instruction set ") && $0.hasSuffix(" \(taken)")
      })
    #expect(
      run.errors.contains("CONVOLUTIONS_MAX_ISA keeps the kernels to \(taken)")
        == (taken != InstructionSet.available[0]))
  }

  /// One line, and the best that there is.
  @Test func unknownInstructionSet() throws {
    let run = try Run(["env"], environment: ["CONVOLUTIONS_MAX_ISA": "sse9"])
    #expect(run.status == 0)
    // A warning of a pinned OpenBLAS may follow.
    #expect(
      run.errors.hasPrefix(
        "CONVOLUTIONS_MAX_ISA is 'sse9', none of avx512, avx2 and baseline: it "
          + "is ignored\n"))
    #expect(
      run.output.split(separator: "\n").contains {
        $0.hasPrefix("instruction set ")
          && $0.hasSuffix(" \(InstructionSet.available[0])")
      })
  }

  /// The library's own line a call, in the field order of oneDNN's.
  @Test(arguments: [
    ("input-gradient", "backward_data"), ("forward", "forward_training"),
    ("filter-gradient", "backward_weights"),
  ])
  func verboseLines(_ operation: String, _ propagation: String) throws {
    let arguments = [
      "bench", Self.problem, "--op", operation, "--min-time", "0",
      "--threads", "1",
    ]
    let silent = try Run(arguments)
    #expect(!silent.output.contains("convolutions_verbose"))
    let run = try Run(arguments, environment: ["CONVOLUTIONS_VERBOSE": "1"])
    #expect(run.status == 0)
    let lines = run.output.split(separator: "\n")
      .filter { $0.hasPrefix("convolutions_verbose,") }
    #expect(lines.count >= 8)
    for line in lines {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      #expect(fields.count == 12)
      #expect(fields[2] == "exec")
      #expect(fields[6] == propagation)
      #expect(fields[10].hasPrefix("mb1ic2ih4iw4oc3oh4ow4kh3kw3"))
      #expect((Double(fields[11]) ?? -1) > 0)
    }
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

  @Test func benchFromEverySource() throws {
    let folder = try TemporaryFolder()
    let list = folder.path("list.txt")
    try "# a comment\n\nmb1ic1ih1oc1kh1nfirst # more\n\(Self.problem)\n"
      .write(toFile: list, atomically: true, encoding: .utf8)
    let output = folder.path("rows.json")
    let run = try Run([
      "bench", "mb1ic2ih3oc9kh2nmine", "--file", list, "--min-time", "0",
      "--dtype", "f32,bf16", "--layout", "nhwc,nchw", "--threads", "1",
      "--algorithm", "auto,groups", "--format", "json", "--output", output,
    ])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.isEmpty)
    let root = try #require(
      JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: output)))
        as? [String: Any])
    let rows = try #require(root["rows"] as? [[String: Any]])
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
      "bench", Self.problem, "--report", folder.path("other.html"), "--peers",
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
        ["bench", Self.problem, "--report", folder.path(page)],
        environment: ["CONVOLUTIONS_PYTHON": python])
      #expect(run.status == 1 && run.output.isEmpty)
      #expect(run.errors.contains(words), "\(run.errors)")
      #expect(run.errors.split(separator: "\n").count == 1)
    }
    #expect(try folder.contents().isEmpty)
    let peers = try Run(["bench", Self.problem, "--peers", "x"])
    #expect(peers.status == 2)
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
      try Run(["bench", Self.problem, "--output", folder.path("none/x")])
        .status == 1)
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

// MARK: - apply

@Suite struct ApplyTests {
  private let folder: TemporaryFolder
  private let filter: String
  private let outBackprop: String
  private let output: String

  init() throws {
    let problem = try SmallProblem()
    folder = problem.folder
    filter = problem.filter
    outBackprop = problem.outBackprop
    output = problem.result
  }

  private func apply(
    _ sizes: String, filterOption: String = "--filter", _ more: [String] = []
  ) throws -> Run {
    try Run(
      [
        "apply", "--input-sizes", sizes, filterOption, filter,
        "--out-backprop", outBackprop, "--output", output, "--padding", "VALID",
      ] + more)
  }

  @Test func writesTheGradient() throws {
    for run in [
      try apply("1,2,3,1"), try apply("2,3"),
      try apply("1,2,3,1", filterOption: "--filters"),
      try apply("2,3", ["--dtype", "float32", "--algorithm", "column"]),
    ] {
      #expect(run.status == 0, "\(run.errors)")
      let result = try NumPyFile(path: output)
      #expect(result.shape == [1, 2, 3, 1])
      #expect(result.scalars(Float.self) == [1, 12, 20, 3, 34, 40])
    }
    #expect(try folder.contents() == ["dx.npy", "dy.npy", "filter.npy"])
  }

  @Test func otherOperations() throws {
    let input = folder.path("x.npy")
    try NumPyFile.write(
      Tensor(shape: [1, 2, 3, 1], scalars: [1, 2, 3, 4, 5, 6] as [Float]),
      typeDescriptor: "<f4", path: input)
    let common = ["apply", "--padding", "VALID", "--output", output]
    let forward = try Run(
      common + ["--op", "forward", "--input", input, "--filter", filter])
    #expect(forward.status == 0, "\(forward.errors)")
    let y = try NumPyFile(path: output)
    #expect(y.shape == [1, 1, 2, 1])
    #expect(y.scalars(Float.self) == [37, 47])
    let gradient = try Run(
      common + [
        "--op", "filter-gradient", "--input", input, "--filter-sizes",
        "2,2,1,1", "--out-backprop", outBackprop,
      ])
    #expect(gradient.status == 0, "\(gradient.errors)")
    let dw = try NumPyFile(path: output)
    #expect(dw.shape == [2, 2, 1, 1])
    #expect(dw.scalars(Float.self) == [21, 32, 54, 65])
    // Operands and sizes of another operation.
    for (words, message) in [
      (["--op", "forward", "--filter", filter], "'--input' is missing."),
      (
        [
          "--op", "forward", "--filter", filter, "--input", input,
          "--out-backprop", outBackprop,
        ], "'--out-backprop' is no operand of forward."
      ),
      (
        [
          "--op", "forward", "--filter", filter, "--input", input,
          "--input-sizes", "2,3",
        ], "'--input-sizes' goes with input-gradient only."
      ),
      (
        [
          "--op", "filter-gradient", "--input", input, "--out-backprop",
          outBackprop,
        ], "'--filter-sizes' is missing."
      ),
      (
        [
          "--op", "filter-gradient", "--input", input, "--out-backprop",
          outBackprop, "--filter-sizes", "2,2",
        ], "'--filter-sizes' takes 4 numbers."
      ),
    ] {
      let run = try Run(common + words)
      #expect(run.status == 2)
      #expect(run.errors.contains(message), "\(run.errors)")
    }
  }

  @Test func leavesNothingBehindOnFailure() throws {
    // Sizes that disagree.
    let sizes = try apply("1,9,9,1")
    #expect(sizes.status == 1)
    #expect(sizes.errors.contains("Size of out_backprop doesn't match"))
    #expect(sizes.errors.contains(outBackprop))
    // Types that differ.
    try NumPyFile.write(
      Tensor(shape: [1, 1, 2, 1], scalars: [1, 10] as [Double]),
      typeDescriptor: "<f8", path: outBackprop)
    let types = try apply("1,2,3,1")
    #expect(types.status == 1)
    #expect(types.errors.contains("dy.npy: its type is <f8"))
    // A file cut short.
    let whole = try Data(contentsOf: URL(fileURLWithPath: filter))
    try whole.dropLast().write(to: URL(fileURLWithPath: filter))
    let truncated = try apply("1,2,3,1")
    #expect(truncated.status == 1)
    #expect(truncated.errors.contains("filter.npy: it is truncated"))
    #expect(try folder.contents() == ["dy.npy", "filter.npy"])
  }

  @Test func keepsAnOutputThatIsThere() throws {
    try "precious".write(toFile: output, atomically: true, encoding: .utf8)
    #expect(try apply("1,9,9,1").status == 1)
    #expect(try String(contentsOfFile: output, encoding: .utf8) == "precious")
  }

  @Test func outputThatCannotBeWritten() throws {
    try FileManager.default.createDirectory(
      atPath: output, withIntermediateDirectories: false)
    #expect(try apply("1,2,3,1").status == 1)
    #expect(try folder.contents() == ["dx.npy", "dy.npy", "filter.npy"])
  }
}
