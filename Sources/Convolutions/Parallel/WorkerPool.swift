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
  /// Helpers that all calls in the list have asked for.
  private var demand = 0

  private init() {
    lock = .allocate(capacity: 1)
    callArrived = .allocate(capacity: 1)
    helpersLeft = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    pthread_cond_init(callArrived, nil)
    pthread_cond_init(helpersLeft, nil)
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
    pthread_cond_broadcast(callArrived)
    pthread_mutex_unlock(lock)
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
    while entry.pointee.active > 0 { pthread_cond_wait(helpersLeft, lock) }
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
        pthread_cond_wait(callArrived, lock)
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
      if entry.pointee.active == 0 { pthread_cond_broadcast(helpersLeft) }
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
