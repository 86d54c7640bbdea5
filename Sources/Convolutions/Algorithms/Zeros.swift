/// The result where there is nothing to add up: no windows or no output
/// channels give zeros, no result gives nothing.
struct Zeros<Scalar: StorageScalar>: TileKernel {
  private let byteCount: Int

  /// - Parameter count: scalars of the result.
  init(count: Int) {
    byteCount = count * MemoryLayout<Scalar>.stride
  }

  var taskCount: Int { 1 }
  var workspaceByteCount: Int { 0 }
  var filterByteCount: Int { 0 }
  var filterPartCount: Int { 0 }
  var packsOperands: Bool { false }
  var summary: String { "zeros" }

  func cost(_ model: CostModel) -> Double { model.move(Double(byteCount)) }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {}

  func run(
    task: Int, filter: UnsafeRawPointer, source: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    // All bits zero is +0.0 in every type.
    result.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }
}
