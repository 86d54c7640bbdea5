import ConvolutionTestSupport
import Convolutions
import Synchronization
import Testing

@Suite struct ExactSuiteTests {
  @Test(arguments: ScalarType.allCases)
  func randomProblemsAreExact(_ type: ScalarType) {
    let seed = UInt64(20_000 + ScalarType.allCases.firstIndex(of: type)!)
    let done = Atomic(0)
    let summary = ExactSuite.run(
      cases: 1000, seed: seed, algorithms: InputGradientAlgorithm.allCases,
      types: [type]
    ) { count in done.max(count, ordering: .relaxed) }
    print("\(type.rawValue), seed \(seed): \(summary.closingLine)")
    #expect(summary.failed == 0, "\(summary.failures)")
    #expect(summary.tests == 1000)
    #expect(summary.passed > 600)
    #expect(done.load(ordering: .relaxed) == 1000)
    // Only special algorithms may decline, and few problems be too even.
    for reason in summary.skipped.keys {
      #expect(
        ["gather:", "groups:", "winograd:", "too few non-zero results"]
          .contains { reason.hasPrefix($0) })
    }
  }

  @Test func summaryFollowsFromSeed() {
    func run(_ seed: UInt64) -> String {
      let summary = ExactSuite.run(
        cases: 100, seed: seed, algorithms: [.narrowGroups, .direct],
        types: ScalarType.allCases
      ) { _ in }
      return summary.closingLine + "\(summary.skipped.sorted { $0 < $1 })"
    }
    #expect(run(1) == run(1))
  }

  @Test(arguments: KnownGeometries.regressions, DataFormat.allCases)
  func knownRegressions(
    _ regression: KnownGeometries.Regression, _ format: DataFormat
  ) throws {
    let geometry = try problem(regression.descriptor, format)
    for type in ScalarType.allCases {
      for algorithm in InputGradientAlgorithm.allCases
      where serves(algorithm, geometry) {
        expectExact(
          VerificationCase(
            geometry: geometry, type: type, algorithm: algorithm, threads: 3,
            seed: 5))
      }
    }
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
