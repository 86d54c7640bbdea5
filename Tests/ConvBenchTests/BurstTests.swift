import Testing

/// The row that says what a burst of callers leaves behind; its times are of no
/// matter here.
@Suite struct BurstTests {
  @Test func printsTimesBeforeAndAfter() throws {
    let run = try Run(
      [
        "burst", "mb1ic16ih9oc16kh3ph1n\"mine\"", "--callers", "5", "--calls",
        "2", "--samples", "3",
      ])
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n")
    try #require(lines.count == 2)
    #expect(lines[0].contains("2 threads; median ms before"))
    let row = lines[1].split(separator: " ")
    try #require(row.count == 4)
    #expect(row[0] == "mine")
    #expect(row.dropFirst().allSatisfy { Double($0) ?? -1 >= 0 })
  }

  @Test(arguments: [
    ["--callers", "0"], ["--threads", "0"], ["--samples", "0"],
  ])
  func refuses(_ arguments: [String]) throws {
    let run = try Run(["burst"] + arguments)
    #expect(run.status == 2)
    #expect(run.errors.contains("must be at least 1"))
  }
}
