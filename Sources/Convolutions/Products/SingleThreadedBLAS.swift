#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Keeps OpenBLAS on one thread and within its buffers while tasks with packed
/// products run, and processes from being forked in the middle of one.
///
/// OpenBLAS has one process-wide thread count, which says for every product on
/// how many threads it runs. The first of the tasks that run at the same time
/// sets it to one and the last puts the host's count back, so it is the host's
/// whenever no task runs. A count that the host sets meanwhile is the one that is
/// put back; but one that it sets to 1 in the middle of a task looks like ours,
/// and is lost. The host's own BLAS calls beside ours stay right; they run on one
/// thread meanwhile.
///
/// OpenBLAS also ends the process when some 128 threads hold its packing
/// buffers at once, so no more than ``maximumTasks`` run at a time.
///
/// A child would find OpenBLAS's locks and buffers taken by threads that it does
/// not have. So a fork holds off tasks that want to begin and waits for those
/// that run. None runs then: the thread count is the host's, and the child has
/// nothing to put right but who waits here.
final class SingleThreadedBLAS: @unchecked Sendable {
  static let shared = SingleThreadedBLAS()

  /// Half of the 128 buffers that Debian's build has for its 64 threads: the
  /// host keeps the rest.
  static let maximumTasks = 64

  /// Guards what follows.
  private let lock = Lock()
  private let taskMayBegin = Condition()
  private let noTaskRuns = Condition()
  private var tasks = 0
  /// Threads that fork, or wait to.
  private var forks = 0
  /// The count to put back when no task runs any more; 1 if none.
  private var hostThreads = 1

  private init() {
    // Before a fork the last handlers come first: OpenBLAS's, which ends its
    // threads, comes after this one.
    pthread_atfork(
      { SingleThreadedBLAS.shared.prepareFork() },
      { SingleThreadedBLAS.shared.continueParent() },
      { SingleThreadedBLAS.shared.beginChild() })
  }

  /// Begins a task with packed products; waits while too many run or the process
  /// forks.
  func beginTask() {
    lock.lock()
    while tasks == Self.maximumTasks || forks > 0 {
      lock.wait(for: taskMayBegin)
    }
    tasks += 1
    let threads = BLASRuntime.threads
    if threads > 1 {
      hostThreads = threads
      BLASRuntime.setThreads(1)
    }
    lock.unlock()
  }

  /// Ends a task with packed products.
  func endTask() {
    lock.lock()
    tasks -= 1
    if tasks == 0 {
      if hostThreads > 1, BLASRuntime.threads == 1 {
        BLASRuntime.setThreads(hostThreads)
      }
      hostThreads = 1
      noTaskRuns.broadcast()
    }
    taskMayBegin.signal()
    lock.unlock()
  }

  // MARK: Fork

  /// Takes the lock, with no task running.
  private func prepareFork() {
    lock.lock()
    forks += 1
    while tasks > 0 { lock.wait(for: noTaskRuns) }
  }

  private func continueParent() {
    forks -= 1
    taskMayBegin.broadcast()
    lock.unlock()
  }

  /// The threads that waited, to begin a task or to fork, are the parent's.
  private func beginChild() {
    forks = 0
    lock.reset()
    taskMayBegin.reset()
    noTaskRuns.reset()
  }
}
