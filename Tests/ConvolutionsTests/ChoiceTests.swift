import ConvolutionTestSupport
import Testing

@testable import Convolutions

@Suite("A plan takes the algorithm that is the fastest, predicted or measured")
struct ChoiceTests {
  /// One layer of each kind, and what it should be computed with.
  @Test(arguments: [
    (
      "mb8ic64ih56iw56oc64oh56ow56kh3kw3ph1pw1",
      ConvolutionAlgorithm.winograd
    ),
    ("mb2ic64ih56iw56oc64oh56ow56kh3kw3ph2pw2dh1dw1", .winograd),
    ("mb2ic64ih56iw56oc64oh56ow56kh3kw3ph24pw24dh23dw23", .taps),
    ("mb8ic64ih56iw56oc256oh56ow56kh1kw1ph0pw0", .taps),
    ("mb8ic3ih224iw224oc64oh112ow112kh7kw7sh2sw2ph3pw3", .column),
    ("mb1ic64ih128iw128oc12oh128ow128kh9kw9ph4pw4", .implicit),
    ("mb1ic1ih512iw512oc1oh512ow512kh5kw5ph2pw2", .narrowGroups),
    ("g64mb4ic64ih28iw28oc128oh28ow28kh3kw3ph1pw1", .narrowGroups),
    ("g128mb8ic128ih56iw56oc128oh56ow56kh3kw3ph1pw1", .narrowGroups),
    ("mb1ic1ih1iw1oc1oh1ow1kh1kw1ph0pw0", .direct),
  ])
  func kinds(_ descriptor: String, _ expected: ConvolutionAlgorithm) throws {
    try check(.inputGradient, descriptor, expected, isOpen: true)
  }

  @Test(arguments: [
    ("mb8ic64ih56oc64oh56kh3ph1", ConvolutionAlgorithm.winograd),
    ("mb2ic64ih56oc64oh56kh3ph2dh1", .winograd),
    ("mb2ic64ih56oc64oh56kh3ph24dh23", .taps),
    ("mb8ic64ih56oc256oh56kh1", .taps),
    ("mb8ic128ih56oc128oh28kh3sh2ph1", .taps),
    ("mb2ic72ih12oc512oh6kh7", .winograd),
    ("mb1ic64ih128oc12oh128kh9ph4", .column),
    ("mb8ic3ih224oc768oh14kh16sh16ph0", .implicit),
    ("mb1ic1ih512oc1oh512kh5ph2", .narrowGroups),
    ("g64mb4ic64ih28oc128oh28kh3ph1", .narrowGroups),
    ("g128mb8ic128ih56oc128oh56kh3ph1", .narrowGroups),
    ("mb1ic1ih1oc1oh1kh1ph0", .direct),
  ])
  func kindsForward(
    _ descriptor: String, _ expected: ConvolutionAlgorithm
  ) throws {
    try check(.forward, descriptor, expected, isOpen: true)
  }

  @Test(arguments: [
    ("mb8ic64ih56oc64oh56kh3ph1", ConvolutionAlgorithm.winograd),
    ("mb2ic64ih56oc64oh56kh3ph2dh1", .taps),
    ("mb8ic64ih56oc256oh56kh1", .taps),
    ("mb8ic128ih56oc128oh28kh3sh2ph1", .taps),
    ("mb8ic3ih224oc64oh112kh7sh2ph3", .taps),
    ("g128mb8ic128ih56oc128oh56kh3ph1", .narrowGroups),
    ("g64mb4ic64ih28oc128oh28kh3ph1", .taps),
    ("mb1ic3ih1oc3oh1kh1ph0", .direct),
  ])
  func kindsOfFilterGradients(
    _ descriptor: String, _ expected: ConvolutionAlgorithm
  ) throws {
    try check(.filterGradient, descriptor, expected)
  }

  /// - Parameter isOpen: whether one kind of matrix products may stand for
  ///   another, as it depends on the core which is the faster.
  private func check(
    _ operation: ConvolutionOperation, _ descriptor: String,
    _ expected: ConvolutionAlgorithm, isOpen: Bool = false
  ) throws {
    let products: Set<ConvolutionAlgorithm> = [
      .taps, .implicit, .column,
    ]
    for format in DataFormat.allCases {
      let plan = try operation.plan(
        Float.self, problem(descriptor, format))
      #expect(
        plan.algorithm == expected
          || isOpen && products.isSuperset(of: [expected, plan.algorithm]),
        "\(operation) \(format)")
    }
  }

  /// A measured plan takes one of the candidates, and computes with it.
  @Test(arguments: DataFormat.allCases, ScalarType.allCases)
  func measuringTakesAnAlgorithmThatServes(
    _ format: DataFormat, _ type: ScalarType
  ) throws {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      let geometry = try problem("mb2ic20ih9iw9oc24oh9ow9kh3kw3ph1pw1", format)
      for operation in ConvolutionOperation.allCases {
        let plan = try operation.plan(
          type, geometry, options: .init(threads: 2, tuning: .measure))
        #expect(
          ![.automatic, .reference, .narrowGroups]
            .contains(plan.algorithm))
        #expect(plan.description.contains("measured"))
        let forced = try operation.plan(
          type, geometry, options: .init(algorithm: plan.algorithm))
        let (first, second) = realOperands(type, operation, geometry)
        let results = [plan, forced].map {
          result(of: $0, first, second, prefill: .notANumber)
        }
        #expect(haveSameBits(results[0], results[1]), "\(operation)")
      }
    }
    try check(type.testType)
  }

  /// Nothing to run, nothing to measure.
  @Test(arguments: ConvolutionOperation.allCases)
  func measuringNothing(_ operation: ConvolutionOperation) throws {
    let geometry = try problem("mb1ic2ih3iw3oc0oh3ow3kh3kw3ph1pw1")
    let plan = try operation.plan(
      Float.self, geometry, options: .init(tuning: .measure))
    #expect(plan.predictedTime >= .zero)
  }

  /// More work costs more, whatever the algorithm.
  @Test(arguments: DataFormat.allCases, forcedAlgorithms)
  func costGrows(
    _ format: DataFormat, _ algorithm: ConvolutionAlgorithm
  ) throws {
    let problems = try [
      "g32mb1ic32ih20iw20oc32oh20ow20kh3kw3ph1pw1",
      "g32mb8ic32ih40iw40oc32oh40ow40kh3kw3ph1pw1",
    ].map { try problem($0, format) }
    for operation in ConvolutionOperation.allCases
    where serves(algorithm, problems[0], operation, accuracy: .standard) {
      let times = try problems.map {
        try operation.plan(
          Float.self, $0, options: .init(algorithm: algorithm)
        ).predictedTime
      }
      #expect(times[0] > .zero)
      #expect(times[1] > times[0] * 4, "\(operation)")
    }
  }

  /// Tilings look for the largest band that fits, of any number of rows.
  @Test func largestThatFits() {
    for most in 0..<40 {
      for limit in 0..<45 {
        #expect(
          largest(upTo: most) { $0 <= limit } == max(1, min(most, limit)))
      }
    }
    var looks = 0
    let found = largest(upTo: .max) {
      looks += 1
      return $0 <= 1 << 40
    }
    #expect(found == 1 << 40 && looks < 64)
  }
}
