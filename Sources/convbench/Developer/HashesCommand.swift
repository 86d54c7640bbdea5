import ArgumentParser
import ConvolutionTestSupport
import Convolutions

/// Prints a hash of each algorithm's result on random problems. The hashes stay
/// as they are where code is only moved; `scripts/hashes.sh` compares commits.
struct HashesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hashes",
    abstract: "Prints hashes of results on random problems and data.")

  @Option(help: "Problems.")
  var cases = 300

  @Option(help: "Seed of the problems and the data.")
  var seed: UInt64 = 20_260_301

  func validate() throws {
    guard cases >= 1 else {
      throw ValidationError("'--cases' must be at least 1.")
    }
  }

  func run() throws {
    var generator = SeededGenerator(seed: seed)
    for index in 0..<cases {
      let geometry = RandomGeometry.draw(using: &generator)
      let seed = seed &+ UInt64(index)
      for operation in ConvolutionOperation.allCases {
        for type in ScalarType.allCases {
          Self.print(operation, geometry, type.testType, seed: seed)
        }
      }
    }
  }

  /// A line for each algorithm that serves the problem, and kind of products.
  private static func print<Scalar: ConvolutionScalar>(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ type: Scalar.Type, seed: UInt64
  ) {
    let operands = operation.operands.enumerated().map { index, operand in
      LayerCheck.randomScalars(
        type, count: geometry.count(of: operand),
        seed: seed &* 2 &+ UInt64(index))
    }
    let prefill = LayerCheck.randomScalars(type, count: 1, seed: seed)[0]
    for algorithm in ConvolutionAlgorithm.allCases
    where algorithm != .automatic {
      for products in ProductProvider.allCases where products != .automatic {
        let options = ConvolutionOptions(
          algorithm: algorithm, threads: 2, products: products)
        guard
          let values = try? result(
            of: operation, geometry, options, operands[0], operands[1],
            prefill: prefill)
        else { continue }
        Swift.print(
          hash(values), operation.rawValue, algorithm.rawValue,
          products.rawValue, type.scalarType.rawValue,
          geometry.dataFormat.rawValue, geometry.descriptor)
      }
    }
  }

  /// FNV-1a, of the bytes.
  private static func hash<Scalar>(_ values: [Scalar]) -> String {
    let hash = values.withUnsafeBytes { bytes in
      bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { hash, byte in
        (hash ^ UInt64(byte)) &* 0x100_0000_01b3
      }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
