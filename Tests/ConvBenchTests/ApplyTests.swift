import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

@testable import convbench

/// `convbench apply` writes the whole result or nothing.
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
