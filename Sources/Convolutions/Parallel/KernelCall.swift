internal import CConvolutionKernels
internal import Synchronization

/// The tasks of one call of a kernel, and who takes the next.
///
/// Threads take a task as they become free, so which thread runs a task is
/// open; tasks write disjoint results, so the outcome is not.
struct KernelCall: ~Copyable, @unchecked Sendable {
  /// What the tasks do.
  enum Stage {
    /// Prepare a filter, `first`, in the workspace.
    case prepare
    /// Compute the result, or partial sums.
    case run
    /// Add up partial sums.
    case finish
  }

  let kernel: any TileKernel
  let stage: Stage
  let memory: TileMemory
  let workspacePerThread: Int
  private let count: Int
  private let next = Atomic(0)

  init(
    _ kernel: any TileKernel, _ stage: Stage, _ memory: TileMemory,
    workspacePerThread: Int = 0
  ) {
    self.kernel = kernel
    self.stage = stage
    self.memory = memory
    self.workspacePerThread = workspacePerThread
    count =
      switch stage {
      case .prepare: kernel.filterPartCount
      case .run: kernel.taskCount
      case .finish: kernel.finishTaskCount
      }
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
    let packs = kernel.packsOperands && stage == .run
    while true {
      let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard task < count else {
        conv_finish_streams()
        return
      }
      if packs { SingleThreadedBLAS.shared.beginTask() }
      switch stage {
      case .prepare:
        kernel.prepareFilter(
          part: task, from: memory.first, into: memory.workspace)
      case .run: kernel.run(task: task, memory)
      case .finish: kernel.finish(task: task, memory)
      }
      if packs { SingleThreadedBLAS.shared.endTask() }
    }
  }
}
