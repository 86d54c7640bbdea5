import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

/// Products of our own on real data: the same bits on every instruction set with
/// fused multiply-add that this CPU has, on any number of threads.
@Suite struct InstructionSetTests {
  private static let sets = InstructionSet.available.filter { $0 != .baseline }

  @Test(
    .enabled(if: sets.count > 1),
    arguments: ["implicit", "column", "winograd"], [1, 2])
  func sameBits(_ algorithm: String, stride: Int) throws {
    for format in DataFormat.allCases {
      try check(algorithm, format, stride: stride)
    }
  }

  private func check(
    _ algorithm: String, _ format: DataFormat, stride: Int
  ) throws {
    let folder = try TemporaryFolder()
    let isNHWC = format == .nhwc
    let (height, width) = ((10 + stride) / stride, (12 + stride) / stride)
    func write(_ name: String, _ shape: [Int], seed: UInt64) throws {
      let count = shape.reduce(1, *)
      try NumPyFile.write(
        Tensor(
          shape: shape,
          scalars: LayerCheck.randomScalars(
            Float.self, count: count, seed: seed)),
        typeDescriptor: "<f4", path: folder.path(name))
    }
    try write("filter", [3, 3, 40, 24], seed: 1)
    try write(
      "out_backprop",
      isNHWC ? [2, height, width, 24] : [2, 24, height, width], seed: 2)
    let sizes = isNHWC ? "2,11,13,40" : "2,40,11,13"
    var results: [Data] = []
    for set in Self.sets {
      for threads in ["1", "2"] {
        let run = try Run(
          [
            "apply", "--filter", folder.path("filter"), "--out-backprop",
            folder.path("out_backprop"), "--input-sizes", sizes, "--padding",
            "SAME", "--strides",
            isNHWC ? "1,\(stride),\(stride),1" : "1,1,\(stride),\(stride)",
            "--data-format", format.rawValue, "--algorithm",
            algorithm, "--products", "panels", "--threads", threads,
            "--output", folder.path("result"),
          ], environment: ["CONVOLUTIONS_MAX_ISA": set.rawValue])
        #expect(run.status == 0, "\(run.errors)")
        results.append(
          try Data(contentsOf: URL(fileURLWithPath: folder.path("result"))))
      }
    }
    #expect(Set(results).count == 1, "\(algorithm) \(format)")
  }
}
