import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

@testable import convbench

@Suite struct ReportTests {
  private static let environment = Environment(
    items: [.init(key: "cpu", label: "CPU", value: "Some \"CPU\"")],
    warning: nil)

  private func row(_ name: String = "a,\"b\"|c") throws -> BenchRow {
    let problem = try ProblemDescriptor("mb1ic2ih8oc4kh3ph1")
    var row = BenchRow(
      name: name, shortProblem: problem.shortDescriptor, type: .float32,
      geometry: try problem.geometry(.nhwc))
    row.threads = 2
    row.algorithm = .column
    row.workspaceByteCount = 2048
    row.timing = Timing([3, 1, 2])
    row.directMinimum = 4
    row.preparation = 0.5
    row.gemmRate = 9216e3
    row.errors = .init(largest: 1e-7, relative: 2e-7)
    row.directErrors = .init(largest: 3e-7, relative: 4e-7)
    return row
  }

  private func unsupported() throws -> BenchRow {
    var row = try row("other")
    row.algorithm = nil
    row.request = .narrowGroups
    row.workspaceByteCount = nil
    row.timing = nil
    row.directMinimum = nil
    row.preparation = nil
    row.gemmRate = nil
    row.errors = nil
    row.directErrors = nil
    row.status = .unsupported
    row.reason = "it is not 1x1"
    return row
  }

  private func rendered(
    _ format: ReportFormat, _ rows: [BenchRow], roofs: [Roof] = []
  ) throws -> String {
    try Report(environment: Self.environment, rows: rows, roofs: roofs)
      .rendered(format)
  }

  @Test func derivedFigures() throws {
    let row = try row()
    // 2 * 64 windows * 9 taps * 2 * 4 operations in a millisecond.
    #expect(row.gflops == 0.009216)
    #expect(row.gemmFraction == 0.5)
    #expect(row.speedup == 4)
    #expect(row.timing?.median == 2)
    #expect(row.timing?.interquartileRange == 1)
  }

  @Test func noWorkDividesByNothing() throws {
    let problem = try ProblemDescriptor("mb0ic2ih8oc4kh3")
    var row = BenchRow(
      name: "", shortProblem: "", type: .float32,
      geometry: try problem.geometry(.nhwc))
    row.timing = Timing([0])
    row.directMinimum = 0
    row.gemmRate = 1
    #expect(row.gflops == nil)
    #expect(row.speedup == nil)
    for format in ReportFormat.allCases {
      #expect(try !rendered(format, [row]).contains("nan"))
    }
    #expect(geometricMean([]) == nil)
    #expect(geometricMean([0]) == nil)
    #expect(meansLine([row]).contains("no speed-up"))
  }

