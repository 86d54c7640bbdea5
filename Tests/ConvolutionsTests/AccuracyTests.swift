import ConvolutionTestSupport
import Testing

@testable import Convolutions

/// The bound suite compares with the promise of ``Accuracy`` too; here on problems
/// where Winograd once broke it.
@Suite("No algorithm breaks the accuracy that was asked for")
struct AccuracyTests {
  /// Many taps, little depth, and a filter gradient whose windows are mostly
  /// padding; TensorFlow has the last.
  private static let problems: [(ConvolutionOperation, String)] = [
    (.inputGradient, "mb1ic24ih18oc64oh11kh8ph0"),
    (.inputGradient, "mb2ic32ih14oc4oh14kh3ph1"),
    (.inputGradient, "mb2ic32ih1iw30oc8oh1ow30kh1kw7ph0pw3"),
    (.forward, "mb1ic64ih18oc24oh11kh8ph0"),
    (.forward, "mb2ic4ih14oc32oh14kh3ph1"),
    (.forward, "mb2ic8ih1iw30oc32oh1ow30kh1kw7ph0pw3"),
    (.filterGradient, "mb2ic16ih13oc16oh10kh8ph2"),
    (.filterGradient, "mb1ic24ih8oc24oh6kh3ph0"),
    (.filterGradient, "mb5ic4ih8iw6oc6oh9ow11kh3kw3ph1pw3"),
  ]

  @Test(arguments: problems, Accuracy.allCases)
  func automaticKeepsThePromise(
    _ problem: (operation: ConvolutionOperation, descriptor: String),
    _ accuracy: Accuracy
  ) throws {
    let geometry = try ConvolutionsTests.problem(problem.descriptor)
    // Uniform data have an expected error; the last bit is the accuracy.
    for seed in stride(from: UInt64(0), to: 40, by: 10) {
      let test = VerificationCase(
        suite: .bound, operation: problem.operation, geometry: geometry,
        type: .float32, algorithm: .automatic, threads: 1,
        seed: seed + (accuracy == .tight ? 1 : 0))
      #expect(test.options.accuracy == accuracy)
      guard case .within = VerificationSuite.run(test) else {
        Issue.record("\(VerificationSuite.run(test)): \(test.reproduction)")
        continue
      }
    }
  }

  /// A forced algorithm is refused with both figures, before anything is written.
  @Test(arguments: problems.filter { $0.0 != .filterGradient })
  func forcedIsRefused(
    _ problem: (operation: ConvolutionOperation, descriptor: String)
  ) throws {
    try expectRefusal(
      problem.operation, try ConvolutionsTests.problem(problem.descriptor))
  }

  /// Of so few windows that a sum in one chain has hardly an error.
  @Test func forcedFilterGradientIsRefused() throws {
    for descriptor in [
      "mb1ic16ih13oc16oh6kh8ph0", "mb1ic24ih6oc24oh4kh3ph0",
    ] {
      try expectRefusal(
        .filterGradient, try problem(descriptor))
    }
  }

