import ArgumentParser
import Convolutions
import Foundation

/// An example: trains a decoder of handwritten digits, in Swift alone.
@main
struct Digits: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Trains a small decoder of handwritten digits.",
    discussion: """
      The file is scikit-learn's digits.csv: a line an image, 64 pixels from 0 \
      to 16 and the digit. scripts/digits.sh brings it and runs this.
      """)

  @Argument(help: "digits.csv")
  var path: String

  @Option(help: "Times to go through the images.")
  var epochs = 10

  func run() throws {
    let batches = try Self.batches(path)
    var decoder = try Decoder()
    for epoch in 1...max(1, epochs) {
      let start = ContinuousClock.now
      var sum = 0.0
      for batch in batches {
        sum += decoder.step(codes: batch.codes, pixels: batch.pixels)
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      print(
        "epoch \(epoch) loss", sum / Double(batches.count),
        String(format: "seconds %.3f", seconds))
    }
  }

  private typealias Batch = (codes: Tensor<Float>, pixels: Tensor<Float>)

  /// Whole batches of images, and the means of their 2x2 squares.
  private static func batches(_ path: String) throws -> [Batch] {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let images = try text.split(separator: "\n").map { line in
      let numbers = line.split(separator: ",").compactMap { Float($0) }
      guard numbers.count == 65 else {
        throw ValidationError("\(path): a line has \(numbers.count) numbers")
      }
      return numbers[..<64].map { $0 / 16 }
    }
    let size = Decoder.batch
    return try (0..<images.count / size).map { batch in
      let part = images[batch * size..<(batch + 1) * size]
      return (
        try Tensor(
          shape: [size, 1, 1, 16], scalars: part.flatMap(Self.squares)),
        try Tensor(shape: [size, 8, 8, 1], scalars: part.flatMap { $0 })
      )
    }
  }

  private static func squares(_ image: [Float]) -> [Float] {
    (0..<16).map { square in
      let corner = square / 4 * 16 + square % 4 * 2
      return [0, 1, 8, 9].reduce(0) { $0 + image[corner + $1] } / 4
    }
  }
}
