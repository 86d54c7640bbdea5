import ConvolutionTestSupport
import Convolutions
import Foundation

/// One measured combination of problem, type, layout, threads, algorithm,
/// products and accuracy.
struct BenchRow: Sendable {
  enum Status: String, Sendable {
    case ok
    /// The result is wrong; not timed.
    case failed
    /// The algorithm, or the machine, cannot serve the problem.
    case unsupported
  }

  var name: String
  var shortProblem: String
  var operation: ConvolutionOperation
  var type: ScalarType
  var geometry: Conv2DGeometry
  /// What a log says, where the problem is from one.
  var logged: LoggedCalls?
  var threads = 1
  /// What was asked for.
  var request = ConvolutionAlgorithm.automatic
  var products = ProductProvider.automatic
  var accuracy = Accuracy.standard
  /// What the plan took.
  var algorithm: ConvolutionAlgorithm?
  /// How the plan cuts the work, in words, and the error it expects: the same
  /// for plans that do the same.
  var cut: String?
  var workspaceByteCount: Int?
  var timing: Timing?
  /// The direct kernel's best time, in milliseconds.
  var directMinimum: Double?
  /// The best time to prepare the filter, in milliseconds.
  var preparation: Double?
  /// Operations a second of this machine's GEMM, on one thread.
  var gemmRate: Double?
  var errors: LayerCheck.Errors?
  /// Those of the direct kernel, which adds one term after the other.
  var directErrors: LayerCheck.Errors?
  var status = Status.ok
  /// Why the status is not `ok`.
  var reason: String?

  init(
    name: String, shortProblem: String,
    operation: ConvolutionOperation = .inputGradient, type: ScalarType,
    geometry: Conv2DGeometry
  ) {
    self.name = name
    self.shortProblem = shortProblem
    self.operation = operation
    self.type = type
    self.geometry = geometry
  }
}

// MARK: - What follows from the measurements

extension BenchRow {
  /// Nominal GFLOP/s of the best time.
  var gflops: Double? {
    timing.flatMap { finite(geometry.flops / ($0.minimum * 1e6)) }
  }

  /// Share of the GEMM rate of as many threads as asked for.
  var gemmFraction: Double? {
    guard let gflops, let gemmRate else { return nil }
    return finite(gflops * 1e9 / (gemmRate * Double(threads)))
  }

  /// Bytes of the operands and the result, each of which must be moved once.
  var byteCount: Double {
    Double(type.byteCount)
      * (Double(geometry.inputCount) + Double(geometry.filterCount)
        + Double(geometry.outBackpropCount))
  }

  var speedup: Double? {
    guard let timing, let directMinimum else { return nil }
    return finite(directMinimum / timing.minimum)
  }

  /// A problem without work, or a clock that stood still, gives no rate.
  private func finite(_ value: Double) -> Double? {
    value.isFinite ? value : nil
  }
}