  @Test func json() throws {
    let text = try rendered(.json, [row(), unsupported()])
    let root = try jsonObject(text)
    #expect(Set(root.keys) == ["environment", "roofs", "rows"])
    let facts = try #require(root["environment"] as? [String: Any])
    #expect(facts["cpu"] as? String == "Some \"CPU\"")
    let rows = try #require(root["rows"] as? [[String: Any]])
    #expect(rows.count == 2)
    for row in rows { #expect(Set(row.keys) == Set(BenchRow.keys)) }
    #expect(rows[0]["name"] as? String == "a,\"b\"|c")
    #expect(rows[0]["min_ms"] as? Double == 1)
    #expect(rows[0]["workspace_bytes"] as? Int == 2048)
    #expect(rows[0]["status"] as? String == "ok")
    #expect(rows[1]["status"] as? String == "unsupported")
    #expect(rows[1]["min_ms"] is NSNull)
    #expect(rows[1]["algorithm"] as? String == "groups")
  }

  @Test func roofs() throws {
    let text = try rendered(
      .json, [],
      roofs: [
        Roof(type: .bfloat16, threads: 2, gemmRate: 2.5e11, bandwidth: 4e10)
      ])
    let root = try jsonObject(text)
    let roof = try #require((root["roofs"] as? [[String: Any]])?.first)
    #expect(roof["dtype"] as? String == "bf16")
    #expect(roof["threads"] as? Int == 2)
    #expect(roof["gemm_gflops"] as? Double == 250)
    #expect(roof["memory_gbytes"] as? Double == 40)
  }

  @Test func betterRoofCounts() {
    let fast = Roof(type: .float32, threads: 1, gemmRate: 1e30, bandwidth: 1)
    let roofs = Roof.measure(
      types: [.float32, .float16], threads: [1, 4096], earlier: [fast])
    #expect(roofs.count == 4)
    #expect(roofs.allSatisfy { $0.gemmRate > 0 && $0.bandwidth > 1 })
    #expect(roofs[0].gemmRate == 1e30 && roofs[1].gemmRate < 1e30)
  }

  @Test func infiniteErrorIsStillJSON() throws {
    var row = try row()
    row.errors = .init(largest: .infinity, relative: .infinity)
    #expect(try rendered(.json, [row]).contains("\"inf\""))
  }

  @Test func csv() throws {
    let lines = try rendered(.csv, [row(), unsupported()])
      .split(separator: "\n").map(String.init)
    #expect(lines.first == "# cpu: Some \"CPU\"")
    #expect(lines[1] == BenchRow.keys.joined(separator: ","))
    #expect(
      lines[2].hasPrefix(
        "\"a,\"\"b\"\"|c\",mb1ic2ih8iw8oc4oh8ow8kh3kw3sh1sw1dh0dw0ph1pw1,"
          + "input-gradient,f32,nhwc,2,column,standard,2048,1.0,2.0,1.0,0.5,"
          + "0.009216,0.5,4.0,4.0,1e-07,2e-07,4e-07,ok,,,,,9216.0,1824.0,1.52587890625e-05,auto,auto"
      )
    )
    #expect(
      lines[3].hasSuffix(
        ",,,,,,,,,,,,unsupported,it is not 1x1,,,,9216.0,1824.0,1.52587890625e-05,groups,auto"
      ))
    #expect(lines[4].hasPrefix("# geometric means: "))
  }

  @Test func markdown() throws {
    let lines = try rendered(.markdown, [row(), unsupported()])
      .split(separator: "\n").map(String.init)
    #expect(lines[0] == "- CPU: Some \"CPU\"")
    let table = lines.filter { $0.hasPrefix("|") }
    #expect(table.count == 4)
    #expect(table[1].hasPrefix("| --- | --- | --- | --: |"))
    #expect(
      table[2].hasPrefix("| a,\"b\"\\|c | mb1ic2ih8oc4oh8kh3ph1 | column"))
    #expect(table[3].hasSuffix("| unsupported: it is not 1x1 |"))
    #expect(lines.last == meansLine(try [row(), unsupported()]))
  }

  @Test func tableIsAlignedAndNarrow() throws {
    var other = try row("other")
    other.threads = 1
    let lines = Table([try row(), other]).plain
    #expect(Set(lines.map(\.count)).count == 1)
    #expect(lines[0].contains(" thr "))
    #expect(!lines[0].contains("status"))
    // What all rows share is said once.
    #expect(
      Table([try row(), other]).caption
        .hasPrefix("input-gradient, f32, nhwc, standard accuracy; "))
    #expect(
      Table([try row()]).caption
        .hasPrefix("input-gradient, f32, nhwc, 2 threads, standard accuracy; "))
  }

  @Test func meansOfEachGroup() throws {
    var slower = try row()
    slower.directMinimum = 1
    var double = try row()
    double.type = .float64
    double.accuracy = .tight
    #expect(
      meansLine([try row(), slower, double])
        == "geometric means: f32 nhwc 2 threads auto standard: 2.000x direct, "
        + "50% of GEMM (2 rows); f64 nhwc 2 threads auto tight: 4.000x direct, "
        + "50% of GEMM (1 row)")
  }

  @Test(arguments: [
    ("Haswell", true, "flags : fma avx2 avx512f", true),
    ("Zen", true, "flags\t: avx512f\n", true),
    ("SkylakeX", true, "flags : avx2 avx512f", false),
    ("Cooperlake", true, "flags : avx512f", false),
    ("Haswell", false, "flags : avx512f", false),
    ("Haswell", true, "flags : avx2", false),
  ])
  func pinnedBLAS(core: String, pinned: Bool, cpu: String, warns: Bool) {
    let warning = Environment.warning(
      coreName: core, isPinned: pinned, cpuInfo: cpu)
    #expect((warning != nil) == warns)
    #expect(
      warning?.contains(
        "env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE convbench")
        ?? !warns)
  }

  @Test(arguments: [
    (0, "0"), (0.01234, "0.0123"), (1.23456, "1.235"), (123.456, "123.5"),
    (12345.6, "12346"), (1e-7, "1.0e-07"), (.infinity, "inf"),
  ])
  func readableNumbers(value: Double, text: String) {
    #expect(readable(value) == text)
  }
}
