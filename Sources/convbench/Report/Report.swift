import ArgumentParser
import Foundation

/// How a report is written.
enum ReportFormat: String, NamedArgument, Sendable {
  case table
  case markdown
  case csv
  case json
}

/// The rows of a run and the machine they are from.
struct Report {
  let environment: Environment
  let rows: [BenchRow]
  /// Of the rows' types and numbers of threads, where they were measured.
  var roofs: [Roof] = []

  /// The whole text, with a line break at its end.
  func rendered(_ format: ReportFormat) throws -> String {
    let lines: [String]
    switch format {
    case .table:
      let table = Table(rows)
      lines =
        environment.warningLines + environment.lines
        + ["", table.caption, ""] + table.plain + ["", meansLine(rows)]
    case .markdown:
      let table = Table(rows)
      lines =
        (environment.warning.map { ["> **Warning.** \($0)", ""] } ?? [])
        + environment.items.map { "- \($0.label): \($0.value)" }
        + ["", table.caption, ""] + table.markdown + ["", meansLine(rows)]
    case .csv:
      lines = csvLines
    case .json:
      lines = [try json]
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

// MARK: - CSV

extension Report {
  /// The environment and the means are comments, with a `#`.
  private var csvLines: [String] {
    environment.warningLines.map { "# \($0)" }
      + environment.items.map { "# \($0.key): \($0.value)" }
      + [BenchRow.keys.joined(separator: ",")]
      + rows.map { $0.fields.map(\.value.csv).joined(separator: ",") }
      + ["# \(meansLine(rows))"]
  }
}

extension Field {
  /// As RFC 4180 has it; nothing at all for a missing value.
  fileprivate var csv: String {
    switch self {
    case .missing: return ""
    case .integer(let value): return "\(value)"
    case .number(let value): return "\(value)"
    case .text(let text):
      guard text.contains(where: { ",\"\n\r".contains($0) }) else {
        return text
      }
      return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }
  }
}

// MARK: - JSON

extension Report: Encodable {
  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [
        .prettyPrinted, .sortedKeys, .withoutEscapingSlashes,
      ]
      encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  private struct Key: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init(stringLiteral name: String) { stringValue = name }
    init?(intValue: Int) { nil }
  }

  func encode(to encoder: any Encoder) throws {
    var root = encoder.container(keyedBy: Key.self)
    var facts = root.nestedContainer(
      keyedBy: Key.self, forKey: "environment")
    for item in environment.items {
      try facts.encode(item.value, forKey: Key(stringValue: item.key))
    }
    try facts.encode(environment.warning, forKey: "warning")
    var roofList = root.nestedUnkeyedContainer(forKey: "roofs")
    for roof in roofs {
      var object = roofList.nestedContainer(keyedBy: Key.self)
      try object.encode(roof.type.rawValue, forKey: "dtype")
      try object.encode(roof.threads, forKey: "threads")
      try object.encode(roof.gemmRate / 1e9, forKey: "gemm_gflops")
      try object.encode(roof.bandwidth / 1e9, forKey: "memory_gbytes")
    }
    var list = root.nestedUnkeyedContainer(forKey: "rows")
    for row in rows {
      var object = list.nestedContainer(keyedBy: Key.self)
      for (key, value) in row.fields {
        let key = Key(stringValue: key)
        // A missing value is null: every row has every key.
        switch value {
        case .text(let text): try object.encode(text, forKey: key)
        case .integer(let number): try object.encode(number, forKey: key)
        case .number(let number): try object.encode(number, forKey: key)
        case .missing: try object.encodeNil(forKey: key)
        }
      }
    }
  }
}
