import ConvolutionTestSupport
import Convolutions
import Synchronization
import Testing

/// A share of the cases that the executable runs.
@Suite("Each suite of convbench verify passes, and notices what is not served")
struct VerificationSuiteTests {
  @Test(arguments: VerificationSuite.allCases, ConvolutionOperation.allCases)
  func randomProblemsPass(
    _ suite: VerificationSuite, _ operation: ConvolutionOperation
  ) {
    guard
      operation == .inputGradient || ![.algebra, .transforms].contains(suite)
    else { return }
    let done = Atomic(0)
    // Fewer of the others, which the executable verifies.
    let others = operation == .inputGradient ? 400 : 160
    let cases =
      suite == .transforms
      ? 32 : suite == .exact ? 1000 * others / 400 : others
    let algorithms = ConvolutionAlgorithm.allCases
    let summary = suite.run(
      operation: operation, cases: cases, seed: 20_000,
      algorithms: algorithms, types: ScalarType.allCases
    ) { count in done.max(count, ordering: .relaxed) }
    print(
      "\(suite.rawValue) \(operation.rawValue), seed 20000: "
        + summary.closingLine)
    #expect(summary.failed == 0, "\(summary.failures)")
    #expect(summary.tests == cases)
    #expect(
      summary.passed > cases * (operation == .inputGradient ? 6 : 3) / 10)
    // An algorithm that served none would be seen.
    var served = ServedCases(
      suite, operation, algorithms, ScalarType.allCases, summary)
    #expect(served.shortfalls.isEmpty, "\(served.table)")
    let all = served.served
    for algorithm in served.algorithms {
      guard case .atLeast(1...) = served.totalFloor(of: algorithm) else {
        continue
      }
      served.served = all.filter { $0.key.algorithm != algorithm }
      #expect(served.shortfalls.contains { $0.hasPrefix(algorithm.rawValue) })
    }
    #expect(done.load(ordering: .relaxed) == cases)
    // Only algorithms that do not serve everything decline, and some data show
    // too little.
    for reason in summary.skipped.keys {
      #expect(
        [
          "groups:", "implicit:", "winograd:",
          "too few non-zero results",
          "all results are zero", "linearity:", "phases:", "dilation:",
          "column:", "too long a sum",
        ].contains { reason.hasPrefix($0) }, "\(reason)")
    }
    // Every identity and every kind of data has had its turn.
    let parts = [
      VerificationSuite.algebra: 10, .bound: 5, .special: 3, .transforms: 1,
    ]
    #expect(summary.passedParts.count == parts[suite] ?? 0)
    #expect(summary.worst.isEmpty == ![.bound, .transforms].contains(suite))
  }

  /// No suite fails on problems without channels, which have no place for a number
  /// that is not finite.
  @Test(
    arguments: VerificationSuite.allCases.filter { $0 != .geometry },
    ConvolutionOperation.allCases)
  func emptyProblems(
    _ suite: VerificationSuite, _ operation: ConvolutionOperation
  ) throws {
    guard suite != .algebra || operation == .inputGradient else { return }
    for (inputs, outputs) in [(4, 0), (0, 4), (0, 0)] {
      let geometry = try Conv2DGeometry(
        inputSizes: [2, 5, 6, inputs], filterSizes: [3, 3, 2, outputs],
        padding: .same)
      for seed in UInt64(0)..<24 {
        let outcome = VerificationSuite.run(
          VerificationCase(
            suite: suite, operation: operation, geometry: geometry,
            type: .float32, algorithm: .automatic, threads: 1, seed: seed))
        if case .failed(let difference) = outcome {
          Issue.record("\(inputs), \(outputs), \(seed): \(difference)")
        }
      }
    }
  }

  /// Whatever stops being served is seen in runs of the usual sizes.
  @Test(arguments: VerificationSuite.allCases, ConvolutionOperation.allCases)
  func servedFloors(
    _ suite: VerificationSuite, _ operation: ConvolutionOperation
  ) {
    guard suite != .algebra || operation == .inputGradient else { return }
    let algorithms = ConvolutionAlgorithm.allCases.filter { $0 != .reference }
    let types = ScalarType.allCases
    for count in [20_000, suite.mostCases(algorithms, types)] {
      var summary = VerificationSummary()
      summary.tests = min(
        count, suite.defaultCases, suite.mostCases(algorithms, types))
      var cases = ServedCases(suite, operation, algorithms, types, summary)
      let kinds = DataFormat.allCases.flatMap { format in
        cases.types.map { (format, $0) }
      }
      for algorithm in cases.algorithms {
        switch cases.floor(of: algorithm) {
        case .atLeast(let least):
          #expect(least >= 1, "\(algorithm)")
          for (format, type) in kinds {
            cases.served[ServedKind(algorithm, format, type)] =
              summary.tests / cases.algorithms.count / kinds.count
          }
        case .never(let reason):
          #expect(!reason.isEmpty && operation == .filterGradient)
        }
      }
      #expect(cases.shortfalls.isEmpty, "\(cases.shortfalls)")
      let all = cases.served
      for kind in all.keys {
        guard case .atLeast(let least) = cases.floor(of: kind.algorithm) else {
          continue
        }
        cases.served[kind] = least
        #expect(cases.shortfalls.isEmpty)
        cases.served[kind] = least - 1
        #expect(cases.shortfalls.count == 1)
        // An algorithm that served nothing.
        cases.served = all.filter { $0.key.algorithm != kind.algorithm }
        #expect(cases.shortfalls.count == 1 + kinds.count)
        cases.served = all
      }
      if operation == .filterGradient, cases.algorithms.contains(.column) {
        cases.served[ServedKind(.column, .nhwc, .float32)] = 1
        #expect(cases.shortfalls.count == 2)
      }
      #expect(cases.table.count == 1 + cases.algorithms.count)
    }
  }

  @Test func summaryFollowsFromSeed() {
    func run(_ seed: UInt64) -> String {
      let summary = VerificationSuite.exact.run(
        cases: 100, seed: seed, algorithms: [.narrowGroups, .direct],
        types: ScalarType.allCases
      ) { _ in }
      return summary.closingLine + "\(summary.skipped.sorted { $0 < $1 })"
    }
    #expect(run(1) == run(1))
  }

  /// The line of a case names its suite, which runs the case.
  @Test(arguments: VerificationSuite.allCases.filter { $0 != .geometry })
  func linesRerunTheCase(_ suite: VerificationSuite) throws {
    // The transforms suite has cases of Winograd alone.
    let isTransformed = suite == .transforms
    let geometry = try problem(
      isTransformed
        ? "mb2ic5ih9iw7oc6oh9ow7kh3kw3ph1pw1"
        : "mb2ic5ih9iw7oc6oh5ow4kh3kw3sh2sw2dh1dw1ph2pw2")
    let test = VerificationCase(
      suite: suite, geometry: geometry, type: .float32,
      algorithm: isTransformed ? .winograd : .column, threads: 1,
      seed: 3)
    #expect(test.reproduction.contains("--suite \(suite.rawValue) "))
    expectExact(test)
  }

  /// The number was counted apart from this code. SAME and VALID that equal some
  /// explicit padding count once.
  @Test func oneAxisGeometriesAreAll() {
    #expect(OneAxisGeometries.all.count == 44_898)
    #expect(Set(OneAxisGeometries.all).count == 44_898)
  }

  /// 1 and 2^-60 under weights of 1: no double holds the sum.
  @Test func sumsOfTwoDoubles() throws {
    let geometry = try problem("mb1ic1ih1iw1oc3oh1ow1kh1kw1")
    let element = DoubleDoubleReference(
      .inputGradient, geometry, [1, 1, -1], [1, 0x1p-60, 1]
    ).elements[0]
    #expect(element.sum.value == 0x1p-60)
    #expect(element.magnitude == 2 && element.terms == 3)
    let products = DoubleDoubleReference(
      .inputGradient, geometry, [1 + 0x1p-40, -1, 0],
      [1 + 0x1p-40, 1 + 0x1p-39, 7]
    ).elements[0]
    #expect(products.sum.value == 0x1p-80)
  }

  /// Sizes around the edges of vectors, tiles and BLAS blocks.
  @Test(arguments: [15, 16, 17, 63, 64, 65, 95, 96, 97, 127, 128, 129])
  func sizesAroundBlocks(_ size: Int) throws {
    for (descriptor, stride) in [
      ("mb2ic\(size)ih3iw4oc5oh3ow4kh3kw3sh1sw1ph1pw1", 1),
      ("mb2ic5ih3iw4oc\(size)oh3ow4kh3kw3sh1sw1ph1pw1", 1),
      ("mb2ic3ih2iw\(size)oc4oh2ow\(size)kh3kw3sh1sw1ph1pw1", 1),
      ("mb2ic3ih\(2 * size)iw5oc4oh\(size)ow3kh2kw2sh2sw2ph0pw0", 2),
      ("mb2ic\(size)ih3iw3oc\(size)oh3ow3kh1kw1sh1sw1ph0pw0", 1),
    ] {
      for format in DataFormat.allCases {
        let geometry = try problem(descriptor, format)
        #expect(geometry.strides == [stride, stride])
        for algorithm in forcedAlgorithms where serves(algorithm, geometry) {
          expectExact(
            VerificationCase(
              geometry: geometry, type: size % 2 == 0 ? .float32 : .bfloat16,
              algorithm: algorithm, threads: 2, seed: UInt64(2 * size + 1)))
        }
      }
    }
  }
}
