import Testing

@testable import Convolutions

@Suite("The linked BLAS is recognised, and its products are as plans need them")
struct BLASTests {
  @Test(arguments: [
    ("Cooperlake", "OpenBLAS 0.3.21 DYNAMIC_ARCH", BLASCore.small),
    ("SkylakeX", "OpenBLAS 0.3.21", .small),
    ("skylakex", "OpenBLAS 0.3.30 NO_AFFINITY", .small),
    ("SapphireRapids", "OpenBLAS 0.4.0", .small),
    ("SkylakeX", "OpenBLAS 1.0", .small),
    ("SkylakeX", "OpenBLAS 0.3.20", .packed),
    ("SkylakeX", "OpenBLAS 0.3.9", .packed),
    ("SkylakeX", "OpenBLAS", .packed),
    ("Haswell", "OpenBLAS 0.3.21", .packed),
    ("Zen", "OpenBLAS 0.3.28", .packed),
    ("unknown", "not OpenBLAS", .packed),
    ("", "", .packed),
  ])
  func coresAreRecognised(
    _ name: String, _ configuration: String, _ expected: BLASCore
  ) {
    #expect(BLASCore(name: name, configuration: configuration) == expected)
  }

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
  @Test func productsOverwriteAndKeepNaN() {
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

  /// `convbench products` measures products of the size that tiles have.
  @Test(arguments: [ScalarType.float32, .float64])
  func productsAreMeasured(_ type: ScalarType) throws {
    let geometry = try problem("mb1ic20ih6oc35oh6kh3ph1")
    let size = try #require(
      ProductRate.tileSize(geometry, .inputGradient, type))
    #expect(size == [36, 20, 9 * 35])
    #expect(ProductRate.tileSize(geometry, .filterGradient, type) == nil)
    let (rates, peak) =
      type == .float64
      ? (
        ProductRate.measure(Double.self, rows: 7, columns: 20, depth: 35),
        ProductRate.peak(Double.self)
      )
      : (
        ProductRate.measure(Float.self, rows: 7, columns: 20, depth: 35),
        ProductRate.peak(Float.self)
      )
    #expect(rates.blocks.count == InstructionSet.blockRows)
    #expect(
      ([rates.blas, peak] + rates.blocks).allSatisfy { $0 > 0 && $0.isFinite })
  }

  @Test func runtimeDescribesItself() {
    #expect(!BLASRuntime.coreName.isEmpty)
    #expect(BLASRuntime.configuration.contains("OpenBLAS"))
    #expect(BLASRuntime.gemmRate(Double.self, size: 96, repetitions: 1) > 0)
    #expect(ConvolutionOptions.availableProcessors >= 1)
  }
}
