import ConvolutionTestSupport
import Foundation
import Synchronization
import Testing

@testable import Convolutions

/// What others got wrong: geometries, and what a geometry alone does not show.
@Suite struct RegressionTests {
  @Test(arguments: KnownGeometries.regressions, DataFormat.allCases)
  func geometries(
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

  /// Sizes that overflowed and a filter of rank 1 (TensorFlow #78428, #57958).
  @Test func sizesOfReports() throws {
    func run(_ inputSizes: [Int], _ filter: [Int]) throws {
      _ = try conv2DBackpropInput(
        inputSizes: inputSizes,
        filter: Tensor<Float>(shape: filter, repeating: 3),
        outBackprop: Tensor(shape: [1, 5, 5, 2], repeating: 5), padding: .same)
    }
    #expect(
      throws: Conv2DError.groups(outDepth: 2, groups: 333_333_333_333)
    ) { try run([1, 5, 5, 999_999_999_999], [3, 3, 3, 2]) }
    #expect(throws: Conv2DError.rank(.filter, got: 1)) { try run([5, 5], [2]) }
    #expect {
      try run([114_078_056, 179_835_296], [1, 1, 1, 2])
    } throws: { isTooLarge($0) }
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
    // All of the scale in the weights where they are as large as the report's.
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

  /// And taps that always fall into padding, in the gradient of the filter.
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

  /// A window of four ones on one pixel (PyTorch #163347).
  @Test(arguments: DataFormat.allCases, ScalarType.allCases)
  func fourOnes(_ format: DataFormat, _ type: ScalarType) throws {
    let geometry = try problem("mb1ic1ih1iw1oc1oh2ow2kh2kw2ph1pw1", format)
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      let ones = [Scalar](repeating: Scalar(rounding: 1), count: 4)
      for algorithm in ConvolutionAlgorithm.allCases
      where serves(algorithm, geometry) {
        let result = try inputGradient(
          geometry, .exact(algorithm), filter: ones, outBackprop: ones,
          prefill: .notANumber)
        #expect(result.map(\.asDouble) == [4], "\(algorithm)")
      }
    }
    try check(type.testType)
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

// MARK: - The BLAS that is linked

extension RegressionTests {
  /// Sizes around the tiles of GEMM kernels, and beyond the small products.
  static let products: [(rows: Int, columns: Int, depth: Int)] = {
    let sizes = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 49]
    let small = sizes.flatMap { rows in
      sizes.flatMap { columns in
        [1, 2, 5, 16, 33].map { (rows, columns, $0) }
      }
    }
    return small + [
      (129, 97, 200), (97, 129, 1), (1, 1500, 800), (1500, 1, 800),
    ]
  }()

  /// Products overwrite what is there, NaN too, and 0 * NaN is NaN.
  @Test func linkedBLAS() {
    checkBLAS(Float.self)
    checkBLAS(Double.self)
  }

  private func checkBLAS<Scalar: ComputeScalar>(_ type: Scalar.Type) {
    var (overwritten, spread, beyond) = (0, 0, 0)
    for (rows, columns, depth) in Self.products {
      let stride = columns + 3
      func product(
        _ a: [Scalar], _ b: [Scalar], _ c: [Scalar]
      ) -> [Scalar] {
        var c = c
        c.withUnsafeMutableBufferPointer {
          Scalar.multiply(
            rows: rows, columns: columns, depth: depth, a, stride: depth, b,
            stride: columns, accumulate: false, into: $0.baseAddress!,
            stride: stride)
        }
        return c
      }
      let ones = [Scalar](repeating: 1, count: max(rows, columns) * depth)
      let garbage = [Scalar](repeating: .nan, count: rows * stride)
      let result = product(ones, ones, garbage)
      // A NaN at one place of B, and zeros in all of A.
      var b = ones
      let column = columns / 2
      b[depth / 2 * columns + column] = .nan
      let zeros = [Scalar](repeating: 0, count: rows * depth)
      let nans = product(zeros, b, zeros.isEmpty ? [] : garbage)
      for index in result.indices {
        if index % stride >= columns {
          if !result[index].isNaN || !nans[index].isNaN { beyond += 1 }
          continue
        }
        if result[index] != Scalar(depth) { overwritten += 1 }
        if (index % stride == column) != nans[index].isNaN { spread += 1 }
      }
    }
    #expect(overwritten == 0, "results with what was there before: \(type)")
    #expect(spread == 0, "NaN lost, or where there is none: \(type)")
    #expect(beyond == 0, "numbers changed between the rows: \(type)")
  }

  /// The host's own products, large enough for OpenBLAS's threads, stay right
  /// beside calls that set its thread count.
  @Test func hostProductsBesideOurs() async {
    await #expect(processExitsWith: .success) {
      BLASRuntime.setThreads(2)
      let geometry = try problem("mb2ic40ih18iw18oc48oh18ow18kh3kw3ph1pw1")
      let filter = ExactData.filter(Float.self, geometry, seed: 3)
      let outBackprop = ExactData.outBackprop(Float.self, geometry, seed: 3)
      let exponent = filter.exponent + outBackprop.exponent
      let expected = IntegerReference.scatter(
        geometry, filter: filter.integers, outBackprop: outBackprop.integers
      ).map { Float(rounding: $0, exponent: exponent) }
      let plan = try InputGradientPlan<Float>(
        geometry, options: .exact(.column, threads: 2))
      let prepared = plan.prepare(filter: filter.scalars.span)
      let size = 160
      let ones = [Float](repeating: 1, count: size * size)
      let steps = (0..<size * size).map { Float($0 / size % 7 - 3) }
      // Every row of the product is the sum of the rows of `steps`.
      let sum = (0..<size).reduce(Float(0)) { $0 + Float($1 % 7 - 3) }

      let wrong = Mutex<[String]>([])
      let group = DispatchGroup()
      for index in 0..<8 {
        group.enter()
        let thread = Thread {
          for _ in 0..<20 {
            if index % 2 == 0 {
              let result = inputGradient(
                plan, filter: prepared, outBackprop: outBackprop.scalars,
                prefill: .nan)
              if result != expected { wrong.withLock { $0.append("ours") } }
            } else {
              var result = [Float](repeating: .nan, count: size * size)
              Float.multiply(
                rows: size, columns: size, depth: size, ones, stride: size,
                steps, stride: size, accumulate: false, into: &result,
                stride: size)
              if result.contains(where: { $0 != sum }) {
                wrong.withLock { $0.append("host's") }
              }
            }
          }
          group.leave()
        }
        thread.start()
      }
      group.wait()
      let found = wrong.withLock { $0 }
      #expect(found.isEmpty)
      #expect(BLASRuntime.threads == 2)
    }
  }
}
