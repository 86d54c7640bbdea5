internal import CConvolutionKernels
internal import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Threads that sleep until a call wants help.
///
/// Dispatch's `concurrentPerform` would do but for its allocations a call. Here
/// a call waits in a list whose links lie on the callers' stacks. Workers are
/// started when first wanted and stay; where no thread can be had, the caller
/// does all the work itself.
///
/// Before a thread sleeps it looks for a short while whether something happens:
/// to be woken takes some 0.1 ms, a layer some milliseconds.
final class WorkerPool: @unchecked Sendable {
  static let shared = WorkerPool()

  /// Most threads of one call, and workers of the process.
  static let maximumThreads = 1024

  /// A call in the list. The lock guards all of it.
  private struct Entry {
    let call: UnsafePointer<KernelCall>
    var next: UnsafeMutablePointer<Entry>?
    /// Helpers still wanted.
    var wanted: Int
    /// Number of the thread that joins next; the caller's is 0.
    var thread = 1
    /// Helpers at work.
    var active = 0
  }

  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let callArrived: UnsafeMutablePointer<pthread_cond_t>
  private let helpersLeft: UnsafeMutablePointer<pthread_cond_t>
  private var first: UnsafeMutablePointer<Entry>?
  private var workers = 0
  /// Calls that came and helpers that left so far; changed under the lock.
  private let events = Atomic(0)
  /// Helpers that all calls in the list have asked for.
  private var demand = 0

  /// Looks before a thread sleeps, some 0.1 ms in all (`scripts/peers.py
  /// --threads 2`). With more threads than processors somebody else could work
  /// meanwhile.
  private static let looks = 4000

  private init() {
    lock = .allocate(capacity: 1)
    callArrived = .allocate(capacity: 1)
    helpersLeft = .allocate(capacity: 1)
    initialize()
    // A forked process has the caller's thread alone: it begins anew, with
    // workers of its own.
    pthread_atfork(
      { pthread_mutex_lock(WorkerPool.shared.lock) },
      { pthread_mutex_unlock(WorkerPool.shared.lock) },
      { WorkerPool.shared.initialize() })
  }

  private func initialize() {
    pthread_mutex_init(lock, nil)
    pthread_cond_init(callArrived, nil)
    pthread_cond_init(helpersLeft, nil)
    first = nil
    workers = 0
    demand = 0
  }

  /// Runs a call on the caller's thread and up to `threads - 1` workers, and
  /// returns when all tasks are done.
  func run(_ call: borrowing KernelCall, threads: Int) {
    let helpers = min(threads, Self.maximumThreads) - 1
    withUnsafePointer(to: call) { pointer in
      var entry = Entry(call: pointer, wanted: helpers)
      withUnsafeMutablePointer(to: &entry) { entry in
        add(entry)
        pointer.pointee.work(thread: 0)
        removeAndWait(entry, helpers: helpers)
      }
    }
  }

  private func add(_ entry: UnsafeMutablePointer<Entry>) {
    pthread_mutex_lock(lock)
    entry.pointee.next = first
    first = entry
    demand += entry.pointee.wanted
    while workers < min(demand, Self.maximumThreads), startWorker() {
      workers += 1
    }
    events.wrappingAdd(1, ordering: .releasing)
    pthread_cond_broadcast(callArrived)
    pthread_mutex_unlock(lock)
  }

  /// Waits, with the lock, until something happens or somebody signals.
  private func wait(for condition: UnsafeMutablePointer<pthread_cond_t>) {
    let seen = events.load(ordering: .relaxed)
    let canSpin = workers < ConvolutionOptions.availableProcessors
    pthread_mutex_unlock(lock)
    var looks = canSpin ? Self.looks : 0
    while looks > 0, events.load(ordering: .acquiring) == seen {
      conv_pause()
      looks -= 1
    }
    pthread_mutex_lock(lock)
    // Whatever happens from here on finds the thread asleep, and wakes it.
    if events.load(ordering: .relaxed) == seen {
      pthread_cond_wait(condition, lock)
    }
  }

  /// Takes the entry out, so that nobody joins any more, and waits for those
  /// who have.
  private func removeAndWait(
    _ entry: UnsafeMutablePointer<Entry>, helpers: Int
  ) {
    pthread_mutex_lock(lock)
    demand -= helpers
    if first == entry {
      first = entry.pointee.next
    } else {
      var before = first
      while let other = before, other.pointee.next != entry {
        before = other.pointee.next
      }
      before?.pointee.next = entry.pointee.next
    }
    while entry.pointee.active > 0 { wait(for: helpersLeft) }
    pthread_mutex_unlock(lock)
  }

  // MARK: Workers

  private func startWorker() -> Bool {
    #if canImport(Darwin)
      var thread: pthread_t? = nil
    #else
      var thread = pthread_t()
    #endif
    guard pthread_create(&thread, nil, { _ in serve() }, nil) == 0 else {
      return false
    }
    #if canImport(Darwin)
      guard let thread else { return false }
    #endif
    pthread_detach(thread)
    return true
  }

  fileprivate func help() {
    pthread_mutex_lock(lock)
    while true {
      guard let entry = waitingEntry() else {
        wait(for: callArrived)
        continue
      }
      let call = entry.pointee.call
      let thread = entry.pointee.thread
      entry.pointee.wanted -= 1
      entry.pointee.thread += 1
      entry.pointee.active += 1
      pthread_mutex_unlock(lock)
      call.pointee.work(thread: thread)
      pthread_mutex_lock(lock)
      entry.pointee.active -= 1
      if entry.pointee.active == 0 {
        events.wrappingAdd(1, ordering: .releasing)
        pthread_cond_broadcast(helpersLeft)
      }
    }
  }

  private func waitingEntry() -> UnsafeMutablePointer<Entry>? {
    var entry = first
    while let candidate = entry, candidate.pointee.wanted == 0 {
      entry = candidate.pointee.next
    }
    return entry
  }
}

private func serve() -> UnsafeMutableRawPointer? {
  WorkerPool.shared.help()
  return nil
}
