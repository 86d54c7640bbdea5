import ConvolutionTestSupport
import Convolutions
import Testing

/// What is meant to survive runs in a process of its own, so that a trap is one
/// failure.
@Suite("Any integers give an answer or an error, never a trap")
struct WildNumberTests {
  @Test func validationSurvives() {
    let (legal, errors) = Self.drawn { _ in }
    #expect(legal > 100)
    #expect(errors.count >= 18, "\(errors.sorted())")
  }

  @Test func planningSurvives() async {
    await #expect(processExitsWith: .success) {
      _ = WildNumberTests.drawn { geometry in
        for type in ScalarType.allCases {
          WildNumberTests.plan(geometry, type.testType)
        }
      }
    }
  }

  private static func plan<Scalar: TestScalar>(
    _ geometry: Conv2DGeometry, _ type: Scalar.Type
  ) {
    for algorithm in ConvolutionAlgorithm.allCases {
      let plan = try? InputGradientPlan<Scalar>(
        geometry, options: .init(algorithm: algorithm, threads: .max))
      if let plan { precondition(plan.workspaceByteCount >= 0) }
    }
  }

  /// A cost whose whole numbers are beyond 64 bits.
  @Test func manyChannelsAndColumns() async {
    await #expect(processExitsWith: .success) {
      let geometry = try Conv2DGeometry(
        inputSizes: [1, 1 << 40, 1, 1], filterSizes: [1, 1, 1 << 40, 1],
        strides: [1, 1, 1, 2],
        padding: .explicit(
          top: 0, bottom: 0, left: 0, right: 1 << 31, dataFormat: .nchw),
        dataFormat: .nchw)
      for algorithm in ConvolutionAlgorithm.allCases {
        _ = try? ForwardPlan<Float>(
          geometry, options: .init(algorithm: algorithm))
      }
    }
  }

  /// Small tensors, with strides, dilations and padding beyond all reason.
  static let extremes: [ProblemDescription] = [
    ProblemDescription(strides: [1, .max - 7, 1, 1], outputs: [1, 5]),
    ProblemDescription(strides: [1, .max - 7, .max - 7, 1], outputs: [1, 1]),
    ProblemDescription(strides: [1, 1, 1 << 62, 1], outputs: [6, 1]),
    ProblemDescription(strides: [1, 1 << 31, 1 << 32, 1], outputs: [1, 1]),
    ProblemDescription(
      kernel: [2, 1], dilations: [1, 1 << 61, 1, 1], padding: .same,
      outputs: [6, 5]),
    ProblemDescription(
      kernel: [2, 2], dilations: [1, .max - 7, .max - 7, 1], padding: .same,
      outputs: [6, 5]),
    ProblemDescription(
      kernel: [1, 3], dilations: [1, 1, 1 << 61, 1], padding: .same,
      outputs: [6, 5]),
    ProblemDescription(dilations: [1, .max, .max, 1], outputs: [6, 5]),
    ProblemDescription(
      strides: [1, 1 << 61, 1, 1],
      padding: .explicit(
        top: 1 << 61, bottom: 1, left: 0, right: 0, dataFormat: .nhwc),
      outputs: [2, 5]),
    ProblemDescription(
      kernel: [2, 2], strides: [1, 1, 1 << 40, 1],
      padding: .explicit(
        top: 0, bottom: 0, left: 1 << 40, right: 1 << 40, dataFormat: .nhwc),
      outputs: [5, 3]),
    ProblemDescription(
      kernel: [1, 3], strides: [1, .max - 7, 1, 1], outputs: [1, 3]),
    ProblemDescription(
      kernel: [1, 2], strides: [1, 1, 1 << 60, 1], outputs: [6, 1],
      groupsOfOne: 16),
    // A phase without taps, and a dilation that means nothing.
    ProblemDescription(
      strides: [1, 2, 2, 1], dilations: [1, .max, .max, 1], outputs: [3, 3]),
  ]

  @Test(arguments: extremes.indices)
  func executionSurvives(_ index: Int) async throws {
    #expect(throws: Never.self) { try Self.extremes[index].geometry() }
    await #expect(processExitsWith: .success) { [index] in
      for format in DataFormat.allCases {
        try WildNumberTests.expectRight(
          WildNumberTests.extremes[index].geometry(format))
      }
    }
  }

  /// More work than a duration can tell the time of, and than an `Int` counts.
  @Test(arguments: [1 << 47, 1 << 17])
  func predictionSurvives(_ windows: Int) async {
    await #expect(processExitsWith: .success) { [windows] in
      let taps = 1 << 47
      let geometry = try Conv2DGeometry(
        inputSizes: [1, 1, 1, 1], filterSizes: [taps, 1, 1, 1],
        outBackpropSizes: [1, windows, 1, 1],
        padding: .explicit(
          top: taps - 1, bottom: windows - 1, left: 0, right: 0,
          dataFormat: .nhwc))
      for algorithm in ConvolutionAlgorithm.allCases {
        let options = ConvolutionOptions(algorithm: algorithm)
        guard
          let plan = try? InputGradientPlan<Float>(geometry, options: options)
        else { continue }
        precondition(plan.predictedTime > .zero)
      }
    }
  }

  /// Legal problems none of whose taps lands inside: measured all the same.
  @Test func planWithoutHits() async {
    await #expect(processExitsWith: .success) {
      for format in DataFormat.allCases {
        try WildNumberTests.expectZeros(format)
      }
    }
  }

  private static func expectZeros(_ format: DataFormat) throws {
    let geometry = try Conv2DGeometry(
      inputSizes: format.order(batch: 1, height: 1, width: 1, channels: 2),
      filterSizes: [4, 1, 2, 3],
      outBackpropSizes: format.order(
        batch: 1, height: 1, width: 1, channels: 3),
      padding: .same, dataFormat: format,
      dilations: format.order(height: 3, width: 1))
    let weights = [Float](repeating: 1, count: geometry.filterCount)
    for algorithm in ConvolutionAlgorithm.allCases {
      let options = ConvolutionOptions(
        algorithm: algorithm, tuning: .measure)
      guard
        let plan = try? InputGradientPlan<Float>(geometry, options: options)
      else { continue }
      precondition(plan.predictedTime >= .zero)
      let result = inputGradient(
        plan, filter: plan.prepare(filter: weights.span),
        outBackprop: [1, 2, 3], prefill: .nan)
      precondition(result.map(\.bitPattern) == [0, 0])
    }
  }

  private static func expectRight(_ geometry: Conv2DGeometry) throws {
    for operation in ConvolutionOperation.allCases {
      let problem = ExactProblem<Float>(operation, geometry, seed: 9)
      for algorithm in forcedAlgorithms {
        let test = VerificationCase(
          operation: operation, geometry: geometry, type: .float32,
          algorithm: algorithm, threads: 2, seed: 9)
        if case .failed(let difference) = problem.run(test) {
          Issue.record("\(difference)\n\(test.reproduction)")
        }
      }
    }
  }

  /// Draws problems with wild numbers in them and hands on the legal ones, each
  /// once.
  private static func drawn(
    _ body: (Conv2DGeometry) -> Void
  ) -> (legal: Int, errors: Set<String>) {
    var generator = SeededGenerator(seed: 31)
    let wild: [Int] =
      [0, 1, 2, 3, 5, 7, -1, 65536, Int.min, Int.max, Int.max - 1]
      + [31, 32, 33, 45, 47, 48, 57, 59, 60, 62].map { 1 << $0 }
      + [(1 << 60) - 1, (1 << 48) - 1] + [Int(Int32.max), Int(Int32.min)]
    func list(_ usual: [Int]) -> [Int] {
      var list = usual
      for index in list.indices where generator.chance(percent: 15) {
        list[index] = generator.pick(wild)
      }
      if generator.chance(percent: 2) { list.removeLast() }
      return list
    }
    var seen: Set<Conv2DGeometry> = []
    var errors: Set<String> = []
    for _ in 0..<60_000 {
      var description = ProblemDescription()
      description.dataFormat = generator.pick(DataFormat.allCases)
      description.inputSizes = list([2, 4, 4, 4])
      description.filterSizes = list([1, 1, 4, 4])
      description.outBackpropSizes = list([2, 4, 4, 4])
      description.strides = list([1, 1, 1, 1])
      description.dilations = list([1, 1, 1, 1])
      let pads = list([0, 0, 0, 0])
      description.padding =
        switch generator.int(0...2) {
        case 0: .same
        case 1: .valid
        default:
          .explicit(pads.map { Padding.Pair($0, generator.pick([0, $0])) })
        }
      do throws(Conv2DError) {
        let geometry = try description.geometry()
        if seen.insert(geometry).inserted { body(geometry) }
      } catch {
        errors.insert(error.kind)
        precondition(!"\(error)".isEmpty)
      }
    }
    return (seen.count, errors)
  }
}

extension ProblemDescription {
  /// Three channels to four, or groups of one channel, on images of 6 x 5.
  init(
    kernel: [Int] = [1, 1], strides: [Int] = [1, 1, 1, 1],
    dilations: [Int] = [1, 1, 1, 1], padding: Padding = .valid, outputs: [Int],
    groupsOfOne groups: Int? = nil
  ) {
    self.init()
    inputSizes = [2, 6, 5, groups ?? 3]
    filterSizes = kernel + [groups == nil ? 3 : 1, groups ?? 4]
    outBackpropSizes = [2] + outputs + [groups ?? 4]
    self.strides = strides
    self.dilations = dilations
    self.padding = padding
  }

  /// The same in a data format; the lists are in `[N, H, W, C]` order.
  func geometry(_ format: DataFormat) throws -> Conv2DGeometry {
    var other = self
    other.inputSizes = arrange(inputSizes, as: format)
    other.outBackpropSizes = arrange(outBackpropSizes, as: format)
    other.strides = arrange(strides, as: format)
    other.dilations = arrange(dilations, as: format)
    if case .explicit(let pairs) = padding {
      other.padding = .explicit(arrange(pairs, as: format))
    }
    other.dataFormat = format
    return try other.geometry()
  }
}
