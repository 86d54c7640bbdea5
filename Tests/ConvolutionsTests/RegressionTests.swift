import ConvolutionTestSupport
import Testing

@testable import Convolutions

/// Geometries, and what a geometry alone does not show.
@Suite("What other libraries computed wrong is right")
struct RegressionTests {
  @Test(arguments: KnownGeometries.regressions, DataFormat.allCases)
  func knownGeometries(
    _ regression: KnownGeometries.Regression, _ format: DataFormat
  ) throws {
    let geometry = try problem(regression.descriptor, format)
    func check<Scalar: TestScalar>(_ type: Scalar.Type) {
      let problem = ExactProblem<Scalar>(.inputGradient, geometry, seed: 5)
      for algorithm in ConvolutionAlgorithm.allCases
      where serves(algorithm, geometry) {
        let test = VerificationCase(
          geometry: geometry, type: Scalar.scalarType, algorithm: algorithm,
          threads: 3, seed: 5)
        let outcome = problem.run(test)
        guard case .passed = outcome else {
          Issue.record("\(outcome)\n\(test.reproduction)")
          continue
        }
      }
    }
    for type in ScalarType.allCases { check(type.testType) }
  }

  /// Half sums beyond 65504 are infinite, with the sign of the sum, and none is
  /// NaN (PyTorch #153700).
  @Test(
    arguments: [
      // The report's layer.
      ("mb1ic3ih25iw36oc7oh15ow23kh15kw18ph2pw2", 38...40, 8),
      // One that Winograd serves, with sums on both sides of the limit.
      ("mb2ic5ih9iw8oc6oh9ow8kh3kw3ph1pw1", 1...13, 7),
      ("mb2ic5ih9iw8oc6oh5ow4kh3kw3sh2sw2ph1pw1", 1...13, 8),
      ("g16mb2ic16ih6iw5oc16oh6ow5kh3kw3ph1pw1", 1...13, 9),
    ], DataFormat.allCases)
  func halfOverflow(
    _ layer: (String, ClosedRange<Int>, exponent: Int), _ format: DataFormat
  ) throws {
    let geometry = try problem(layer.0, format)
    var generator = SeededGenerator(seed: 1537)
    let isReport = layer.1.lowerBound > 1
    let filter = (0..<geometry.filterCount).map { _ in
      let weight = Int64(generator.int(layer.1))
      return isReport || generator.chance(percent: 50) ? -weight : weight
    }
    let outBackprop = (0..<geometry.outBackpropCount).map { _ in
      Int64(isReport ? generator.int(-5...5) : generator.int(-13...13))
    }
    let sums = IntegerReference.scatter(
      geometry, filter: filter, outBackprop: outBackprop)
    let expected = sums.map {
      Float16(rounding: $0, exponent: layer.exponent)
    }
    #expect(expected.contains(.infinity) && expected.contains(-.infinity))
    #expect(expected.contains { $0.isFinite && $0 != 0 })
    // Weights as large as those of the report take all of the scale.
    let ofFilter = isReport ? layer.exponent : layer.exponent / 2
    for algorithm in ConvolutionAlgorithm.allCases
    where serves(algorithm, geometry) {
      let result = try inputGradient(
        geometry, .exact(algorithm),
        filter: filter.map { Float16(rounding: $0, exponent: ofFilter) },
        outBackprop: outBackprop.map {
          Float16(rounding: $0, exponent: layer.exponent - ofFilter)
        }, prefill: .nan)
      #expect(result == expected, "\(algorithm)")
    }
  }

  /// Sums of positive terms overflow to infinity in the type that they are
  /// taken in, whatever the order, and those that do not are right: a transform
  /// that overflows earlier must not show.
  @Test(arguments: [ScalarType.float32, .float64, .bfloat16])
  func overflowOfSums(_ type: ScalarType) throws {
    for descriptor in [
      "mb2ic5ih9iw8oc6oh9ow8kh3kw3ph1pw1",
      "mb2ic17ih8iw9oc3oh4ow5kh4kw4sh2sw2ph1pw2",
      "g2mb2ic34ih6iw7oc40oh6ow7kh1kw1",
    ] {
      for format in DataFormat.allCases {
        try checkOverflow(try problem(descriptor, format), type.testType)
      }
    }
  }

  private func checkOverflow<Scalar: TestScalar>(
    _ geometry: Conv2DGeometry, _ type: Scalar.Type
  ) throws {
    var generator = SeededGenerator(seed: 65_520)
    let filter = generator.integers(geometry.filterCount, in: 1...7)
    let outBackprop = generator.integers(
      geometry.outBackpropCount, in: 1...7)
    let sums = IntegerReference.scatter(
      geometry, filter: filter, outBackprop: outBackprop)
    // So that the median is about the largest number.
    let median = sums.filter { $0 > 0 }.sorted()[sums.count { $0 > 0 } / 2]
    let top = type.scalarType == .float64 ? 1024 : 128
    let exponent = top - Int(Double(median).exponent)
    let half = exponent / 2
    let expected = sums.map { Scalar(rounding: $0, exponent: exponent) }
    #expect(expected.contains { !$0.isFinite })
    #expect(expected.contains { $0.isFinite && !$0.isZero })
    for algorithm in forcedAlgorithms where serves(algorithm, geometry) {
      // The reference sums in double precision.
      if algorithm == .reference, type.scalarType != .float64 { continue }
      let result = try inputGradient(
        geometry, .exact(algorithm),
        filter: filter.map { Scalar(rounding: $0, exponent: half) },
        outBackprop: outBackprop.map {
          Scalar(rounding: $0, exponent: exponent - half)
        }, prefill: .notANumber)
      #expect(haveSameBits(result, expected), "\(algorithm) \(type)")
    }
  }

