/// An algorithm bound to a map and an element type: independent tasks,
/// each of which writes its own part of the result.
///
/// The shape of a task depends on the problem and the core type alone, never on
/// the number of threads, the workspace limit or the place of an image in the
/// batch: so neither do the bits of the result.
///
/// A kernel is held as `any TileKernel`, where the compiler does not specialise
/// the methods of a generic kernel by itself: `@_specialize` on those that do
/// the work makes it, which is worth a factor of 1.2 to 2.
///
/// All pointers are to whole tensors of the map's sizes. A kernel neither
/// validates, allocates nor throws.
protocol TileKernel: Sendable {
  /// Tasks, each safe to run beside any other.
  var taskCount: Int { get }

  /// Scratch memory of one running task, in bytes.
  var workspaceByteCount: Int { get }

  /// The prepared filter, in bytes.
  var filterByteCount: Int { get }

  /// Independent parts of ``prepareFilter(part:from:into:)``.
  var filterPartCount: Int { get }

  /// Whether products take OpenBLAS's packed path, which has buffers and, for
  /// big products, threads of its own.
  var packsOperands: Bool { get }

  /// How the work is cut, for people.
  var summary: String { get }

  /// What an execution is expected to cost, in nanoseconds on one thread.
  func cost(_ model: CostModel) -> Double

  /// The relative Frobenius error to expect in the compute type, where it is not
  /// that of a plain sum.
  var expectedError: Double? { get }

  /// What adds up partial sums that the tasks leave instead of a result, if they
  /// do: it takes them in place of the filter and of the source.
  var secondStage: (any TileKernel)? { get }

  /// Bytes of the partial sums, which all threads share; 0 without a second
  /// stage.
  var partialByteCount: Int { get }

  /// What bounds how rounding errors grow against those of a plain sum of the
  /// largest terms, where terms are mixed.
  var errorGrowth: Double? { get }

  /// Brings one part of the filter into the order the tasks read it in.
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer)

  /// Computes one part of the result.
  func run(
    task: Int, filter: UnsafeRawPointer, source: UnsafeRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer)
}

extension TileKernel {
  var expectedError: Double? { nil }
  var errorGrowth: Double? { nil }
  var secondStage: (any TileKernel)? { nil }
  var partialByteCount: Int { 0 }
}

extension Range<Int> {
  /// Part `index` of the range when it is cut every `length`.
  func part(_ index: Int, of length: Int) -> Range<Int> {
    let start = lowerBound + index * length
    return start..<Swift.min(start + length, upperBound)
  }

  /// Part `index` of the range when it is cut into `count` even parts.
  func evenPart(_ index: Int, of parts: Int) -> Range<Int> {
    let length = count
    return lowerBound + length * index / parts..<lowerBound + length
      * (index + 1) / parts
  }

  /// Part `index` of the range when it is cut every `length`; empty behind its
  /// end.
  func partOrEmpty(_ index: Int, of length: Int) -> Range<Int> {
    let start = Swift.min(lowerBound + index * length, upperBound)
    return start..<Swift.min(start + length, upperBound)
  }
}
