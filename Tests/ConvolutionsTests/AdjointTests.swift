import ConvolutionTestSupport
import Convolutions
import Testing

/// `<conv(x, f), dy> == <x, backprop(f, dy)>`, on integers, to the last bit.
func expectAdjoint(
  _ geometry: Conv2DGeometry, _ algorithm: InputGradientAlgorithm,
  seed: UInt64 = 9, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  var generator = SeededGenerator(seed: seed)
  func integers(_ count: Int) -> [Int64] {
    (0..<count).map { _ in Int64(generator.int(-9...9)) }
  }
  let input = integers(geometry.inputCount)
  let filter = integers(geometry.filterCount)
  let outBackprop = integers(geometry.outBackpropCount)
  let output = forward(geometry, input, filter)
  let result = try inputGradient(
    geometry, .exact(algorithm), filter: filter.map(Double.init),
    outBackprop: outBackprop.map(Double.init), prefill: .nan)
  let isFinite = result.allSatisfy { $0.isFinite }
  try #require(isFinite, sourceLocation: sourceLocation)
  let left = zip(output, outBackprop).reduce(0) { $0 + $1.0 * $1.1 }
  let right = zip(input, result).reduce(0) { $0 + $1.0 * Int64($1.1) }
  #expect(left == right, "\(algorithm)", sourceLocation: sourceLocation)
}

/// The forward convolution, from its definition.
private func forward(
  _ g: Conv2DGeometry, _ input: [Int64], _ filter: [Int64]
) -> [Int64] {
  func place(
    _ n: Int, _ y: Int, _ x: Int, _ c: Int, _ h: Int, _ w: Int, _ channels: Int
  ) -> Int {
    g.dataFormat == .nhwc
      ? ((n * h + y) * w + x) * channels + c
      : ((n * channels + c) * h + y) * w + x
  }
  var output = [Int64](repeating: 0, count: g.outBackpropCount)
  let block = g.filterSizes[2]
  let depth = g.outputChannels / g.groups
  for n in 0..<g.batch {
    for co in 0..<g.outputChannels {
      for oh in 0..<g.outputHeight {
        for ow in 0..<g.outputWidth {
          var sum: Int64 = 0
          for r in 0..<g.kernelHeight {
            let y = oh * g.strides[0] + r * g.dilations[0] - g.padTop
            guard (0..<g.inputHeight).contains(y) else { continue }
            for c in 0..<g.kernelWidth {
              let x = ow * g.strides[1] + c * g.dilations[1] - g.padLeft
              guard (0..<g.inputWidth).contains(x) else { continue }
              for k in 0..<block {
                let source = place(
                  n, y, x, co / depth * block + k, g.inputHeight, g.inputWidth,
                  g.inputChannels)
                let weight =
                  ((r * g.kernelWidth + c) * block + k) * g.outputChannels + co
                sum += input[source] * filter[weight]
              }
            }
          }
          let target = place(
            n, oh, ow, co, g.outputHeight, g.outputWidth, g.outputChannels)
          output[target] = sum
        }
      }
    }
  }
  return output
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
        batch: 1, height: dilated.strides[0], width: dilated.strides[1],
        channels: 1),
      padding: .explicit(
        top: dilated.padTop, bottom: dilated.padBottom, left: dilated.padLeft,
        right: dilated.padRight, dataFormat: dilated.dataFormat),
      dataFormat: dilated.dataFormat)
  }
}

@Suite struct AdjointTests {
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
    for algorithm in InputGradientAlgorithm.allCases
    where serves(algorithm, geometry) {
      for seed in UInt64(1)...3 {
        try expectAdjoint(geometry, algorithm, seed: seed)
      }
    }
  }

  /// Linear in each argument; exact with small integers.
  @Test(arguments: problems, forcedAlgorithms)
  func linear(_ descriptor: String, _ algorithm: InputGradientAlgorithm) throws
  {
    let geometry = try problem(descriptor, .nchw)
    guard serves(algorithm, geometry) else { return }
    var generator = SeededGenerator(seed: 4)
    func integers(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float(generator.int(-9...9)) }
    }
    func run(_ filter: [Float], _ outBackprop: [Float]) throws -> [Float] {
      try inputGradient(
        geometry, .exact(algorithm), filter: filter,
        outBackprop: outBackprop, prefill: .nan)
    }
    let (f1, f2) = (
      integers(geometry.filterCount), integers(geometry.filterCount)
    )
    let (d1, d2) = (
      integers(geometry.outBackpropCount), integers(geometry.outBackpropCount)
    )
    let base = try run(f1, d1)
    #expect(
      try run(f1, zip(d1, d2).map { $0 + 2 * $1 })
        == zip(base, try run(f1, d2)).map { $0 + 2 * $1 })
    #expect(
      try run(zip(f1, f2).map { 3 * $0 - $1 }, d1)
        == zip(base, try run(f2, d1)).map { 3 * $0 - $1 })
  }

  /// The two data formats hold the same numbers.
  @Test(arguments: problems, forcedAlgorithms)
  func formatsAgree(
    _ descriptor: String, _ algorithm: InputGradientAlgorithm
  ) throws {
    let nhwc = try problem(descriptor, .nhwc)
    guard serves(algorithm, nhwc) else { return }
    let nchw = try problem(descriptor, .nchw)
    guard serves(algorithm, nchw) else { return }
    let data = ExactData.outBackprop(Float.self, nhwc, seed: 13).scalars
    let filter = ExactData.filter(Float.self, nhwc, seed: 13).scalars
    func run(_ geometry: Conv2DGeometry) throws -> [Float] {
      try inputGradient(
        geometry, .exact(algorithm), filter: filter,
        outBackprop: arrange(
          data, sizes: nhwc.outBackpropSizes, as: geometry.dataFormat),
        prefill: .nan)
    }
    #expect(
      try run(nchw)
        == arrange(try run(nhwc), sizes: nhwc.inputSizes, as: .nchw))
  }
}
