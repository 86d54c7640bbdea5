import Foundation

/// The rows of a run as one page without references to anything else: the
/// machine, bars of the rates, the table.
struct HTMLReport {
  let report: Report

  var text: String {
    let environment = report.environment
    let table = Table(report.rows)
    let warning = environment.warning.map {
      "<p class=\"warning\">\(escaped($0))</p>"
    }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <title>convbench</title>
      <style>
      body { font-family: system-ui, sans-serif; margin: 2em; color: #222; }
      table { border-collapse: collapse; font-size: 85%; }
      th, td { padding: 0.2em 0.6em; border-bottom: 1px solid #ddd;
        text-align: right; }
      .text { text-align: left; }
      .warning { background: #fdd; padding: 1em; }
      .bar { fill: #3b7dd8; } .direct { fill: #bbb; }
      </style>
      </head>
      <body>
      <h1>Input gradients of convolutions</h1>
      \(warning ?? "")
      <ul>
      \(environment.items.map {
        "<li>\(escaped($0.label)): \(escaped($0.value))</li>"
      }.joined(separator: "\n"))
      </ul>
      \(chart)
      <p>\(escaped(table.caption))</p>
      \(self.table(table))
      <p>\(escaped(meansLine(report.rows)))</p>
      </body>
      </html>

      """
  }

  private func table(_ table: Table) -> String {
    func row(_ cells: [String], _ tag: String) -> String {
      "<tr>"
        + zip(cells, table.isText).map { cell, isText in
          "<\(tag)\(isText ? " class=\"text\"" : "")>\(escaped(cell))</\(tag)>"
        }.joined() + "</tr>"
    }
    return "<table>\n" + row(table.titles, "th") + "\n"
      + table.body.map { row($0, "td") }.joined(separator: "\n") + "\n</table>"
  }

  /// Nominal GFLOP/s of the engine over those of the direct kernel, a pair of
  /// bars a row.
  private var chart: String {
    let rows = report.rows.compactMap { row in
      row.gflops.map { (row, $0, $0 / (row.speedup ?? .infinity)) }
    }
    guard let most = rows.map(\.1).max(), most > 0 else { return "" }
    let (height, left, width) = (26, 260, 560.0)
    let bars = rows.enumerated().map { index, entry in
      let (row, engine, direct) = entry
      let y = index * height
      let name = escaped("\(row.name), \(row.threads) thr")
      return """
        <text x="\(left - 8)" y="\(y + 15)" text-anchor="end">\(name)</text>
        <rect class="bar" x="\(left)" y="\(y + 2)" height="12" \
        width="\(String(format: "%.1f", engine / most * width))"/>
        <rect class="direct" x="\(left)" y="\(y + 14)" height="6" \
        width="\(String(format: "%.1f", direct / most * width))"/>
        <text x="\(left + 6 + Int(engine / most * width))" y="\(y + 13)">\
        \(String(format: "%.0f", engine))</text>
        """
    }
    return """
      <p>GFLOP/s of the engine (blue) and of the direct kernel (grey)</p>
      <svg width="900" height="\(rows.count * height)" font-size="12">
      \(bars.joined(separator: "\n"))
      </svg>
      """
  }

  private func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;")
      .replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;")
      .replacingOccurrences(of: "\"", with: "&quot;")
  }
}
