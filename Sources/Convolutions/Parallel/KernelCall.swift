internal import CConvolutionKernels
internal import Synchronization

/// The tasks of one call of a kernel, and who takes the next.
///
/// Threads take a task as they become free, so which thread runs a task is
/// open; tasks write disjoint results, so the outcome is not.
struct KernelCall: ~Copyable, @unchecked Sendable {
  let kernel: any TileKernel
  let filter: UnsafeRawPointer
  /// `nil` to prepare the filter instead of computing the result.
  let source: UnsafeRawPointer?
  /// The result, or the prepared filter.
  let destination: UnsafeMutableRawPointer
  let workspace: UnsafeMutableRawPointer
  let workspacePerThread: Int
  private let count: Int
  private let next = Atomic(0)

  /// The computation of a result.
  init(
    _ kernel: any TileKernel, filter: UnsafeRawPointer,
    source: UnsafeRawPointer, result: UnsafeMutableRawPointer,
    workspace: UnsafeMutableRawPointer, workspacePerThread: Int
  ) {
    self.kernel = kernel
    self.filter = filter
    self.source = source
    destination = result
    self.workspace = workspace
    self.workspacePerThread = workspacePerThread
    count = kernel.taskCount
  }

  /// The preparation of a filter.
  init(
    _ kernel: any TileKernel, preparing filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {
    self.kernel = kernel
    self.filter = filter
    source = nil
    destination = prepared
    workspace = prepared
    workspacePerThread = 0
    count = kernel.filterPartCount
  }

  /// Runs on up to `threads` threads, of which the caller's is one.
  func run(threads: Int) {
    if min(threads, count) <= 1 {
      work(thread: 0)
    } else {
      WorkerPool.shared.run(self, threads: min(threads, count))
    }
  }

  /// Takes tasks until none is left.
  func work(thread: Int) {
    let packs = kernel.packsOperands && source != nil
    let workspace = workspace + thread * workspacePerThread
    while true {
      let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard task < count else {
        conv_finish_streams()
        return
      }
      guard let source else {
        kernel.prepareFilter(part: task, from: filter, into: destination)
        continue
      }
      if packs { SingleThreadedBLAS.shared.beginTask() }
      kernel.run(
        task: task, filter: filter, source: source,
        result: destination, workspace: workspace)
      if packs { SingleThreadedBLAS.shared.endTask() }
    }
  }
}
