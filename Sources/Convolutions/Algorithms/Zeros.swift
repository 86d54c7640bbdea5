/// The result where there is nothing to add up: no windows or no output
/// channels give zeros, no result gives nothing.
struct Zeros: TileKernel {
  /// Scalars of the result.
  let count: Int

  var taskCount: Int { 1 }
  var workspaceByteCount: Int { 0 }
  var summary: String { "zeros" }

  func cost(_ model: CostModel) -> Double { model.move(Double(count)) }

  func run(task: Int, _ memory: TileMemory) {
    memory.result.clear(count: count)
  }
}
