import ConvolutionTestSupport
import Foundation
import Testing

/// `convbench bench --from-verbose`.
@Suite struct FromVerboseTests {
  private let folder: TemporaryFolder
  private let log: String

  init() throws {
    folder = try TemporaryFolder()
    log = folder.path("run.log")
  }

  /// What the library prints of a run is run again as it was.
  @Test func ownLogComesBack() throws {
    let problems = [
      "mb1ic2ih4oc3kh3ph1", "g2mb1ic4ih9iw7oc6kh2kw3sh2sw2dh0dw1ph1pw1",
      // Pixels at the far end that no window reaches.
      "mb1ic1ih9oc1oh4kh2sh2ph0",
    ]
    let first = try Run(
      ["bench"] + problems + [
        "--op", "forward,input-gradient,filter-gradient", "--layout",
        "nhwc,nchw", "--dtype", "bf16", "--threads", "1", "--min-time", "0",
        "--accuracy", "standard",
      ], environment: ["CONVOLUTIONS_VERBOSE": "1"])
    #expect(first.status == 0, "\(first.errors)")
    let again = try Run(
      [
        "bench", "--from-verbose", "-", "--threads", "1", "--min-time", "0",
        "--accuracy", "standard", "--format", "json",
      ], input: first.output)
    #expect(again.status == 0, "\(again.errors)")
    #expect(!again.errors.contains("skipped"))
    let rows = try jsonRows(again.output)
    // Both have every combination once, in the same order.
    let combinations = try problems.flatMap { problem in
      let descriptor = try ProblemDescriptor(problem).geometry(.nhwc).descriptor
      return ["forward", "input-gradient", "filter-gradient"].flatMap { op in
        ["nhwc", "nchw"].map { "\(descriptor) \(op) bf16 \($0)" }
      }
    }
    #expect(
      rows.map { row in
        ["problem", "op", "dtype", "layout"].map { row[$0] as? String ?? "" }
          .joined(separator: " ")
      } == combinations)
    for row in rows {
      let calls = try #require(row["calls"] as? Int)
      let least = try #require(row["logged_min_ms"] as? Double)
      let total = try #require(row["logged_total_ms"] as? Double)
      #expect(calls >= 8 && row["name"] as? String == "\(calls)x")
      #expect(least > 0 && total >= least * Double(calls) * 0.99)
    }
  }

  @Test func optionsTakeTheLogsPlace() throws {
    let line =
      "onednn_verbose,primitive,exec,cpu,convolution,jit,backward_weights,"
      + "src_bf16::blocked:aBcd16b::f0 wei_bf16::blocked:any::f0 "
      + "dst_bf16::blocked:aBcd16b::f0,,alg:convolution_direct,"
      + "mb1ic2ih3oc4kh2,0.5"
    let run = try Run(
      [
        "bench", "--from-verbose", "-", "--op", "forward", "--dtype", "f64",
        "--layout", "nchw", "--min-time", "0", "--format", "json",
        "--accuracy", "standard",
      ], input: line)
    let row = try #require(try jsonRows(run.output).first)
    #expect(row["op"] as? String == "forward")
    #expect(row["dtype"] as? String == "f64")
    #expect(row["layout"] as? String == "nchw")
    #expect(row["calls"] as? Int == 1)
    let asLogged = try Run(
      ["bench", "--from-verbose", "-", "--min-time", "0"], input: line)
    #expect(asLogged.status == 0, "\(asLogged.errors)")
    #expect(asLogged.output.contains("filter-gradient, bf16, nhwc, "))
    #expect(asLogged.output.contains("logged: the log's best time"))
  }

  @Test func nothingToRun() throws {
    try "Epoch 1\n".write(toFile: log, atomically: true, encoding: .utf8)
    let empty = try Run(["bench", "--from-verbose", log])
    #expect(empty.status == 1 && empty.output.isEmpty)
    #expect(
      empty.errors
        == "convbench: \(log): there is no convolution to run again\n")
    let missing = try Run(["bench", "--from-verbose", folder.path("none")])
    #expect(missing.status == 1)
    #expect(missing.errors.contains("cannot read"))
    for more in [["mb1ic1ih1oc1kh1"], ["--set", "tiny"], ["--file", log]] {
      let run = try Run(["bench", "--from-verbose", log] + more)
      #expect(run.status == 2)
      #expect(run.errors.contains("takes the place of other problems"))
    }
  }
}
