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
/// a call waits in a list whose links lie on the callers' stacks, with places
/// for helpers. Where no thread can be had, the caller does all the work itself.
///
/// A worker is at work on a call, awake, or asleep. A call counts on the workers
/// that are awake for its places; for what is left it wakes some that are asleep,
/// and then starts some. Awake, a worker takes a place or, if there is none, falls
/// asleep. So nobody sleeps while a place is free that no awake worker will take.
/// Workers do not end. There are no more than processors beside one caller, or
/// than one call has asked for.
///
/// Before a thread sleeps it looks for a short while whether something happens:
/// to be woken takes some 0.1 ms, a layer some milliseconds.
final class WorkerPool: @unchecked Sendable {
  static let shared = WorkerPool()

  /// Most threads of one call.
  static let maximumThreads = 1024

  /// A call in the list. The pool's lock guards all of it.
  private struct Entry: ~Copyable {
    let call: UnsafePointer<KernelCall>
    var next: UnsafeMutablePointer<Entry>?
    /// Places for helpers that are free.
    var places: Int
    /// Number of the thread that joins next; the caller's is 0.
    var thread = 1
    /// Helpers at work. The caller also looks at it without the lock.
    let active = Atomic(0)
    let noneActive: Condition
  }

  /// How many of what there are.
  struct Counts: Equatable {
    var workers = 0
    /// Workers without work that nobody has told to wake.
    var asleep = 0
    /// Other workers without work.
    var awake = 0
    var calls = 0
    /// How often a worker was told to wake, and how often one did.
    var wakes = 0
    var wokenUp = 0

    /// Whether threads look before they sleep: with more of them than
    /// processors somebody else could work meanwhile.
    var looks: Bool {
      workers - asleep + max(1, calls)
        <= ConvolutionOptions.availableProcessors
    }
  }

  /// Guards what follows.
  private let lock = Lock()
  private let placeFree = Condition()
  private var first: UnsafeMutablePointer<Entry>?
  /// Free places of all calls. Workers also look at it without the lock.
  private let places = Atomic(0)
  private var counts = Counts()

  /// Looks before a thread sleeps, some 0.1 ms in all (`scripts/peers.py
  /// --threads 2`).
  private static let looks = 4000

  /// How things stand.
  var currentCounts: Counts {
    lock.lock()
    defer { lock.unlock() }
    return counts
  }

  private init() {
    pthread_atfork(
      { WorkerPool.shared.lock.lock() },
      { WorkerPool.shared.lock.unlock() },
      { WorkerPool.shared.beginChild() })
  }

  /// A forked process has the caller's thread alone: it begins anew, with
  /// workers of its own.
  private func beginChild() {
    lock.reset()
    placeFree.reset()
    first = nil
    places.store(0, ordering: .relaxed)
    counts = Counts()
  }

  // MARK: Callers

  /// Runs a call on the caller's thread and up to `threads - 1` workers, and
  /// returns when all tasks are done.
  func run(_ call: borrowing KernelCall, threads: Int) {
    var condition = pthread_cond_t()
    withUnsafeMutablePointer(to: &condition) { condition in
      let noneActive = Condition(at: condition)
      withUnsafePointer(to: call) { call in
        var entry = Entry(
          call: call, places: min(threads, Self.maximumThreads) - 1,
          noneActive: noneActive)
        withUnsafeMutablePointer(to: &entry) { entry in
          add(entry)
          call.pointee.work(thread: 0)
          removeAndWait(entry)
        }
      }
      noneActive.destroy()
    }
  }

  private func add(_ entry: UnsafeMutablePointer<Entry>) {
    let helpers = entry.pointee.places
    let mostWorkers = max(
      helpers, ConvolutionOptions.availableProcessors - 1)
    lock.lock()
    entry.pointee.next = first
    first = entry
    counts.calls += 1
    let free = places.load(ordering: .relaxed) + helpers
    let woken = min(max(0, free - counts.awake), counts.asleep)
    counts.asleep -= woken
    counts.awake += woken
    counts.wakes += woken
    if counts.asleep > 0 {
      for _ in 0..<woken { placeFree.signal() }
    } else if woken > 0 {
      placeFree.broadcast()
    }
    while counts.awake < free, counts.workers < mostWorkers, startWorker() {
      counts.awake += 1
      counts.workers += 1
    }
    // Last, for who sees it wants the lock.
    places.store(free, ordering: .relaxed)
    lock.unlock()
  }

  /// Takes the entry out, so that nobody joins any more, and waits for those
  /// who have.
  private func removeAndWait(_ entry: UnsafeMutablePointer<Entry>) {
    lock.lock()
    if first == entry {
      first = entry.pointee.next
    } else {
      var before = first
      while let other = before, other.pointee.next != entry {
        before = other.pointee.next
      }
      before?.pointee.next = entry.pointee.next
    }
    places.wrappingSubtract(entry.pointee.places, ordering: .relaxed)
    if entry.pointee.active.load(ordering: .relaxed) > 0 {
      var looks = Self.looks
      look(&looks) { entry.pointee.active.load(ordering: .relaxed) == 0 }
    }
    while entry.pointee.active.load(ordering: .relaxed) > 0 {
      lock.wait(for: entry.pointee.noneActive)
    }
    counts.calls -= 1
    lock.unlock()
  }

  /// Gives the lock up while it looks whether something happens, so many times
  /// at most; what is left of them is 0 where looking is of no use any more.
  private func look(_ looks: inout Int, _ happens: () -> Bool) {
    guard counts.looks else {
      looks = 0
      return
    }
    lock.unlock()
    while looks > 0, !happens() {
      conv_pause()
      looks -= 1
    }
    lock.lock()
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
    // Left since the last work: others may be faster to the place that is seen.
    var looks = Self.looks
    lock.lock()
    while true {
      guard let entry = entryWithPlace() else {
        look(&looks) { places.load(ordering: .relaxed) > 0 }
        if looks == 0, places.load(ordering: .relaxed) == 0 {
          sleep()
          looks = Self.looks
        }
        continue
      }
      looks = Self.looks
      let call = entry.pointee.call
      let thread = entry.pointee.thread
      places.wrappingSubtract(1, ordering: .relaxed)
      entry.pointee.places -= 1
      entry.pointee.thread += 1
      entry.pointee.active.wrappingAdd(1, ordering: .relaxed)
      counts.awake -= 1
      lock.unlock()
      call.pointee.work(thread: thread)
      lock.lock()
      counts.awake += 1
      if entry.pointee.active.load(ordering: .relaxed) == 1 {
        entry.pointee.noneActive.signal()
      }
      entry.pointee.active.wrappingSubtract(1, ordering: .relaxed)
    }
  }

  /// Sleeps, and gives the lock up meanwhile, until told to wake; whoever does so
  /// counts the worker among the awake.
  private func sleep() {
    counts.awake -= 1
    counts.asleep += 1
    while counts.wokenUp == counts.wakes { lock.wait(for: placeFree) }
    counts.wokenUp += 1
  }

  private func entryWithPlace() -> UnsafeMutablePointer<Entry>? {
    var entry = first
    while let candidate = entry, candidate.pointee.places == 0 {
      entry = candidate.pointee.next
    }
    return entry
  }
}

private func serve() -> UnsafeMutableRawPointer? {
  conv_name_thread("convolutions")
  WorkerPool.shared.help()
  return nil
}
