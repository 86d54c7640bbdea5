import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

@testable import convbench

/// Parts of a batch in one file.
@Suite struct ShardTests {
  @Test func partsAreWholeBatches() {
    for (batch, count) in [(7, 3), (3, 7), (0, 2), (8, 4), (Int.max, 3)] {
      var next = 0
      for index in 0..<count {
        let images = Shard(index: index, count: count).images(of: batch)
        #expect(images.lowerBound == next)
        #expect((batch / count...batch / count + 1).contains(images.count))
        next = images.upperBound
      }
      #expect(next == batch)
    }
  }

  @Test func launchers() {
    func shard(_ environment: [String: String]) -> Shard? {
      Shard(launchedIn: environment)
    }
    let one = Shard(index: 1, count: 4)
    #expect(
      shard(["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"]) == one)
    #expect(
      shard(["SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "4"]) == one)
    #expect(shard(["PMI_RANK": "1", "PMI_SIZE": "4"]) == one)
    #expect(shard(["PMI_RANK": "1"]) == nil)
    // A job's own script, outside of a step.
    #expect(shard(["SLURM_PROCID": "0", "SLURM_NTASKS": "4"]) == nil)
    #expect(shard([:]) == nil)
  }

  /// A problem of five images, and its result from one run.
  private struct Problem {
    let folder: TemporaryFolder
    let arguments: [String]
    let output: String
    let expected: Data

    init(_ operation: String = "input-gradient") throws {
      folder = try TemporaryFolder()
      output = folder.path("y.npy")
      let isForward = operation == "forward"
      let filter = try Self.numbers([3, 3, 4, 6], folder.path("f.npy"))
      let source = try Self.numbers(
        [5, 9, 8, isForward ? 4 : 6], folder.path("x.npy"))
      arguments =
        ["apply", "--op", operation, "--filter", filter, "--padding", "SAME"]
        + (isForward
          ? ["--input", source]
          : ["--out-backprop", source, "--input-sizes", "5,9,8,4"])
      let whole = folder.path("whole.npy")
      let run = try Run(arguments + ["--output", whole])
      expected = try Data(contentsOf: URL(fileURLWithPath: whole))
      #expect(run.status == 0, "\(run.errors)")
    }

    private static func numbers(
      _ shape: [Int], _ path: String
    ) throws -> String {
      let scalars = (0..<shape.reduce(1, *)).map { Float(sin(Double($0) + 1)) }
      try NumPyFile.write(
        Tensor(shape: shape, scalars: scalars), typeDescriptor: "<f4",
        path: path)
      return path
    }

    func run(_ shard: String, _ more: [String] = []) throws -> Run {
      try Run(arguments + ["--output", output, "--shard", shard] + more)
    }

    var exists: Bool { FileManager.default.fileExists(atPath: output) }

    var partialExists: Bool {
      FileManager.default.fileExists(atPath: output + ".partial")
    }

    func expectWhole() throws {
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: output)) == expected)
      #expect(!partialExists)
    }
  }

  @Test(arguments: ["input-gradient", "forward"])
  func anyOrder(_ operation: String) throws {
    let problem = try Problem(operation)
    for shard in ["2/3", "0/3", "0/3"] {
      let run = try problem.run(shard)
      #expect(run.status == 0, "\(run.errors)")
      #expect(!problem.exists && problem.partialExists)
    }
    // Nobody takes it for the result.
    let partial = problem.output + ".partial"
    do {
      _ = try NumPyFile(path: partial)
      Issue.record("a part was read")
    } catch {
      #expect(error.reason.contains("not whole"))
    }
    let last = try problem.run("1/3")
    #expect(last.errors.contains("is whole"), "\(last.errors)")
    try problem.expectWhole()
    // Another run takes its place when it is whole.
    _ = try problem.run("0/2")
    try #expect(
      Data(contentsOf: URL(fileURLWithPath: problem.output))
        == problem.expected)
    #expect(problem.partialExists)
    _ = try problem.run("1/2")
    try problem.expectWhole()
  }

  @Test func moreShardsThanImages() throws {
    let problem = try Problem()
    for index in (0..<7).reversed() {
      let run = try problem.run("\(index)/7")
      #expect(run.status == 0, "\(run.errors)")
      #expect(problem.exists == (index == 0))
    }
    try problem.expectWhole()
  }

  @Test func launchedAndAllAtOnce() async throws {
    let problem = try Problem()
    let arguments = problem.arguments + ["--output", problem.output]
    try await withThrowingTaskGroup(of: Int32.self) { group in
      for index in 0..<4 {
        group.addTask {
          try Run(
            arguments,
            environment: [
              "OMPI_COMM_WORLD_RANK": "\(index)", "OMPI_COMM_WORLD_SIZE": "4",
            ]
          ).status
        }
      }
      for try await status in group { #expect(status == 0) }
    }
    try problem.expectWhole()
  }

  /// Wherever a process ended, its shard can be run again.
  @Test func endedAnywhere() throws {
    let problem = try Problem()
    _ = try problem.run("0/2")
    let partial = URL(fileURLWithPath: problem.output + ".partial")
    let good = try Data(contentsOf: partial)
    let header = good.count - problem.expected.count
    #expect(header > 0)

    // While it wrote numbers: those of the second shard are garbage.
    var garbage = good
    for index in problem.expected.count * 4 / 5..<problem.expected.count - 40 {
      garbage[index] = 0xFF
    }
    // While it made the file: no header, any size.
    let begun = [Data(), Data(count: 100), Data(count: good.count)]
    // While it ended the file.
    var ended = problem.expected + good.suffix(header)
    ended[ended.count - 1] = UInt8(ascii: "+")
    for (data, shards) in [(garbage, ["1/2"]), (ended, ["1/2"])]
      + begun.map({ ($0, ["1/2", "0/2"]) }) + [(problem.expected, ["0/2"])]
    {
      try? FileManager.default.removeItem(atPath: problem.output)
      try data.write(to: partial)
      for shard in shards {
        let run = try problem.run(shard)
        #expect(run.status == 0, "\(run.errors)")
      }
      try problem.expectWhole()
    }
  }

  @Test func filesOfOtherRuns() throws {
    let problem = try Problem()
    _ = try problem.run("0/2")
    let partial = URL(fileURLWithPath: problem.output + ".partial")
    let before = try Data(contentsOf: partial)
    for (shard, more, reason) in [
      ("1/3", [], "another run"), ("1/2", ["--accuracy", "tight"], "another"),
      ("1/2", ["--algorithm", "direct"], "another run"),
    ] {
      let run = try problem.run(shard, more)
      #expect(run.status == 1)
      #expect(run.errors.contains(reason), "\(run.errors)")
      #expect(try Data(contentsOf: partial) == before)
    }
    // Of another shape.
    let other = try Problem("forward")
    try before.write(to: URL(fileURLWithPath: other.output + ".partial"))
    let shape = try other.run("1/2")
    #expect(shape.status == 1)
    #expect(shape.errors.contains("another shape or type"), "\(shape.errors)")
    // Its operands were written anew since.
    let filter = problem.folder.path("f.npy")
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: 5)], ofItemAtPath: filter)
    let late = try problem.run("1/2")
    #expect(late.status == 1)
    #expect(late.errors.contains("another run"), "\(late.errors)")
    #expect(try Data(contentsOf: partial) == before)
    #expect(!problem.exists)
  }

  @Test func shardsThatAreNone() throws {
    let problem = try Problem()
    for shard in ["2/2", "-1/2", "0/0", "3/2", "1", "a/b", "0/-1", ""] {
      let run = try problem.run(shard)
      #expect(run.status == 2, "\(shard): \(run.errors)")
      #expect(run.errors.contains("shard"), "\(run.errors)")
    }
    let gradient = try Run([
      "apply", "--op", "filter-gradient", "--input", "x", "--filter-sizes",
      "1,1,1,1", "--out-backprop", "y", "--padding", "SAME", "--output",
      problem.output, "--shard", "0/2",
    ])
    #expect(gradient.status == 2)
    #expect(gradient.errors.contains("has no shards"), "\(gradient.errors)")
    #expect(!problem.exists && !problem.partialExists)
    // A folder that is not there.
    let nowhere = try Run(
      problem.arguments + [
        "--output", problem.folder.path("none/y.npy"), "--shard", "0/2",
      ])
    #expect(nowhere.status == 1)
    #expect(nowhere.errors.contains("cannot be written"), "\(nowhere.errors)")
  }
}