  private func expectRefusal(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry
  ) throws {
    let options = ConvolutionOptions(algorithm: .winograd, accuracy: .tight)
    #expect("\(operation) \(geometry.descriptor)") {
      _ = try operation.plan(Float.self, geometry, options: options)
    } throws: {
      guard
        case Conv2DError.inaccurate(.winograd, let error, let allowed) = $0
      else { return false }
      return error > allowed && allowed > 1e-8 && error < 1e-5
        && "\($0)".contains("accuracy")
    }
  }

  /// Small integers are summed exactly with points that are exact on them, and
  /// halves round to far fewer bits than `tight` asks for.
  @Test func otherTypesAreServed() throws {
    let geometry = try problem("mb2ic32ih14oc4oh14kh3ph1")
    let tight = ConvolutionOptions(algorithm: .winograd, accuracy: .tight)
    _ = try InputGradientPlan<Float>(
      geometry, options: .exact(.winograd, threads: 1))
    _ = try InputGradientPlan<BFloat16>(geometry, options: tight)
    #expect(throws: Conv2DError.self) {
      try InputGradientPlan<Double>(geometry, options: tight)
    }
  }

  /// Plain sums are never refused, whatever the accuracy.
  @Test func plainSumsAreNeverRefused() throws {
    let geometry = try problem("mb1ic4ih18oc4096oh18kh3ph1")
    for algorithm in forcedAlgorithms where algorithm != .winograd {
      do {
        _ = try InputGradientPlan<Float>(
          geometry, options: .init(algorithm: algorithm, accuracy: .tight))
      } catch .unsupported {
      } catch {
        Issue.record("\(algorithm): \(error)")
      }
    }
  }

  /// The model of a running sum's error, borders included.
  @Test(arguments: [
    "mb8ic32ih7oc24oh7kh3ph1", "mb1ic24ih20oc48oh10kh4sh2ph1",
    "mb8ic24ih3oc16oh7kh5ph4", "mb1ic48ih12oc3oh12kh5ph2",
  ])
  func runningSums(_ descriptor: String) throws {
    let geometry = try problem(descriptor)
    for operation in ConvolutionOperation.allCases {
      let (modelled, measured) = try runningSumErrors(operation, geometry)
      #expect(
        (0.88...1.12).contains(measured / modelled),
        "\(operation): \(measured) of \(modelled)")
    }
  }

  private func runningSumErrors(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry
  ) throws -> (modelled: Double, measured: Double) {
    // Each result in double precision, and as one chain in single precision.
    let terms = ResultTerms(operation, geometry)
    let first = LayerCheck.randomScalars(
      Float.self, count: geometry.count(of: operation.operands[0]), seed: 5)
    let second = LayerCheck.randomScalars(
      Float.self, count: geometry.count(of: operation.operands[1]), seed: 6)
    var (squares, errors) = (0.0, 0.0)
    for place in 0..<geometry.count(of: operation.result) {
      var (exact, chain) = (0.0, Float(0))
      terms.forEachRun(of: place) { run in
        for index in 0..<run.count {
          let a = first[run.first + index * run.firstStride]
          let b = second[run.second + index * run.secondStride]
          exact += Double(a) * Double(b)
          chain.addProduct(a, b)
        }
      }
      squares += exact * exact
      errors += (Double(chain) - exact) * (Double(chain) - exact)
    }
    // The phases of a strided input gradient count together.
    var (sum, weights) = (0.0, 0.0)
    let map = ConvolutionMap(geometry, operation, .float32)
    if operation != .filterGradient {
      for row in 0..<map.vertical.stride {
        for column in 0..<map.horizontal.stride {
          let terms =
            map.vertical.meanTerms(phase: row)
            * map.horizontal.meanTerms(phase: column)
            * Double(map.depthPerGroup)
          let error = runningSumError(terms: terms)
          sum += error * error * terms
          weights += terms
        }
      }
    } else {
      sum = runningSumError(
        terms: map.vertical.meanWindows * map.horizontal.meanWindows
          * Double(geometry.batch))
      (sum, weights) = (sum * sum, 1)
    }
    return (
      (sum / weights).squareRoot() * 0x1p-24, (errors / squares).squareRoot()
    )
  }

  /// An axis of whole tiles has the amplification of its matrices; a cut tile
  /// that of the outputs that are left.
  @Test func cutTiles() {
    let axis = WinogradAxis(points: .six, taps: 3)
    let matrices = WinogradSet.six.matrices(taps: 3)
    let each = matrices.outputAmplifications
    #expect(each.count == 4)
    #expect(
      abs(axis.amplification(positions: 8) - matrices.amplification) < 1e-12)
    #expect(abs(axis.amplification(positions: 1) - each[0]) < 1e-12)
    let squares = each.map { $0 * $0 }
    let five = squares.reduce(squares[0], +) / 5
    #expect(abs(axis.amplification(positions: 5) - five.squareRoot()) < 1e-12)
  }
}
