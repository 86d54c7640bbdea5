import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Signals that end the process, put off while it would leave half a file.
enum HeldSignals {
  private static let numbers = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU]
  private static let arrived = Atomic<Int32>(0)

  /// Whether one has come.
  static var hasArrived: Bool { arrived.load(ordering: .relaxed) != 0 }

  /// Runs `body`; a signal that came meanwhile takes effect after it.
  ///
  /// Signals that are ignored, or that somebody else takes, stay so.
  static func during<E: Error>(_ body: () throws(E) -> Void) throws(E) {
    arrived.store(0, ordering: .relaxed)
    let held = numbers.filter { number in
      let action = signal(number) { number in
        HeldSignals.arrived.store(number, ordering: .relaxed)
      }
      guard action != nil else { return true }
      signal(number, action)
      return false
    }
    defer {
      for number in held { signal(number, SIG_DFL) }
      let number = arrived.load(ordering: .relaxed)
      if number != 0 { raise(number) }
    }
    try body()
  }
}
