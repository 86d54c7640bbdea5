import COpenBLAS
import ConvolutionTestSupport
import Foundation
import Synchronization
import Testing

@testable import Convolutions

/// Each caller has a thread of its own, and each test a process of its own:
/// OpenBLAS's thread count belongs to the process, and too many threads used to
/// end it.
@Suite("Many callers at once are served right, beside the host's own products")
struct ConcurrencyTests {
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
  static func callFromThreads(
    _ count: Int, threadsEach: Int, shared: Bool,
    descriptor: String = Self.descriptor,
    algorithm: ConvolutionAlgorithm = .column
  ) throws {
    let wrong = Mutex<[String]>([])
    let problems = try DataFormat.allCases.map { format in
      let geometry = try problem(descriptor, format)
      let exact = ExactCase<Float>(.inputGradient, geometry, seed: 3)
      let plan = try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: algorithm, threads: threadsEach))
      return (plan, plan.prepare(filter: exact.first.span), exact)
    }
    onThreads(count) { index in
      let (plan, prepared, exact) = problems[index % 2]
      for _ in 0..<2 {
        let result =
          shared
          ? inputGradient(
            plan, filter: prepared, outBackprop: exact.second, prefill: .nan)
          : try? inputGradient(
            plan.geometry, plan.options, filter: exact.first,
            outBackprop: exact.second, prefill: .nan)
        if result != exact.expected {
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
      for algorithm in [ConvolutionAlgorithm.column, .taps] {
        try ConcurrencyTests.callFromThreads(
          400, threadsEach: 1, shared: true,
          descriptor: ConcurrencyTests.smallDescriptor, algorithm: algorithm)
      }
    }
  }

  /// A small problem of a caller's own: kernels, strides, channels, types and
  /// layouts differ from one to the next; every fourth is wide enough for
  /// threads.
  private static func ownProblem(_ index: Int) throws -> Conv2DGeometry {
    let kernel = 1 + index % 4
    let stride = 1 + index / 4 % 2
    let input = 7 + index % 6 + (index % 4 == 3 ? 12 : 0)
    let output = (input + stride - 1) / stride
    let pad = max(0, (output - 1) * stride + kernel - input) / 2
    return try problem(
      "mb\(1 + index % 3)ic\(3 + index % 17)oc\(2 + index % 13)"
        + "ih\(input)iw\(input)oh\(output)ow\(output)"
        + "kh\(kernel)kw\(kernel)sh\(stride)sw\(stride)ph\(pad)pw\(pad)",
      DataFormat.allCases[index % 2])
  }

  /// Plans a problem of the caller's own, waits until all callers are there, and
  /// computes it three times.
  private static func callAlone<Scalar: TestScalar>(
    _ type: Scalar.Type, _ index: Int, whenAllAreThere: () -> Void
  ) throws -> [(outcome: VerificationOutcome, line: String)] {
    let geometry = try ownProblem(index)
    let problem = ExactProblem<Scalar>(.inputGradient, geometry, seed: 7)
    let test = VerificationCase(
      geometry: geometry, type: type.scalarType,
      algorithm: ConvolutionAlgorithm.allCases[index % 7], threads: 2,
      seed: 7)
    whenAllAreThere()
    return (0..<3).map { _ in (problem.run(test), test.reproduction) }
  }

  @Test func twoHundredCallersOfTheirOwnProblems() async {
    await #expect(processExitsWith: .success) {
      let count = 200
      let arrived = Atomic(0)
      let wrong = Mutex<[String]>([])
      let right = Atomic(0)
      ConcurrencyTests.onThreads(count) { index in
        let type = ScalarType.allCases[index % 4].testType
        let outcomes = try? ConcurrencyTests.callAlone(type, index) {
          ConcurrencyTests.wait(for: count, arrived)
        }
        for (outcome, line) in outcomes ?? [(.failed("no problem"), "")] {
          switch outcome {
          case .passed, .within: right.add(1, ordering: .sequentiallyConsistent)
          case .failed(let difference):
            wrong.withLock { $0.append("\(difference)\n\(line)") }
          case .skipped: break
          }
        }
      }
      let failures = wrong.withLock { $0 }
      #expect(failures.isEmpty)
      // Not every algorithm can serve every problem.
      #expect(right.load(ordering: .sequentiallyConsistent) > 2 * count)
    }
  }

  /// On cores that pack, and where nobody bounds them, more callers would be in
  /// the middle of a product than OpenBLAS has buffers: some versions end the
  /// process, others warn and go on up to another limit.
  @Test func twoHundredCallersInLongProducts() async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) {
      let geometry = try problem("mb4ic256ih32iw32oc512oh32ow32kh1kw1")
      let (filter, outBackprop) = realData(Float.self, geometry)
      let plan = try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: .column, threads: 1))
      let prepared = plan.prepare(filter: filter.span)
      @Sendable func compute() -> [Float] {
        inputGradient(
          plan, filter: prepared, outBackprop: outBackprop, prefill: .nan)
      }
      let expected = compute()
      let count = 200
      let arrived = Atomic(0)
      let wrong = Atomic(0)
      ConcurrencyTests.onThreads(count) { _ in
        ConcurrencyTests.wait(for: count, arrived)
        if compute() != expected {
          wrong.add(1, ordering: .sequentiallyConsistent)
        }
      }
      #expect(wrong.load(ordering: .sequentiallyConsistent) == 0)
    }
    let said = String(
      decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(!said.contains("NUM_THREADS"))
  }

  /// Waits until so many threads have arrived here.
  private static func wait(for count: Int, _ arrived: borrowing Atomic<Int>) {
    arrived.add(1, ordering: .sequentiallyConsistent)
    while arrived.load(ordering: .sequentiallyConsistent) < count {
      Thread.sleep(forTimeInterval: 0.001)
    }
  }

  /// The host program multiplies matrices with OpenBLAS's threads at the same
  /// time; sums of small integers are exact on any number of them.
  @Test func hostsProductsBesideOurs() async {
    await #expect(processExitsWith: .success) {
      let hostThreads = 3
      openblas_set_num_threads(CInt(hostThreads))
      // Beyond OpenBLAS's small products, and enough for its threads.
      let size = 128
      let left = (0..<size * size).map { Double($0 * 7 % 11 - 5) }
      let right = (0..<size * size).map { Double($0 * 5 % 13 - 6) }
      var expected = [Double](repeating: 0, count: size * size)
      for row in 0..<size {
        for k in 0..<size {
          for column in 0..<size {
            expected[row * size + column] +=
              left[row * size + k] * right[k * size + column]
          }
        }
      }
      let product = expected
      let wrong = Mutex<[String]>([])
      let callersLeft = Atomic(8)
      let hostProducts = Atomic(0)
      ConcurrencyTests.onThreads(12) { index in
        if index < 8 {
          do {
            try ConcurrencyTests.callFromThreads(
              2, threadsEach: 1 + index % 3, shared: index % 2 == 0,
              algorithm: index < 4 ? .column : .taps)
          } catch {
            wrong.withLock { $0.append("\(error)") }
          }
          callersLeft.subtract(1, ordering: .sequentiallyConsistent)
          return
        }
        // Twice at least, however soon the callers are done.
        var products = 0
        repeat {
          if !ConcurrencyTests.multiplies(left, right, size, product) {
            wrong.withLock { $0.append("host thread \(index)") }
          }
          products += 1
        } while products < 2
          || callersLeft.load(ordering: .sequentiallyConsistent) > 0
        hostProducts.add(products, ordering: .sequentiallyConsistent)
      }
      let failures = wrong.withLock { $0 }
      #expect(failures.isEmpty)
      #expect(hostProducts.load(ordering: .sequentiallyConsistent) >= 8)
      #expect(openblas_get_num_threads() == CInt(hostThreads))
    }
  }

  /// Whether products in both precisions are right.
  private static func multiplies(
    _ left: [Double], _ right: [Double], _ size: Int, _ expected: [Double]
  ) -> Bool {
    let n = blasint(size)
    var double = [Double](repeating: .nan, count: size * size)
    cblas_dgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, left, n, right, n,
      0, &double, n)
    var single = [Float](repeating: .nan, count: size * size)
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1,
      left.map(Float.init), n, right.map(Float.init), n, 0, &single, n)
    return double == expected && single.map(Double.init) == expected
  }

  /// A host that sets the thread count while tasks of ours run keeps it; later
  /// tasks run on one thread nevertheless.
  @Test func blasThreadCountThatTheHostSets() async {
    await #expect(processExitsWith: .success) {
      openblas_set_num_threads(2)
      SingleThreadedBLAS.shared.beginTask()
      #expect(BLASRuntime.threads == 1)
      openblas_set_num_threads(3)
      SingleThreadedBLAS.shared.beginTask()
      #expect(BLASRuntime.threads == 1)
      SingleThreadedBLAS.shared.endTask()
      SingleThreadedBLAS.shared.endTask()
      #expect(BLASRuntime.threads == 3)

      SingleThreadedBLAS.shared.beginTask()
      openblas_set_num_threads(2)
      SingleThreadedBLAS.shared.endTask()
      #expect(BLASRuntime.threads == 2)
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
          for algorithm in [ConvolutionAlgorithm.automatic, .column] {
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
}
