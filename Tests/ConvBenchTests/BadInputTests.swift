import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

@testable import convbench

/// A text that is no problem descriptor: a row of `bad_descriptors.json`.
struct BadDescriptor: Decodable, Sendable, CustomStringConvertible {
  var text: String
  /// Bottom and right.
  var padAfter: [Int]?
  var message: String

  var description: String { text }

  static let all: [BadDescriptor] = rows("bad_descriptors")
}

/// Bytes that are no .npy file, or not of the type said: a row of
/// `bad_files.json`.
struct BadFile: Decodable, Sendable, CustomStringConvertible {
  var `case`: String
  /// The whole file, in hexadecimal.
  var bytes: String?
  /// The text of the header of a file that is right otherwise.
  var header: String?
  /// Bytes behind the header, 4 if missing.
  var payload: Int?
  var declared: String?
  var message: String

  var description: String { `case` }

  static let all: [BadFile] = rows("bad_files")

  var data: Data {
    if let bytes { return Data(FuzzCorpus(bytes)!.inputs.flatMap(\.bytes)) }
    let header = Data(header!.utf8)
    return Data([0x93]) + Data("NUMPY".utf8) + [1, 0]
      + [UInt8(header.count & 0xFF), UInt8(header.count >> 8)] + header
      + Data(count: payload ?? 4)
  }
}

/// A command line of `convbench apply` that cannot be run: a row of
/// `bad_command_lines.json`.
struct BadCommandLine: Decodable, Sendable, CustomStringConvertible {
  var `case`: String
  /// Options that differ from those of a line that works; `null` takes one
  /// away. In braces the names of files.
  var options: [String: String?]
  var status: Int32
  /// A part of what is said.
  var message: String

  var description: String { `case` }

  static let all: [BadCommandLine] = rows("bad_command_lines")
}

private func rows<Row: Decodable>(_ name: String) -> [Row] {
  let file = Bundle.module.url(forResource: name, withExtension: "json")!
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  return try! decoder.decode([Row].self, from: Data(contentsOf: file))
}

@Suite struct BadInputTests {
  @Test func tablesAreWhole() {
    #expect(BadDescriptor.all.count >= 70)
    #expect(
      Set(BadDescriptor.all.map { "\($0.text) \($0.message)" }).count
        == BadDescriptor.all.count)
    #expect(BadFile.all.count >= 95)
    #expect(Set(BadFile.all.map(\.data)).count >= 95)
    #expect(BadCommandLine.all.count >= 60)
    #expect(
      Set(BadCommandLine.all.map(\.options)).count == BadCommandLine.all.count)
  }

  @Test(arguments: BadDescriptor.all)
  func descriptor(_ row: BadDescriptor) {
    let error = #expect(throws: DescriptorError.self) {
      try ProblemDescriptor(
        row.text, padAfter: row.padAfter.map { ($0[0], $0[1]) })
    }
    #expect(error.map { "\($0)" } == row.message)
  }

  @Test(arguments: BadFile.all)
  func file(_ row: BadFile) {
    let error = #expect(throws: NumPyError.self) {
      let file = try NumPyFile(path: "some.npy", data: row.data)
      // A good file: then it is the type.
      _ = try file.scalarType(
        declared: row.declared.flatMap { ScalarType(rawValue: $0) })
    }
    #expect(error.map { "\($0)" } == row.message)
  }

  @Test(arguments: BadCommandLine.all)
  func commandLine(_ row: BadCommandLine) throws {
    let small = try SmallProblem()
    var files = [
      "filter": small.filter, "dy": small.outBackprop, "dx": small.result,
      "folder": small.folder.url.path,
    ]
    for (name, shape) in [("wide", [1, 2, 2, 1]), ("flat", [2, 2, 1])] {
      files[name] = small.folder.path("\(name).npy")
      try NumPyFile.write(
        Tensor(shape: shape, repeating: 1 as Float), typeDescriptor: "<f4",
        path: files[name]!)
    }
    files["double"] = small.folder.path("double.npy")
    try NumPyFile.write(
      Tensor(shape: [1, 1, 2, 1], repeating: 1.0), typeDescriptor: "<f8",
      path: files["double"]!)
    files["text"] = small.folder.path("text")
    try Data("hello".utf8).write(to: URL(fileURLWithPath: files["text"]!))
    files["none"] = small.folder.path("none")
    // A result that is there already stays.
    try Data("precious".utf8).write(to: URL(fileURLWithPath: small.result))
    let contents = try small.folder.contents()

    func resolve(_ text: String) -> String {
      files.reduce(text) {
        $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value)
      }
    }
    var options: [String: String?] = [
      "input-sizes": "1,2,3,1", "filter": "{filter}", "out-backprop": "{dy}",
      "output": "{dx}", "padding": "VALID",
    ]
    options.merge(row.options) { $1 }
    let given = options.compactMapValues { $0.map(resolve) }
    // The message names the files that were given.
    files["filter"] = given["filter"] ?? files["filter"]
    files["dy"] = given["out-backprop"] ?? files["dy"]

    let (status, words) = ConvBench.outcome(
      ["apply"] + given.map { "--\($0.key)=\($0.value)" })
    #expect(status == row.status)
    #expect(words.contains(resolve(row.message)), "\(words)")
    #expect(try small.folder.contents() == contents)
    #expect(
      try String(contentsOfFile: small.result, encoding: .utf8) == "precious")
  }
}

extension ConvBench {
  /// What a command line comes to, in this process.
  static func outcome(_ arguments: [String]) -> (Int32, String) {
    do {
      var command = try command(arguments)
      try command.run()
      return (0, "")
    } catch let failure as Failure {
      return (failure.status, failure.message)
    } catch {
      let isUsage = exitCode(for: error) == .validationFailure
      return (isUsage ? Failure.usageStatus : 1, fullMessage(for: error))
    }
  }
}