  /// One immense number among zeros: every product is finite, and Winograd's
  /// transforms of it are not.
  @Test(arguments: DataFormat.allCases, Accuracy.allCases)
  func immenseNumber(_ format: DataFormat, _ accuracy: Accuracy) throws {
    let geometry = try problem(
      "mb2ic20ih12iw12oc24oh12ow12kh3kw3ph1pw1", format)
    var generator = SeededGenerator(seed: 127)
    let filter = (0..<geometry.filterCount).map { _ in
      Float(generator.pick([1, -1, 0.5]))
    }
    var outBackprop = [Float](repeating: 0, count: geometry.outBackpropCount)
    // Channel 7 of a pixel of the second image that nine taps reach from.
    outBackprop[
      format == .nhwc
        ? ((12 + 5) * 12 + 6) * 24 + 7 : ((24 + 7) * 12 + 5) * 12 + 6
    ] = .greatestFiniteMagnitude
    func result(_ algorithm: ConvolutionAlgorithm) throws -> [Float] {
      try inputGradient(
        geometry, .init(algorithm: algorithm, accuracy: accuracy),
        filter: filter, outBackprop: outBackprop, prefill: .nan)
    }
    let expected = try result(.reference)
    #expect(expected.count { $0 != 0 } == 9 * geometry.inputChannels)
    for algorithm in forcedAlgorithms where serves(algorithm, geometry) {
      #expect(try result(algorithm) == expected, "\(algorithm)")
    }
  }

  /// What no tap reaches is +0.0 in the tiles of Winograd's inexact points too:
  /// behind the last window, and where dilated taps meet none before the first.
  @Test(
    arguments: [
      "mb2ic33ih12iw11oc13oh12ow2kh1kw6sh1sw3",
      "mb2ic17ih17iw15oc64oh6ow2kh3kw6sh2sw3dh2dw1",
      "g4mb2ic4ih29iw29oc20oh28ow6kh2kw7sh1sw2dh0dw2",
      "mb1ic24ih15iw12oc24oh3ow3kh5kw4sh4sw3",
    ], DataFormat.allCases)
  func unreachedIsZero(_ descriptor: String, _ format: DataFormat) throws {
    try expectZeros(.inputGradient, descriptor, format)
  }

  /// The gradient of taps that always fall into padding is +0.0.
  @Test(
    arguments: [
      "mb2ic17ih2iw9oc13oh2ow9kh5kw3ph2pw1",
      "mb1ic16ih12iw1oc32oh12ow1kh3kw3ph1pw1",
      "g2mb2ic34ih7iw2oc18oh7ow2kh2kw5ph0pw2",
    ], DataFormat.allCases)
  func unreachedTapsAreZero(_ descriptor: String, _ format: DataFormat) throws {
    try expectZeros(.filterGradient, descriptor, format)
  }

  private func expectZeros(
    _ operation: ConvolutionOperation, _ descriptor: String,
    _ format: DataFormat
  ) throws {
    let geometry = try problem(descriptor, format)
    let counts = operation.operands.map { geometry.count(of: $0) }
    let reached = IntegerReference.scatter(
      operation, geometry, Array(repeating: 1, count: counts[0]),
      Array(repeating: 1, count: counts[1]))
    try #require(reached.contains(0))
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      let operands = counts.indices.map {
        LayerCheck.randomScalars(type, count: counts[$0], seed: UInt64($0 + 1))
      }
      for algorithm in ConvolutionAlgorithm.allCases {
        for accuracy in Accuracy.allCases {
          // Winograd has no points for some accuracies.
          guard
            let plan = try? operation.plan(
              type, geometry,
              options: .init(algorithm: algorithm, accuracy: accuracy))
          else { continue }
          let values = result(
            of: plan, operands[0], operands[1], prefill: .notANumber)
          let wrong = values.indices.count {
            (reached[$0] == 0) != (values[$0].bits == 0)
          }
          #expect(wrong == 0, "\(algorithm) \(accuracy) \(type)")
        }
      }
    }
    for type in ScalarType.allCases { try check(type.testType) }
  }

  /// Three images that differ, in the first call of a process: no buffer holds
  /// an image from before (Caffe #3095).
  @Test func imagesInTheFirstCall() async {
    await #expect(processExitsWith: .success) {
      for format in DataFormat.allCases {
        let geometry = try problem("mb3ic4ih6iw5oc4oh6ow5kh3kw3ph1pw1", format)
        let exact = ExactCase<Float>(.inputGradient, geometry, seed: 3)
        let result = try conv2DBackpropInput(
          inputSizes: geometry.inputSizes,
          filter: Tensor(shape: geometry.filterSizes, scalars: exact.first),
          outBackprop: Tensor(
            shape: geometry.outBackpropSizes, scalars: exact.second),
          padding: .same, dataFormat: format)
        #expect(result.scalars == exact.expected)
      }
    }
  }
}
