#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A POSIX mutex: one that is locked while the process forks can be made anew in
/// the child, as the standard library's cannot.
struct Lock {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(
    capacity: 1)

  init() { reset() }

  /// Forgets who holds it.
  func reset() { pthread_mutex_init(mutex, nil) }

  func lock() { pthread_mutex_lock(mutex) }

  func unlock() { pthread_mutex_unlock(mutex) }

  /// Gives the lock up until somebody signals.
  func wait(for condition: Condition) {
    pthread_cond_wait(condition.condition, mutex)
  }
}

/// What a thread with a ``Lock`` waits for.
struct Condition {
  fileprivate let condition: UnsafeMutablePointer<pthread_cond_t>

  init() { self.init(at: .allocate(capacity: 1)) }

  /// In memory of the caller's.
  init(at place: UnsafeMutablePointer<pthread_cond_t>) {
    condition = place
    reset()
  }

  /// Forgets who waits.
  func reset() { pthread_cond_init(condition, nil) }

  func destroy() { pthread_cond_destroy(condition) }

  /// Wakes one thread, if any waits.
  func signal() { pthread_cond_signal(condition) }

  /// Wakes all threads that wait.
  func broadcast() { pthread_cond_broadcast(condition) }
}
