import Foundation

/// The program that turns a report into a page for a browser: Python modules
/// with matplotlib, in the folder `ReportPage`.
///
/// The executable contains their text, so that it may be moved, and runs them
/// from a temporary folder.
final class ReportPage {
  private static let modules: [(name: String, text: [UInt8])] = [
    ("__main__.py", PackageResources.__main___py),
    ("drawing.py", PackageResources.drawing_py),
    ("layers.py", PackageResources.layers_py),
    ("page.py", PackageResources.page_py),
    ("results.py", PackageResources.results_py),
    ("roofline.py", PackageResources.roofline_py),
  ]

  /// The program's exit status where another Python may be able to do it.
  private static let unsuitable: Int32 = 3

  private let folder: URL
  private let python: String
  private let peers: [String]

  /// Finds a Python that can do it.
  ///
  /// - Parameter peers: a file of `scripts/peers.py`.
  /// - Throws: `Failure` if there is none, or the file is of no use.
  init(peers: String?) throws {
    self.peers = peers.map { ["--peers", $0] } ?? []
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("convbench-report-\(UUID().uuidString)")
    do {
      try FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: true)
      for module in Self.modules {
        try Data(module.text).write(
          to: folder.appendingPathComponent(module.name))
      }
    } catch {
      try? FileManager.default.removeItem(at: folder)
      throw Failure.failed("cannot write \(folder.path)")
    }
    do {
      python = try Self.suitablePython(folder, ["--check"] + self.peers)
    } catch {
      try? FileManager.default.removeItem(at: folder)
      throw error
    }
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  /// The page of results in JSON.
  func page(of json: String) throws -> Data {
    let results = folder.appendingPathComponent("results.json")
    let page = folder.appendingPathComponent("page.html")
    do {
      try Data(json.utf8).write(to: results)
    } catch {
      throw Failure.failed("cannot write \(results.path)")
    }
    let run = Self.run(
      python, folder, [results.path, "--output", page.path] + peers)
    guard run.status == 0, let data = try? Data(contentsOf: page) else {
      throw Failure.failed(run.message)
    }
    return data
  }

  /// `CONVOLUTIONS_PYTHON`, or the first in the path or of the system.
  private static func suitablePython(
    _ folder: URL, _ arguments: [String]
  ) throws -> String {
    let named = ProcessInfo.processInfo.environment["CONVOLUTIONS_PYTHON"]
    var reasons: [String] = []
    for python in named.map({ [$0] }) ?? ["python3", "/usr/bin/python3"] {
      let run = run(python, folder, arguments)
      switch run.status {
      case 0: return python
      // `env` has 126 and 127 for what it cannot run.
      case unsuitable, 126, 127: reasons.append("\(python): \(run.message)")
      default: throw Failure.failed(run.message)
      }
    }
    throw Failure.failed(
      "'--report' needs Python with matplotlib, which scripts/setup.sh --report "
        + "installs; CONVOLUTIONS_PYTHON names another Python ("
        + reasons.joined(separator: "; ") + ")")
  }

  /// - Returns: the exit status, and the last line of what was said.
  private static func run(
    _ python: String, _ folder: URL, _ arguments: [String]
  ) -> (status: Int32, message: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, "-B", folder.path] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    let errors = Pipe()
    process.standardError = errors
    do {
      try process.run()
    } catch {
      return (127, "it cannot be run")
    }
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let line =
      String(decoding: said, as: UTF8.self).split(separator: "\n").last ?? ""
    let isKilled = process.terminationReason == .uncaughtSignal
    return (
      isKilled ? 1 : process.terminationStatus,
      line.isEmpty ? "it ended early" : String(line.trimmingPrefix("report: "))
    )
  }
}
