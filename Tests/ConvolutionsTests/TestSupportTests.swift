import Convolutions
import Testing

@testable import ConvolutionTestSupport

@Suite("The tools of verification find what they are for")
struct TestSupportTests {
  @Test func generatorIsSplitMix64() {
    // First outputs for seed 1234567, as published with the algorithm.
    var generator = SeededGenerator(seed: 1_234_567)
    let numbers = (0..<3).map { _ in generator.next() }
    #expect(
      numbers == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
      ])
  }

  @Test func roundingAgreesWithHardware() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<20_000 {
      let value = Int64(generator.int(-(1 << 24)...1 << 24))
      let exponent = generator.int(-48...4)
      var exact = Double(value)
      exact = Double(
        sign: .plus, exponent: exponent, significand: exact)
      #expect(
        Float16(rounding: value, exponent: exponent).bitPattern
          == Float16(exact).bitPattern || exact == 0)
      #expect(Float(rounding: value, exponent: exponent) == Float(exact))
      #expect(Double(rounding: value, exponent: exponent) == exact)
    }
    #expect(Float16(rounding: 65519) == 65504)
    #expect(Float16(rounding: -65520) == -.infinity)
    #expect(BFloat16(rounding: 257).asDouble == 256)
    #expect(BFloat16(rounding: 259).asDouble == 260)
    #expect(BFloat16(rounding: 1, exponent: -134).bits == 0)
    #expect(BFloat16(rounding: 3, exponent: -135).bits == 1)
  }

  @Test func exactDataStayWithinTheirBounds() throws {
    let geometry = try problem("mb2ic5ih9iw7oc6oh9ow7kh3kw3sh1sw1ph1pw1")
    func check<Scalar: TestScalar>(_ type: Scalar.Type) {
      for seed in UInt64(0)..<40 {
        let filter = ExactData.filter(type, geometry, seed: seed)
        let other = ExactData.outBackprop(type, geometry, seed: seed)
        for (integers, exponent, scalars) in [filter, other] {
          #expect(
            zip(integers, scalars).allSatisfy {
              $1.asDouble
                == Double(
                  sign: .plus, exponent: exponent, significand: Double($0))
            })
          #expect(integers.count { $0 == 0 } * 10 < integers.count)
          #expect(integers.contains { $0 < 0 } && integers.contains { $0 > 0 })
        }
        let product =
          54 * filter.integers.map(\.magnitude).max()!
          * other.integers.map(\.magnitude).max()!
        #expect(product <= 1 << (type.scalarType == .float64 ? 53 : 24))
      }
    }
    for type in ScalarType.allCases { check(type.testType) }
  }

  @Test func layerCheckFindsOneMissingTap() throws {
    for descriptor in [
      "mb2ic16ih12iw12oc32oh12ow12kh3kw3sh1sw1ph1pw1",
      "mb1ic64ih112iw112oc64oh56ow56kh3kw3sh2sw2ph1pw1",
    ] {
      let geometry = try problem(descriptor)
      let (filter, outBackprop) = realData(Float.self, geometry)
      var result = try inputGradient(
        geometry, .init(), filter: filter, outBackprop: outBackprop,
        prefill: .nan)
      func error() -> Double {
        LayerCheck.errors(
          .inputGradient, geometry: geometry, filter, outBackprop,
          result: result
        ).largest
      }
      #expect(error() <= LayerCheck.tolerance(.float32))
      let first = result[0]
      // One product of the sum of the first pixel.
      result[0] -= outBackprop[0] * filter[0]
      #expect(error() > LayerCheck.tolerance(.float32))
      result[0] = first
      result[result.count / 2] = .nan
      #expect(error() == .infinity)
    }
  }

  @Test func realLayersHaveTheWidthOfTheirHeight() throws {
    for descriptor in InvarianceTests.realLayers {
      let geometry = try problem(descriptor)
      #expect(geometry.inputWidth == geometry.inputHeight, "\(descriptor)")
      #expect(geometry.outputWidth == geometry.outputHeight, "\(descriptor)")
    }
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<400 {
      let layer = try #require(
        KnownGeometries.scaledLayer(using: &generator))
      #expect(layer.inputWidth >= 4 && layer.inputHeight >= 4)
    }
    // Of most layers of the table both sides are the same.
    generator = SeededGenerator(seed: 3)
    let squares = (0..<400).count { _ in
      KnownGeometries.scaledLayer(using: &generator).map {
        $0.inputWidth == $0.inputHeight && $0.strides[0] == $0.strides[1]
      } ?? false
    }
    #expect(squares >= 320, "\(squares)")
  }

  @Test func reproductionLineHasEverything() throws {
    let geometry = try Conv2DGeometry(
      inputSizes: [2, 3, 9, 8], filterSizes: [2, 3, 3, 4],
      outBackpropSizes: [2, 4, 6, 8],
      strides: [1, 1, 2, 1],
      padding: .explicit(
        top: 1, bottom: 2, left: 0, right: 2, dataFormat: .nchw),
      dataFormat: .nchw)
    let test = VerificationCase(
      geometry: geometry, type: .bfloat16, algorithm: .column, threads: 3,
      workspaceLimit: 4096, seed: 77)
    #expect(
      test.reproduction
        == "convbench verify --suite exact --op input-gradient --problem "
        + "mb2ic3ih9iw8oc4oh6ow8kh2kw3sh2sw1dh0dw0ph1pw0 --padding-after 2,2 "
        + "--dtype bf16 --layout nchw --algorithm column --threads 3 "
        + "--workspace-limit 4096 --seed 77")
  }

  @Test func closingLineIsBenchdnns() throws {
    let geometry = try problem("mb1ic1ih1iw1oc1oh1ow1kh1kw1")
    let test = VerificationCase(
      geometry: geometry, type: .float32, algorithm: .direct, threads: 1,
      seed: 1)
    var summary = VerificationSummary()
    summary.add(.passed, of: test)
    summary.add(.skipped("why"), of: test)
    for _ in 0..<30 { summary.add(.failed("what"), of: test) }
    #expect(
      summary.closingLine
        == "tests:32 passed:1 skipped:1 mistrusted:0 unimplemented:0 "
        + "invalid_arguments:0 failed:30 listed:0")
    #expect(summary.failures.count == 20)
    #expect(summary.failures[0].contains(test.reproduction))
  }
}
