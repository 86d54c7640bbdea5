internal import Dispatch
internal import Synchronization

/// Keeps OpenBLAS on one thread, and within its buffers, while packed products
/// run.
///
/// OpenBLAS has one process-wide thread count. The first caller that enters
/// sets it to one and the last that leaves puts the found count back, so the
/// count is as found whenever no packed product runs; one that the host has set
/// meanwhile stays. The host's own BLAS calls beside ours stay right; they run on
/// one thread meanwhile.
///
/// OpenBLAS also ends the process when some 128 threads hold its packing
/// buffers at once, so no more than ``maximumBuffers`` do at a time.
final class SingleThreadedBLAS: Sendable {
  static let shared = SingleThreadedBLAS()

  /// Half of the 128 buffers that Debian's build has for its 64 threads: the
  /// host keeps the rest.
  static let maximumBuffers = 64

  private struct State {
    var users = 0
    var foundThreads = 0
  }

  private let state = Mutex(State())
  private let buffers = DispatchSemaphore(value: maximumBuffers)

  /// Begins a call with packed products.
  func enter() {
    state.withLock { state in
      if state.users == 0 {
        state.foundThreads = BLASRuntime.threads
        if state.foundThreads > 1 { BLASRuntime.setThreads(1) }
      }
      state.users += 1
    }
  }

  /// Ends a call with packed products.
  func leave() {
    state.withLock { state in
      state.users -= 1
      if state.users == 0, state.foundThreads > 1, BLASRuntime.threads == 1 {
        BLASRuntime.setThreads(state.foundThreads)
      }
    }
  }

  /// Begins a task with packed products; waits while too many run.
  func acquireBuffer() { buffers.wait() }

  /// Ends a task with packed products.
  func releaseBuffer() { buffers.signal() }
}
