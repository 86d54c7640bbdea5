import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

@testable import convbench

/// A folder that goes when its owner does.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory
      .appendingPathComponent("convbench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  func path(_ name: String) -> String {
    url.appendingPathComponent(name).path
  }

  func contents() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
  }
}

extension NumPyFile {
  static func write<Scalar: ConvolutionScalar>(
    _ tensor: Tensor<Scalar>, typeDescriptor: String, path: String
  ) throws {
    try OutputFile(path: path).write(
      tensor.scalars, shape: tensor.shape, typeDescriptor: typeDescriptor)
  }
}

/// A problem that takes next to no time, and its name.
let quickProblem = "mb1ic2ih4oc3kh3ph1n\"p\""

/// The files of a small problem: `mb1ic1ih2iw3oc1kh2kw2`.
struct SmallProblem {
  let folder: TemporaryFolder
  let filter: String
  let outBackprop: String
  /// Where the result goes; no file yet.
  let result: String

  init() throws {
    folder = try TemporaryFolder()
    filter = folder.path("filter.npy")
    outBackprop = folder.path("dy.npy")
    result = folder.path("dx.npy")
    try NumPyFile.write(
      Tensor(shape: [2, 2, 1, 1], scalars: [1, 2, 3, 4] as [Float]),
      typeDescriptor: "<f4", path: filter)
    try NumPyFile.write(
      Tensor(shape: [1, 1, 2, 1], scalars: [1, 10] as [Float]),
      typeDescriptor: "<f4", path: outBackprop)
  }
}

/// An object in JSON.
func jsonObject(_ text: some StringProtocol) throws -> [String: Any] {
  try #require(
    JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
}

/// The rows of a report in JSON.
func jsonRows(_ report: String) throws -> [[String: Any]] {
  try #require(jsonObject(report)["rows"] as? [[String: Any]])
}

/// What a run of the executable gave.
struct Run {
  let status: Int32
  let output: String
  let errors: String

  /// Runs the executable that was built beside the tests.
  init(
    _ arguments: [String], environment: [String: String] = [:],
    input: String = ""
  ) throws {
    // Files instead of pipes: nobody has to empty them meanwhile.
    let folder = try TemporaryFolder()
    let paths = (folder.path("output"), folder.path("errors"))
    let inputPath = folder.path("input")
    for (path, text) in [(paths.0, ""), (paths.1, ""), (inputPath, input)] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }
    let process = Process()
    process.executableURL = Self.productsFolder.appendingPathComponent(
      "convbench")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      environment, uniquingKeysWith: { $1 })
    process.standardInput = FileHandle(forReadingAtPath: inputPath)
    process.standardOutput = FileHandle(forWritingAtPath: paths.0)
    process.standardError = FileHandle(forWritingAtPath: paths.1)
    try process.run()
    process.waitUntilExit()
    status = process.terminationStatus
    output = try String(contentsOfFile: paths.0, encoding: .utf8)
    errors = try String(contentsOfFile: paths.1, encoding: .utf8)
  }

  private static var productsFolder: URL {
    #if os(macOS)
      Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }!.bundleURL
        .deletingLastPathComponent()
    #else
      Bundle.main.bundleURL
    #endif
  }
}
