import ConvolutionTestSupport
import Foundation
import Testing

@testable import Convolutions

/// Each test runs in a process of its own, which has a pool of its own.
@Suite("The pool stays small, and a call wakes no more workers than it wants")
struct WorkerPoolTests {
  /// A layer that has a task for each image.
  static let descriptor = "mb16ic24ih18iw18oc24oh18ow18kh3kw3sh1sw1ph1pw1"

  /// Waits, for ten seconds at most, until the pool is as wanted.
  private static func poolBecomes(
    _ isWanted: (WorkerPool.Counts) -> Bool
  ) -> Bool {
    for _ in 0..<10_000 {
      if isWanted(WorkerPool.shared.currentCounts) { return true }
      Thread.sleep(forTimeInterval: 0.001)
    }
    return false
  }

  /// Many host threads that ask for two threads each leave no pile of workers,
  /// and the workers look again before they sleep.
  @Test func burstOfCallers() async {
    await #expect(processExitsWith: .success) {
      try ConcurrencyTests.callFromThreads(200, threadsEach: 2, shared: true)
      let most = max(1, ConvolutionOptions.availableProcessors - 1)
      #expect((1...most).contains(WorkerPool.shared.currentCounts.workers))
      #expect(WorkerPoolTests.poolBecomes { $0.calls == 0 && $0.looks })
    }
  }

  /// The same after callers that ask for more threads than there are processors.
  @Test func burstOfWideCalls() async {
    await #expect(processExitsWith: .success) {
      let threads = ConvolutionOptions.availableProcessors + 6
      try ConcurrencyTests.callFromThreads(
        50, threadsEach: threads, shared: true,
        descriptor: WorkerPoolTests.descriptor)
      let workers = WorkerPool.shared.currentCounts.workers
      #expect((1..<threads).contains(workers))
      #expect(WorkerPoolTests.poolBecomes { $0.calls == 0 && $0.looks })
    }
  }

  /// A call wakes no more workers than it wants, of those that sleep.
  @Test func aCallWakesWhatItWants() async {
    await #expect(processExitsWith: .success) {
      let geometry = try problem(WorkerPoolTests.descriptor)
      let (filter, outBackprop) = realData(Float.self, geometry)
      func execute(threads: Int) throws {
        let plan = try InputGradientPlan<Float>(
          geometry, options: .init(algorithm: .column, threads: threads))
        try #require(plan.threads == threads)
        let prepared = plan.prepare(filter: filter.span)
        _ = inputGradient(
          plan, filter: prepared, outBackprop: outBackprop, prefill: .nan)
      }
      let most = 8
      try execute(threads: most)
      #expect(WorkerPool.shared.currentCounts.workers == most - 1)
      for threads in [2, 3, 5, most, 2] {
        try #require(WorkerPoolTests.poolBecomes { $0.asleep == $0.workers })
        let wakes = WorkerPool.shared.currentCounts.wakes
        try execute(threads: threads)
        #expect(WorkerPool.shared.currentCounts.wakes == wakes + threads - 1)
      }
    }
  }
}
