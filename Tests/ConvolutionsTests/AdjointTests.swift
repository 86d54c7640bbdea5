import ConvolutionTestSupport
import Convolutions
import Testing

/// `<conv(x, f), dy> == <x, backprop(f, dy)>`, on integers, to the last bit.
func expectAdjoint(
  _ geometry: Conv2DGeometry, _ algorithm: ConvolutionAlgorithm,
  seed: UInt64 = 9, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  var generator = SeededGenerator(seed: seed)
  let input = generator.integers(geometry.inputCount, in: -9...9)
  let filter = generator.integers(geometry.filterCount, in: -9...9)
  let outBackprop = generator.integers(geometry.outBackpropCount, in: -9...9)
  let output = IntegerReference.forward(
    geometry, filter: filter, input: input)
  let result = try inputGradient(
    geometry, .exact(algorithm), filter: filter.map(Double.init),
    outBackprop: outBackprop.map(Double.init), prefill: .nan)
  let isFinite = result.allSatisfy { $0.isFinite }
  try #require(isFinite, sourceLocation: sourceLocation)
  let left = zip(output, outBackprop).reduce(0) { $0 + $1.0 * $1.1 }
  let right = zip(input, result).reduce(0) { $0 + $1.0 * Int64($1.1) }
  #expect(left == right, "\(algorithm)", sourceLocation: sourceLocation)
}

/// A dilated problem as a dense one, with zeros between the weights.
struct ZeroStuffed {
  let geometry: Conv2DGeometry
  let filter: [Int64]

  init(_ dilated: Conv2DGeometry, _ weights: [Int64]) throws {
    let (rows, columns) = (dilated.kernelHeight, dilated.kernelWidth)
    let height = (rows - 1) * dilated.dilations[0] + 1
    let width = (columns - 1) * dilated.dilations[1] + 1
    let block = dilated.filterSizes[2] * dilated.outputChannels
    var filter = [Int64](repeating: 0, count: height * width * block)
    for r in 0..<rows {
      for c in 0..<columns {
        let tap = r * dilated.dilations[0] * width + c * dilated.dilations[1]
        for k in 0..<block {
          filter[tap * block + k] = weights[(r * columns + c) * block + k]
        }
      }
    }
    self.filter = filter
    geometry = try Conv2DGeometry(
      inputSizes: dilated.inputSizes,
      filterSizes: [height, width] + dilated.filterSizes[2...],
      outBackpropSizes: dilated.outBackpropSizes,
      strides: dilated.dataFormat.order(
        height: dilated.strides[0], width: dilated.strides[1]),
      padding: .explicit(
        top: dilated.padTop, bottom: dilated.padBottom, left: dilated.padLeft,
        right: dilated.padRight, dataFormat: dilated.dataFormat),
      dataFormat: dilated.dataFormat)
  }
}

@Suite("The input gradient is the adjoint of the convolution")
struct AdjointTests {
  static let problems = [
    "mb2ic5ih9iw7oc6oh9ow7kh3kw3sh1sw1ph1pw1",
    "mb3ic4ih11iw8oc5oh4ow3kh4kw3sh3sw2dh1dw1ph2pw1",
    "g3mb2ic6ih8iw9oc12oh4ow3kh3kw5sh2sw3ph1pw2",
    "mb2ic7ih5iw6oc3oh9ow10kh2kw2sh1sw1dh1dw1ph3pw3",
    "mb2ic33ih4iw5oc17oh4ow5kh1kw1sh1sw1ph0pw0",
    "g4mb2ic4ih7iw7oc8oh7ow7kh3kw3sh1sw1ph1pw1",
    "mb2ic3ih17iw23oc5oh3ow3kh2kw3sh7sw8ph0pw1",
  ]

  @Test(arguments: problems, DataFormat.allCases)
  func adjoint(_ descriptor: String, _ format: DataFormat) throws {
    let geometry = try problem(descriptor, format)
    for algorithm in ConvolutionAlgorithm.allCases
    where serves(algorithm, geometry) {
      for seed in UInt64(1)...3 {
        try expectAdjoint(geometry, algorithm, seed: seed)
      }
    }
  }
}
