import Convolutions
import Dispatch
import Foundation

/// What bounds every row of a type and number of threads: the rate of the
/// machine's matrix products and that of its memory.
struct Roof: Sendable {
  let type: ScalarType
  let threads: Int
  /// Operations a second.
  var gemmRate: Double
  /// Bytes a second, read and written.
  var bandwidth: Double

  /// Measures the roofs of every combination.
  ///
  /// - Parameter earlier: roofs from an earlier call. The higher figure counts,
  ///   because whatever disturbs the machine makes it look slower.
  static func measure(
    types: [ScalarType], threads: [Int], earlier: [Roof] = []
  ) -> [Roof] {
    threads.flatMap { threads in
      let bandwidth = memoryBandwidth(threads: threads)
      return types.map { type in
        // Half types are multiplied in Float.
        let rate =
          type == .float64
          ? BLASRuntime.gemmRate(Double.self, threads: threads)
          : BLASRuntime.gemmRate(Float.self, threads: threads)
        let known = earlier.first { $0.type == type && $0.threads == threads }
        return Roof(
          type: type, threads: threads,
          gemmRate: max(rate, known?.gemmRate ?? 0),
          bandwidth: max(bandwidth, known?.bandwidth ?? 0))
      }
    }
  }
}

/// The rate of copying between two arrays far beyond the caches.
///
/// - Returns: bytes a second, read and written.
private func memoryBandwidth(threads: Int) -> Double {
  let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
  let part = min(256 << 20, physical / 16) / threads
  let count = part * threads
  guard part > 0 else { return 0 }
  nonisolated(unsafe) let memory = UnsafeMutableRawPointer.allocate(
    byteCount: 2 * count, alignment: 4096)
  defer { memory.deallocate() }
  memset(memory, 1, 2 * count)
  let best = shortest(of: 5) {
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let place = memory + thread * part
      memcpy(place + count, place, part)
    }
  }
  return 2 * Double(count) / (best / .seconds(1))
}
