internal import CConvolutionKernels
internal import Synchronization

/// The tasks of one call of a kernel, and who takes the next.
///
/// Threads take a task as they become free, so which thread runs a task is
/// open; tasks write disjoint results, so the outcome is not.
struct KernelCall: ~Copyable, @unchecked Sendable {
  private let kernel: BoundKernel
  private let stage: BoundKernel.Stage
  private let memory: TileMemory
  private let workspacePerThread: Int
  private let count: Int
  private let next = Atomic(0)

  init(
    _ kernel: BoundKernel, _ stage: BoundKernel.Stage, _ memory: TileMemory,
    workspacePerThread: Int = 0
  ) {
    self.kernel = kernel
    self.stage = stage
    self.memory = memory
    self.workspacePerThread = workspacePerThread
    count = kernel.count(stage)
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
    var memory = memory
    memory.workspace += thread * workspacePerThread
    let packs = kernel.kernel.packsOperands && stage == .run
    while true {
      let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard task < count else {
        conv_finish_streams()
        return
      }
      if packs { SingleThreadedBLAS.shared.beginTask() }
      kernel.work(stage, task, memory)
      if packs { SingleThreadedBLAS.shared.endTask() }
    }
  }
}
