internal import CConvolutionKernels

/// How fast products are, for `convbench products`.
package enum ProductRate {
  /// The processor's peak: what fused multiply-adds reach that wait for nothing,
  /// in operations a second on one thread.
  package static func peak<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type
  ) -> Double {
    Scalar.scalarType == .float64 ? peak(of: Double.self) : peak(of: Float.self)
  }

  private static func peak<Compute: ComputeScalar>(
    of type: Compute.Type
  ) -> Double {
    let steps = 200_000
    var sums = [Compute](repeating: .zero, count: 12)
    var operations = 0
    let best = bestTime(of: 20) {
      operations =
        steps * Int(Compute.kernels.pointee.spin(&sums, steps))
    }
    return Double(operations) / best
  }

  /// Rows, columns and terms of the products of a tile of implicit GEMM, in
  /// float32 or float64; `nil` where it does not serve.
  package static func tileSize(
    _ geometry: Conv2DGeometry, _ operation: ConvolutionOperation,
    _ type: ScalarType
  ) -> [Int]? {
    func size<Compute: ComputeScalar>(_ type: Compute.Type) -> [Int]? {
      let map = ConvolutionMap(geometry, operation, type.scalarType)
      guard operation != .filterGradient, !map.isDegenerate,
        Implicit<Compute>.reasonAgainst(map) == nil
      else { return nil }
      return try? Implicit<Compute>(KernelRequest(map: map)).productSize
    }
    return type == .float64 ? size(Double.self) : size(Float.self)
  }

  /// Products of one size on one thread.
  package struct Rates: Sendable {
    /// Of register blocks of 1, 2, … rows.
    package let blocks: [Double]
    /// Of the largest register blocks, which algorithms take.
    package var panels: Double { blocks.last! }
    /// Of `cblas_sgemm` or `cblas_dgemm`.
    package let blas: Double
  }

  /// The rates of a product of so many rows and columns over so many terms, in
  /// operations a second; all numbers are at least 1.
  package static func measure<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, rows: Int, columns: Int, depth: Int
  ) -> Rates {
    Scalar.scalarType == .float64
      ? PanelProduct<Double>(rows: rows, columns: columns, depth: depth).rates()
      : PanelProduct<Float>(rows: rows, columns: columns, depth: depth).rates()
  }

  /// The least of some runs, in seconds.
  fileprivate static func bestTime(
    of count: Int, _ body: () -> Void
  ) -> Double {
    (0..<count).map { _ in ContinuousClock().measure(body) / .seconds(1) }
      .min()!
  }
}

/// Operands of a product in both forms.
private final class PanelProduct<Compute: ComputeScalar> {
  private let rows: Int
  private let columns: Int
  private let depth: Int
  private let width = PanelFilter<Compute>.width
  private let left: UnsafeMutablePointer<Compute>
  /// `[depth, columns]`, and at least as large as the panels.
  private let right: UnsafeMutablePointer<Compute>
  private let result: UnsafeMutablePointer<Compute>

  init(rows: Int, columns: Int, depth: Int) {
    (self.rows, self.columns, self.depth) = (rows, columns, depth)
    func numbers(_ count: Int) -> UnsafeMutablePointer<Compute> {
      let numbers = allocateOperands(
        byteCount: count * MemoryLayout<Compute>.stride
      ).assumingMemoryBound(to: Compute.self)
      for index in 0..<count {
        numbers[index] = Compute(index % 17) / 16 - 0.5
      }
      return numbers
    }
    left = numbers(rows * depth)
    right = numbers(
      ceilDivide(columns, PanelFilter<Compute>.width)
        * PanelFilter<Compute>.width * depth)
    result = numbers(rows * columns)
  }

  deinit {
    left.deallocate()
    right.deallocate()
    result.deallocate()
  }

  func rates() -> ProductRate.Rates {
    SingleThreadedBLAS.shared.beginTask()
    defer { SingleThreadedBLAS.shared.endTask() }
    return ProductRate.Rates(
      blocks: (1...InstructionSet.blockRows).map { rows in
        rate { self.run(blockRows: rows) }
      },
      blas: rate {
        Compute.multiply(
          rows: self.rows, columns: self.columns, depth: self.depth, self.left,
          stride: self.depth, self.right, stride: self.columns,
          accumulate: false, into: self.result, stride: self.columns)
      })
  }

  private func rate(_ body: () -> Void) -> Double {
    let operations = 2 * Double(rows) * Double(columns) * Double(depth)
    let repetitions = max(1, Int(2e7 / operations))
    let best = ProductRate.bestTime(of: 9) {
      for _ in 0..<repetitions { body() }
    }
    return operations * Double(repetitions) / best
  }

  /// Rows in even blocks of at most so many, as implicit GEMM has them.
  private func run(blockRows: Int) {
    let sum = SumBlocks(taps: 1, depth: depth)
    let blocks = ceilDivide(rows, blockRows)
    let together = InstructionSet.panelsTogether(
      rows: ceilDivide(rows, blocks), terms: ceilDivide(depth, sum.count))
    withUnsafeTemporaryAllocation(
      of: UnsafePointer<Compute>?.self, capacity: rows
    ) { sources in
      withUnsafeTemporaryAllocation(
        of: UnsafeMutablePointer<Compute>?.self, capacity: rows
      ) { results in
        for row in 0..<rows { results[row] = result + row * columns }
        for index in 0..<sum.count {
          let terms = sum[index].channels
          for row in 0..<rows {
            sources[row] = UnsafePointer(left) + row * depth + terms.lowerBound
          }
          var offset = terms.lowerBound * width
          for first in stride(from: 0, to: columns, by: together * width) {
            for block in 0..<blocks {
              let start = rows * block / blocks
              Compute.multiplyPanels(
                rows: rows * (block + 1) / blocks - start,
                sources: sources.baseAddress! + start, taps: 1,
                depth: terms.count, offsets: &offset, right + first * depth,
                stride: depth * width, step: width,
                into: results.baseAddress! + start, column: first,
                columns: min(together * width, columns - first),
                adds: index > 0)
            }
          }
        }
      }
    }
  }
}
