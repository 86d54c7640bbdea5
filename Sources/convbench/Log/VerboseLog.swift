import ConvolutionTestSupport
import Convolutions
import Foundation

/// How often a log has a problem, and the times it gives.
struct LoggedCalls: Equatable, Sendable {
  var count = 0
  /// The least of a call, in milliseconds.
  var least: Double?
  /// Of all calls, in milliseconds.
  var total: Double?

  fileprivate mutating func add(_ milliseconds: Double?) {
    count += 1
    guard let milliseconds else { return }
    least = min(least ?? .infinity, milliseconds)
    total = (total ?? 0) + milliseconds
  }
}

/// The distinct convolutions of a log, in the order of their first calls.
struct VerboseLog {
  struct Problem {
    let problem: ProblemDescriptor
    let operation: ConvolutionOperation
    let type: ScalarType
    let layout: DataFormat?
    var calls = LoggedCalls()
  }

  /// Calls that cannot be run again, of one reason.
  struct Skipped: Equatable {
    let reason: String
    /// Of the first of them.
    let line: Int
    var count = 0
  }

  private(set) var problems: [Problem] = []
  private(set) var skipped: [Skipped] = []
  /// Executions of other primitives, by name.
  private(set) var ignored: [String: Int] = [:]

  /// What tells problems apart.
  private struct Key: Hashable {
    let descriptor: String
    let operation: ConvolutionOperation
    let type: ScalarType
    let layout: DataFormat?
  }

  init(_ data: Data) {
    var places: [Key: Int] = [:]
    var reasons: [String: Int] = [:]
    let lines = data.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      var text = String(decoding: bytes, as: UTF8.self)
      if text.hasSuffix("\r") { text.removeLast() }
      guard let line = VerboseLine(text) else { continue }
      guard line.isConvolution else {
        ignored[line.primitive, default: 0] += 1
        continue
      }
      do {
        let call = try line.call()
        let key = Key(
          descriptor: call.problem.shortDescriptor, operation: call.operation,
          type: call.type, layout: call.layout)
        let place = places[key] ?? problems.endIndex
        if place == problems.endIndex {
          places[key] = place
          problems.append(
            Problem(
              problem: call.problem, operation: call.operation,
              type: call.type, layout: call.layout))
        }
        problems[place].calls.add(call.milliseconds)
      } catch {
        let reason = "\(line.primitive): \(error)"
        let place = reasons[reason] ?? skipped.endIndex
        if place == skipped.endIndex {
          reasons[reason] = place
          skipped.append(Skipped(reason: reason, line: index + 1))
        }
        skipped[place].count += 1
      }
    }
  }

  /// - Parameter path: `-` is standard input.
  /// - Throws: `Failure` if it cannot be read or there is nothing to run again.
  static func read(_ path: String) throws -> VerboseLog {
    let log = VerboseLog(try InputFile.contents(path))
    log.remarks(path).forEach(printError)
    guard !log.problems.isEmpty else {
      throw Failure.failed("\(path): there is no convolution to run again")
    }
    return log
  }

  private static let mostRemarks = 20

  /// What was left out, a line each.
  func remarks(_ path: String) -> [String] {
    var lines = skipped.prefix(Self.mostRemarks).map {
      "convbench: \(path):\($0.line): skipped \(calls($0.count)): \($0.reason)"
    }
    let rest = skipped.dropFirst(Self.mostRemarks)
    if !rest.isEmpty {
      lines.append(
        "convbench: \(path): skipped \(calls(rest.map(\.count).reduce(0, +)))"
          + " for \(rest.count) more reasons")
    }
    if !ignored.isEmpty {
      let counts = ignored.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        .map { "\($0.key) \($0.value)" }
      lines.append(
        "convbench: \(path): other primitives: "
          + counts.prefix(Self.mostRemarks).joined(separator: ", "))
    }
    return lines
  }

  private func calls(_ count: Int) -> String {
    "\(count) call\(count == 1 ? "" : "s")"
  }
}

extension VerboseLog.Problem {
  /// The problem under the number of its calls.
  var named: ProblemDescriptor {
    var named = problem
    named.name = "\(calls.count)x"
    return named
  }
}
