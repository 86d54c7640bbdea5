import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation

/// Shows how fast the matrix products are that a layer's tiles consist of.
struct ProductsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "products",
    abstract: "Shows how fast matrix products are at the layers' tile sizes.",
    discussion: """
      Products of rows with a filter packed in panels, as implicit GEMM has them, \
      in register blocks of 1, 2, … rows and as an algorithm cuts them, beside the \
      linked BLAS; as shares of the peak of fused multiply-adds that was measured \
      in the same run. On one thread.
      """)

  @OptionGroup
  var problems: ProblemArguments

  @Option(name: .customLong("dtype"), help: "Type of the scalars.")
  var type = ScalarType.float32

  @Option(name: .customLong("op"), help: "Operation.")
  var operation = ConvolutionOperation.inputGradient

  func validate() throws {
    guard [.float32, .float64].contains(type) else {
      throw ValidationError(
        "'--dtype' is f32 or f64: half types are multiplied in f32.")
    }
    guard operation != .filterGradient else {
      throw ValidationError("The filter gradient has no such products.")
    }
  }

  func run() throws {
    if type == .float64 { try run(Double.self) } else { try run(Float.self) }
  }

  private func run<Scalar: ConvolutionScalar>(_ type: Scalar.Type) throws {
    let problems = try problems.chosen()
    let peak = ProductRate.peak(type)
    print(
      "\(InstructionSet.current.rawValue), \(BLASRuntime.coreName), "
        + "\(Scalar.scalarType.rawValue), peak "
        + String(format: "%.1f GFLOP/s", peak / 1e9)
        + "; shares of it, blocks of 1, 2, … rows")
    var shares: [(panels: Double, blas: Double)] = []
    var seen: Set<[Int]> = []
    for problem in problems {
      let geometry = try problem.geometry(.nhwc)
      guard
        let size = ProductRate.tileSize(geometry, operation, self.type),
        seen.insert(size).inserted
      else { continue }
      let rates = ProductRate.measure(
        type, rows: size[0], columns: size[1], depth: size[2])
      func share(_ rate: Double) -> String {
        String(format: "%.2f", rate / peak)
      }
      print(
        problem.label.padded(to: 22)
          + size.map(String.init).joined(separator: "x").padded(to: 14)
          + "panels \(share(rates.panels)) blas \(share(rates.blas))  "
          + rates.blocks.map(share).joined(separator: " "))
      shares.append((rates.panels / peak, rates.blas / peak))
    }
    guard !shares.isEmpty else { return }
    func line(_ name: String, _ values: [Double]) -> String {
      String(
        format: "\(name): mean %.2f, least %.2f",
        values.reduce(0, +) / Double(values.count), values.min()!)
    }
    print(line("panels", shares.map(\.panels)))
    print(line("blas", shares.map(\.blas)))
  }
}
