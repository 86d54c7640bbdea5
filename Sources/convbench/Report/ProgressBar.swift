import Foundation
import Synchronization

/// A bar on standard error while it is a terminal; nothing otherwise.
final class ProgressBar: Sendable {
  private struct State {
    var done = 0
    var lastDrawn = ContinuousClock.now - .seconds(1)
  }

  private static let width = 40
  private static let pause = Duration.milliseconds(100)

  private let label: String
  private let total: Int
  private let isVisible: Bool
  private let state = Mutex(State())

  init(_ label: String, total: Int) {
    self.label = label
    self.total = max(1, total)
    isVisible = isatty(FileHandle.standardError.fileDescriptor) == 1
    if isVisible { draw(0) }
  }

  /// Counts one step more.
  func advance() {
    update(state.withLock { $0.done } + 1)
  }

  /// Shows that `done` steps are done; redraws ten times a second at most.
  ///
  /// Many threads may call it, with their numbers in any order.
  func update(_ done: Int) {
    guard isVisible else { return }
    state.withLock { state in
      state.done = max(state.done, done)
      let now = ContinuousClock.now
      guard now - state.lastDrawn >= Self.pause else { return }
      state.lastDrawn = now
      draw(state.done)
    }
  }

  /// Clears the line, for what is printed next.
  func finish() {
    if isVisible { write("\r\u{1B}[K") }
  }

  private func draw(_ done: Int) {
    let filled = Self.width * min(done, total) / total
    let bar =
      String(repeating: "#", count: filled)
      + String(repeating: "-", count: Self.width - filled)
    write("\r\(label) [\(bar)] \(done)/\(total)")
  }

  private func write(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }
}
