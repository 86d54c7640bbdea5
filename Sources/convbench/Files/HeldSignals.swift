import Foundation
import Synchronization

/// Signals that would end the process, held back while it writes a file that it
/// must not leave unfinished.
enum HeldSignals {
  private static let numbers = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU]
  private static let arrived = Atomic<Int32>(0)

  /// Whether one has arrived since `during` began.
  static var hasArrived: Bool { arrived.load(ordering: .relaxed) != 0 }

  /// Runs `body`. A signal that arrives meanwhile takes effect afterwards.
  ///
  /// Signals that are ignored or have another handler are left alone.
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
