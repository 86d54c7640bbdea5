/// An algorithm bound to a map and an element type: independent tasks,
/// each of which writes its own part of the result.
///
/// The shape of a task depends on the problem and the core type alone, never on
/// the number of threads, the workspace limit or the place of an image in the
/// batch: so neither do the bits of the result.
///
/// All pointers are to whole tensors of the map's sizes. A kernel neither
/// validates, allocates nor throws.
protocol TileKernel: Sendable {
  /// Tasks, each safe to run beside any other.
  var taskCount: Int { get }

  /// Scratch memory of one running task, in bytes.
  var workspaceByteCount: Int { get }

  /// The prepared filter, in bytes; 0 where no operand is one.
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

  /// What bounds how rounding errors grow against those of a plain sum of the
  /// largest terms, where terms are mixed.
  var errorGrowth: Double? { get }

  /// Brings one part of the filter into the order the tasks read it in.
  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer)

  /// Computes one part of the result, or of the partial sums.
  func run(task: Int, _ memory: TileMemory)

  /// Bytes of partial sums, which the tasks leave in place of a result; 0 where
  /// they leave none.
  var partialByteCount: Int { get }

  /// Tasks of adding up the partial sums, after all others.
  var finishTaskCount: Int { get }

  /// Adds up one part of the partial sums to the result.
  func finish(task: Int, _ memory: TileMemory)
}

extension TileKernel {
  var filterByteCount: Int { 0 }
  var filterPartCount: Int { 0 }
  var packsOperands: Bool { false }
  var expectedError: Double? { nil }
  var errorGrowth: Double? { nil }
  var partialByteCount: Int { 0 }
  var finishTaskCount: Int { 0 }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {}

  func finish(task: Int, _ memory: TileMemory) {}
}

/// A kernel whose work is compiled for its own type.
///
/// The compiler specialises what a generic kernel does where it sees the type: in
/// this closure, which is made where a plan names it, and not behind
/// `any TileKernel`, whose calls go to code for all types. It is worth a factor of
/// 1.2 to 2; `scripts/specialized.py` sees that none is left out.
struct BoundKernel: Sendable {
  /// What a task does.
  enum Stage {
    /// Prepare a part of a filter, `first`, in the workspace.
    case prepare
    /// Compute a part of the result, or partial sums.
    case run
    /// Add up partial sums.
    case finish
  }

  let kernel: any TileKernel
  let work: @Sendable (_ stage: Stage, _ task: Int, TileMemory) -> Void

  init<Kernel: TileKernel>(_ kernel: Kernel) {
    self.kernel = kernel
    work = { stage, task, memory in
      switch stage {
      case .prepare:
        kernel.prepareFilter(
          part: task, from: memory.first, into: memory.workspace)
      case .run: kernel.run(task: task, memory)
      case .finish: kernel.finish(task: task, memory)
      }
    }
  }

  /// Tasks of a stage.
  func count(_ stage: Stage) -> Int {
    switch stage {
    case .prepare: kernel.filterPartCount
    case .run: kernel.taskCount
    case .finish: kernel.finishTaskCount
    }
  }
}

/// The memory of a call of a kernel.
struct TileMemory {
  /// The prepared filter; to the filter gradient the target of the map.
  let first: UnsafeRawPointer
  let source: StoredPointer
  let result: MutableStoredPointer
  /// Partial sums, which all threads share.
  let partial: UnsafeMutableRawPointer
  /// Scratch memory of the thread.
  var workspace: UnsafeMutableRawPointer

  /// What the filter gradient reads at the target's pixels.
  var target: StoredPointer { StoredPointer(first, source.type) }
}

/// The number of a task taken apart, the part first that varies fastest: tasks
/// that share it follow each other, and find in the caches what they share.
struct TaskIndex {
  /// What is left: the part that varies slowest.
  private(set) var rest: Int

  init(_ task: Int) { rest = task }

  /// The next part, of so many.
  mutating func next(_ count: Int) -> Int {
    defer { rest /= count }
    return rest % count
  }
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
