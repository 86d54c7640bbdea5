import Convolutions
import Foundation

/// Rows as text for people: aligned columns or Markdown.
///
/// To keep lines near 150 characters, a setting that is the same in every row
/// is named above the columns, and there is a column for the status only if
/// some row's is not `ok`.
struct Table {
  private struct Column: Sendable {
    let title: String
    var isText = false
    let cell: @Sendable (BenchRow) -> String?
  }

  private static let leading = [
    Column(title: "name", isText: true) { $0.name },
    Column(title: "problem", isText: true) { $0.shortProblem },
  ]

  /// Settings that are the same in most runs, and their words in the caption.
  private static let settings:
    [(column: Column, caption: @Sendable (String) -> String)] = [
      (Column(title: "op", isText: true) { $0.operation.rawValue }, { $0 }),
      (Column(title: "type", isText: true) { $0.type.rawValue }, { $0 }),
      (
        Column(title: "layout", isText: true) {
          $0.geometry.dataFormat.layoutName
        }, { $0 }
      ),
      (
        Column(title: "thr") { "\($0.threads)" },
        { "\($0) thread\($0 == "1" ? "" : "s")" }
      ),
      (
        Column(title: "products", isText: true) { $0.products.rawValue },
        { $0 == ProductProvider.automatic.rawValue ? "" : "products: \($0)" }
      ),
      (
        Column(title: "accuracy", isText: true) { $0.accuracy.rawValue },
        { "\($0) accuracy" }
      ),
    ]

  private static let measured = [
    Column(title: "algorithm", isText: true) {
      ($0.algorithm ?? $0.request).rawValue
    },
    Column(title: "KiB") { $0.workspaceByteCount.map { "\($0 >> 10)" } },
    Column(title: "min ms") { $0.timing.map { readable($0.minimum) } },
    Column(title: "median") { $0.timing.map { readable($0.median) } },
    Column(title: "iqr") {
      $0.timing.map { readable($0.interquartileRange) }
    },
    Column(title: "GFLOP/s") { $0.gflops.map { String(format: "%.1f", $0) } },
    Column(title: "GEMM") { $0.gemmFraction.map(percent) },
    Column(title: "direct") { $0.directMinimum.map(readable) },
    Column(title: "speed-up") {
      $0.speedup.map { String(format: "%.2f", $0) }
    },
    Column(title: "error") {
      $0.errors.map { String(format: "%.1e", $0.relative) }
    },
    Column(title: "largest") {
      $0.errors.map { String(format: "%.1e", $0.largest) }
    },
    Column(title: "running sum") {
      $0.directErrors.map { String(format: "%.1e", $0.relative) }
    },
  ]

  /// The log's best time, where the problems are from a log.
  private static let logged = Column(title: "logged") {
    $0.logged?.least.map(readable)
  }

  private static let status = Column(title: "status", isText: true) { row in
    row.reason.map { "\(row.status.rawValue): \($0)" } ?? row.status.rawValue
  }

  private var columns: [Column]
  private let rows: [BenchRow]
  /// What holds for every row.
  let caption: String

  init(_ rows: [BenchRow]) {
    self.rows = rows
    columns = Self.leading
    var common: [String] = []
    for (column, text) in Self.settings {
      let values = Set(rows.map { column.cell($0) ?? "" })
      if values.count == 1, let value = values.first {
        if !text(value).isEmpty { common.append(text(value)) }
      } else {
        columns.append(column)
      }
    }
    columns += Self.measured
    let isLogged = rows.contains { $0.logged != nil }
    if isLogged { columns.append(Self.logged) }
    if rows.contains(where: { $0.status != .ok }) {
      columns.append(Self.status)
    }
    caption =
      (common.isEmpty ? "" : common.joined(separator: ", ") + "; ")
      + "times in ms, GEMM: share of this machine's GEMM rate, "
      + "direct: the direct kernel's best time, error: against float64, "
      + "relative, the largest over the largest result, and the direct "
      + "kernel's, which is a running sum"
      + (isLogged ? ", logged: the log's best time" : "")
  }

  private func cells(_ row: BenchRow) -> [String] {
    columns.map { $0.cell(row) ?? "-" }
  }

  private var titles: [String] { columns.map(\.title) }

  /// The cells of each row.
  private var body: [[String]] { rows.map(cells) }

  /// Aligned columns under a line of titles.
  var plain: [String] {
    let lines = [titles] + body
    let widths = columns.indices.map { index in
      lines.map { $0[index].count }.max() ?? 0
    }
    return lines.map { line in
      let padded = columns.indices.map { index in
        let space = String(
          repeating: " ", count: widths[index] - line[index].count)
        return columns[index].isText ? line[index] + space : space + line[index]
      }
      // One blank suffices between numbers, which are right-aligned.
      return padded.joined(separator: " ").trimmingSuffix(" ")
    }
  }

  /// A Markdown table.
  var markdown: [String] {
    func line(_ cells: [String]) -> String {
      "| "
        + cells.map { $0.replacingOccurrences(of: "|", with: "\\|") }
        .joined(separator: " | ") + " |"
    }
    return [
      line(titles),
      line(columns.map { $0.isText ? "---" : "--:" }),
    ] + body.map(line)
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self[...]
    while text.last == character { text.removeLast() }
    return String(text)
  }
}
