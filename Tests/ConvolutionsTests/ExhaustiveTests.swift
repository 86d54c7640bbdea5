import ConvolutionTestSupport
import Convolutions
import Dispatch
import Synchronization
import Testing

/// Every small problem along one axis, with the other axis trivial.
@Suite struct ExhaustiveTests {
  enum Axis: CaseIterable { case height, width }

  @Test(arguments: Axis.allCases, ScalarType.allCases)
  func oneDimensionalProblems(_ axis: Axis, _ type: ScalarType) {
    let geometries = Self.geometries(axis)
    // SAME and VALID fall together with some explicit padding; counted apart
    // from this code.
    #expect(geometries.count == 2514)
    let summary = Mutex(VerificationSummary())
    let chunk = 64
    DispatchQueue.concurrentPerform(
      iterations: (geometries.count + chunk - 1) / chunk
    ) { index in
      var part = VerificationSummary()
      for geometry in geometries.dropFirst(index * chunk).prefix(chunk) {
        Self.run(geometry, type.testType, into: &part)
      }
      summary.withLock { [part] in $0.add(part) }
    }
    summary.withLock { summary in
      #expect(summary.failed == 0, "\(summary.failures)")
      #expect(
        summary.skipped.keys.allSatisfy {
          $0.hasPrefix("groups:") || $0.hasPrefix("winograd:")
        })
      #expect(summary.passed > 3 * geometries.count)
    }
  }

  private static func run<Scalar: TestScalar>(
    _ geometry: Conv2DGeometry, _ type: Scalar.Type,
    into summary: inout VerificationSummary
  ) {
    // An odd seed, for Winograd, whose few sums are not mostly zero.
    for seed in stride(from: UInt64(1), through: 39, by: 2) {
      let problem = ExactProblem<Scalar>(geometry, seed: seed)
      let tests = forcedAlgorithms.map { algorithm in
        VerificationCase(
          geometry: geometry, type: Scalar.scalarType, algorithm: algorithm,
          threads: 1, seed: seed)
      }
      let outcomes = tests.map(problem.run)
      if seed < 39, case .skipped("too few non-zero results") = outcomes[1] {
        continue
      }
      for (test, outcome) in zip(tests, outcomes) {
        summary.add(outcome, of: test)
      }
      return
    }
  }

  /// Distinct problems of size 1 to 6, kernel 1 to 4, stride 1 to 3, dilation 1
  /// to 2 and SAME, VALID or 0 to 2 pixels of padding at each end.
  private static func geometries(_ axis: Axis) -> [Conv2DGeometry] {
    var seen: Set<Conv2DGeometry> = []
    for format in DataFormat.allCases {
      for size in 1...6 {
        for kernel in 1...4 {
          for stride in 1...3 {
            for dilation in 1...2 {
              for padding in paddings(axis, format) {
                let geometry = geometry(
                  axis, format, size: size, kernel: kernel, stride: stride,
                  dilation: dilation, padding: padding)
                if let geometry { seen.insert(geometry) }
              }
            }
          }
        }
      }
    }
    return seen.sorted { $0.description < $1.description }
  }

  private static func paddings(_ axis: Axis, _ format: DataFormat) -> [Padding]
  {
    var paddings: [Padding] = [.same, .valid]
    for before in 0...2 {
      for after in 0...2 {
        paddings.append(
          axis == .height
            ? .explicit(
              top: before, bottom: after, left: 0, right: 0, dataFormat: format)
            : .explicit(
              top: 0, bottom: 0, left: before, right: after, dataFormat: format)
        )
      }
    }
    return paddings
  }

  private static func geometry(
    _ axis: Axis, _ format: DataFormat, size: Int, kernel: Int, stride: Int,
    dilation: Int, padding: Padding
  ) -> Conv2DGeometry? {
    let vertical = axis == .height
    func order(_ value: Int, _ other: Int, _ outer: (Int, Int)) -> [Int] {
      format.order(
        batch: outer.0, height: vertical ? value : other,
        width: vertical ? other : value, channels: outer.1)
    }
    // The output size is whichever is accepted; at most one is.
    for output in 0...10 {
      let geometry = try? Conv2DGeometry(
        inputSizes: order(size, 2, (2, 3)),
        filterSizes: vertical ? [kernel, 1, 3, 2] : [1, kernel, 3, 2],
        outBackpropSizes: order(output, 2, (2, 2)),
        strides: order(stride, 1, (1, 1)), padding: padding,
        dataFormat: format, dilations: order(dilation, 1, (1, 1)))
      if let geometry { return geometry }
    }
    return nil
  }
}

extension Conv2DGeometry {
  /// The problem with its far pads and layout.
  fileprivate var description: String {
    "\(descriptor) \(padBottom),\(padRight) \(dataFormat.rawValue)"
  }
}
