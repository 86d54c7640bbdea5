import ConvolutionTestSupport
import Convolutions
import Foundation
import Synchronization
import Testing

/// Many callers at once, each on a thread of its own.
///
/// Each test runs in a process of its own: OpenBLAS's thread count belongs to
/// the process, and too many threads used to end it.
@Suite struct ConcurrencyTests {
  static let descriptor = "mb2ic40ih18iw18oc48oh18ow18kh3kw3sh1sw1ph1pw1"

  /// Starts `count` threads and waits for all of them.
  private static func onThreads(
    _ count: Int, _ body: @escaping @Sendable (Int) -> Void
  ) {
    let group = DispatchGroup()
    for index in 0..<count {
      group.enter()
      let thread = Thread {
        body(index)
        group.leave()
      }
      thread.stackSize = 1 << 20
      thread.start()
    }
    group.wait()
  }

  /// Products that OpenBLAS's packed path runs on one thread by itself.
  static let smallDescriptor = "mb1ic64ih24iw24oc32oh24ow24kh1kw1sh1sw1ph0pw0"

  /// Problems of their own or one shared plan, right to the last bit.
  private static func callFromThreads(
    _ count: Int, threadsEach: Int, shared: Bool,
    descriptor: String = Self.descriptor,
    algorithm: InputGradientAlgorithm = .column
  ) throws {
    let wrong = Mutex<[String]>([])
    let problems = try DataFormat.allCases.map { format in
      let geometry = try problem(descriptor, format)
      let filter = ExactData.filter(Float.self, geometry, seed: 3)
      let outBackprop = ExactData.outBackprop(Float.self, geometry, seed: 3)
      let exponent = filter.exponent + outBackprop.exponent
      let expected = IntegerReference.scatter(
        geometry, filter: filter.integers, outBackprop: outBackprop.integers
      ).map { Float(rounding: $0, exponent: exponent) }
      let plan = try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: algorithm, threads: threadsEach))
      return (
        plan, plan.prepare(filter: filter.scalars.span), filter.scalars,
        outBackprop.scalars, expected
      )
    }
    onThreads(count) { index in
      let (plan, prepared, filter, outBackprop, expected) = problems[index % 2]
      for _ in 0..<2 {
        let result =
          shared
          ? inputGradient(
            plan, filter: prepared, outBackprop: outBackprop, prefill: .nan)
          : try? inputGradient(
            plan.geometry, plan.options, filter: filter,
            outBackprop: outBackprop, prefill: .nan)
        if result != expected {
          wrong.withLock { $0.append("thread \(index)") }
        }
      }
    }
    let threads = wrong.withLock { $0 }
    #expect(threads.isEmpty)
  }

  @Test func onePlanFromManyThreads() async {
    await #expect(processExitsWith: .success) {
      try ConcurrencyTests.callFromThreads(64, threadsEach: 2, shared: true)
    }
  }

  @Test func manyCallers() async {
    await #expect(processExitsWith: .success) {
      try ConcurrencyTests.callFromThreads(64, threadsEach: 2, shared: false)
    }
  }

  /// On cores that pack, more threads than OpenBLAS has buffers.
  @Test func twoHundredCallers() async {
    await #expect(processExitsWith: .success) {
      try ConcurrencyTests.callFromThreads(200, threadsEach: 3, shared: true)
    }
    await #expect(processExitsWith: .success) {
      for algorithm in [InputGradientAlgorithm.column, .taps] {
        try ConcurrencyTests.callFromThreads(
          400, threadsEach: 1, shared: true,
          descriptor: ConcurrencyTests.smallDescriptor, algorithm: algorithm)
      }
    }
  }

  /// Calls of different widths share the workers.
  @Test func callersOfManyWidths() async {
    await #expect(processExitsWith: .success) {
      for threads in [2, 7, 64] {
        try ConcurrencyTests.callFromThreads(
          9, threadsEach: threads, shared: true)
      }
    }
  }

  /// The library sets OpenBLAS's thread count for the time of a call only.
  @Test func blasThreadCountIsLeftAsFound() async {
    await #expect(processExitsWith: .success) {
      let found = BLASRuntime.threads
      try #require(found >= 1)
      for descriptor in [
        ConcurrencyTests.descriptor,
        "mb1ic256ih28iw28oc256oh28ow28kh1kw1",
        "mb1ic200ih20iw20oc600oh20ow20kh3kw3sh1sw1ph1pw1",
      ] {
        for format in DataFormat.allCases {
          for algorithm in [InputGradientAlgorithm.automatic, .column] {
            let geometry = try problem(descriptor, format)
            let (filter, outBackprop) = realData(Float.self, geometry)
            _ = try inputGradient(
              geometry, .init(algorithm: algorithm, threads: 2),
              filter: filter, outBackprop: outBackprop, prefill: .nan)
            #expect(BLASRuntime.threads == found)
          }
        }
      }
      try ConcurrencyTests.callFromThreads(16, threadsEach: 2, shared: true)
      #expect(BLASRuntime.threads == found)
      _ = BLASRuntime.gemmRate(Float.self, size: 64, repetitions: 1)
      #expect(BLASRuntime.threads == found)
    }
  }

  @Test func runtimeDescribesItself() {
    #expect(!BLASRuntime.coreName.isEmpty)
    #expect(BLASRuntime.configuration.contains("OpenBLAS"))
    #expect(BLASRuntime.gemmRate(Double.self, size: 96, repetitions: 1) > 0)
    #expect(InputGradientOptions.availableProcessors >= 1)
  }
}
