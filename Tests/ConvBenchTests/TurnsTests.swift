import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

@testable import convbench

/// The side of `convbench` that a driver talks to.
@Suite struct TurnsTests {
  private let folder: TemporaryFolder
  private let filter: String
  private let outBackprop: String
  private let result: String

  init() throws {
    let problem = try SmallProblem()
    folder = problem.folder
    filter = problem.filter
    outBackprop = problem.outBackprop
    result = problem.result
  }

  private func load(
    _ problem: String = "mb1ic1ih2iw3oc1kh2kw2", dtype: String = "f32",
    filter: String? = nil
  ) -> String {
    """
    {"op": "load", "problem": "\(problem)", "dtype": "\(dtype)", \
    "filter": "\(filter ?? self.filter)", "out_backprop": "\(outBackprop)", \
    "result": "\(result)"}
    """
  }

  /// The replies to lines of requests, one each.
  private func replies(
    to requests: [String], _ arguments: [String] = []
  ) throws -> [[String: Any]] {
    let run = try Run(
      ["turns", "--threads", "1"] + arguments,
      input: requests.joined(separator: "\n") + "\n")
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == requests.count)
    return try lines.map { try jsonObject($0) }
  }

  @Test func loadsTimesAndDrops() throws {
    let replies = try replies(
      to: [
        load(), #"{"op": "time", "milliseconds": 2}"#, #"{"op": "time"}"#,
        #"{"op": "drop"}"#, #"{"op": "time"}"#,
      ], ["--algorithm", "column"])
    #expect(
      replies.map { $0["ok"] as? Bool } == [true, true, true, true, false])
    #expect(replies[0]["algorithm"] as? String == "column")
    #expect(replies[0]["workspace_bytes"] is Int)
    #expect(replies[0]["prepare_ms"] is Double)
    #expect(replies[0]["warm_ms"] is Double)
    #expect((replies[1]["calls"] as? Int ?? 0) > 1)
    #expect((replies[1]["best_ms"] as? Double ?? -1) > 0)
    #expect(replies[2]["calls"] as? Int == 1)
    #expect(replies[4]["reason"] as? String == "no problem is loaded")

    let written = try NumPyFile(path: result)
    #expect(written.shape == [1, 2, 3, 1])
    #expect(written.scalars(Float.self) == [1, 12, 20, 3, 34, 40])
  }

  /// Files and result in the order of the layout, in the type declared.
  @Test func takesTypeAndLayout() throws {
    let taps: [BFloat16] = [1.0, 2.0, 3.0, 4.0]
    let gradient: [BFloat16] = [1.0, 10.0]
    let expected: [BFloat16] = [1.0, 12.0, 20.0, 3.0, 34.0, 40.0]
    try NumPyFile.write(
      Tensor(shape: [2, 2, 1, 1], scalars: taps), typeDescriptor: "<u2",
      path: filter)
    try NumPyFile.write(
      Tensor(shape: [1, 1, 1, 2], scalars: gradient), typeDescriptor: "<u2",
      path: outBackprop)
    let replies = try replies(to: [load(dtype: "bf16")], ["--layout", "nchw"])
    #expect(replies[0]["ok"] as? Bool == true)
    let written = try NumPyFile(path: result)
    #expect(written.shape == [1, 1, 2, 3])
    #expect(written.scalars(BFloat16.self) == expected)
  }

  /// Whatever is wrong is a reply, and the next request is served.
  @Test func survivesBadRequests() throws {
    let bad = [
      "", "nonsense", "{}", #"{"op": "dance"}"#, #"{"op": "load"}"#,
      #"{"op": "time", "milliseconds": "long"}"#, load("nonsense"),
      load(dtype: "f33"), load(dtype: "f64"), load("mb1ic1ih9oc1kh2"),
      load("mb1ic1ih2iw3oc1kh1kw1"), load(filter: folder.path("none")),
      load("mb1ic1ih900000000iw900000000oc1oh1ow2kh2kw2sh900000000sw900000000"),
      // The answers go there.
      load().replacingOccurrences(of: result, with: "-"),
    ]
    let replies = try replies(to: bad + [load()])
    for (request, reply) in zip(bad, replies) {
      #expect(reply["ok"] as? Bool == false, "\(request)")
      #expect((reply["reason"] as? String)?.isEmpty == false, "\(request)")
    }
    #expect(replies.last?["ok"] as? Bool == true)
    try NumPyFile.write(
      Tensor<Float>(shape: [2, 2, 1, 9], repeating: 1), typeDescriptor: "<f4",
      path: filter)
    try NumPyFile.write(
      Tensor<Float>(shape: [1, 1, 2, 9], repeating: 1), typeDescriptor: "<f4",
      path: outBackprop)
    let refused = try self.replies(
      to: [load("mb1ic1ih2iw3oc9kh2kw2")], ["--algorithm", "groups"])
    #expect(refused[0]["ok"] as? Bool == false)
    #expect(
      (refused[0]["reason"] as? String)?.contains("8 channels") == true)
  }
}
