import Convolutions

/// Where the terms of one axis show in a result that Winograd makes, and how
/// much of their rounding errors does.
///
/// In a tile, position `l` of the source and tap `j` give output `i`
///
///     sum over products t of A[i][t] G[t][j] B[t][l]
///
/// which is 1 where `l = i + j`, else 0; and its roundings are a few units of
/// the same sum of magnitudes. Of outputs so far from the true one, `l - j`, the
/// growth is the largest such sum in any tile that has them: so it is the same
/// wherever tiles begin. That of two axes is the product.
package struct TransformAxis: Sendable {
  /// A position of the result.
  struct Place: Sendable {
    let index: Int
    /// Whether the term belongs here, or only its rounding errors.
    let isTrue: Bool
    let growth: Double
  }

  /// Positions of the source; of the filter gradient, of the input.
  let sources: Int
  /// Taps; of the filter gradient, windows.
  let others: Int
  /// Positions of the result; of the filter gradient, taps.
  let results: Int
  /// Positions of the source so far apart are in no tile together; at most all.
  let period: Int
  private let table: [[Place]]

  init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    axis: Int, _ set: WinogradSet
  ) {
    let g = geometry
    let (input, output, kernel, pad) =
      axis == 0
      ? (g.inputHeight, g.outputHeight, g.kernelHeight, g.padTop)
      : (g.inputWidth, g.outputWidth, g.kernelWidth, g.padLeft)
    let (stride, dilation) = (g.strides[axis], g.dilations[axis])
    let growth: Growth
    // From the outputs of a tile to the next in the result, and from its inputs
    // in the source.
    let (step, sourceStep): (Int, Int)
    switch operation {
    case .inputGradient:
      (sources, others, results) = (output, kernel, input)
      // Taps of a phase lie `apart` taps from each other.
      let apart = stride / Self.divisor(stride, dilation)
      sourceStep = dilation / Self.divisor(stride, dilation)
      step = stride * sourceStep
      growth = Growth.of(set, taps: (kernel + apart - 1) / apart)
    case .forward:
      (sources, others, results) = (input, kernel, output)
      // With a stride, classes of the source are channels of their own.
      (step, sourceStep) = stride == 1 ? (dilation, dilation) : (1, stride)
      growth = Growth.of(set, taps: (kernel + stride - 1) / stride)
    case .filterGradient:
      (sources, others, results) = (input, output, kernel)
      (step, sourceStep) = (1, 1)
      growth = Growth.of(
        set, taps: kernel == 1 ? 1 : set.inputs - kernel + 1)
    }
    period = max(1, min(sources, growth.values.count * sourceStep))
    let (others, results) = (others, results)
    table = (0..<sources * others).map { pair in
      let (source, other) = (pair / max(1, others), pair % max(1, others))
      let place: Int
      switch operation {
      case .inputGradient:
        place = source * stride - pad + other * dilation
      case .forward:
        let offset = source + pad - other * dilation
        guard offset.isMultiple(of: stride) else { return [] }
        place = offset / stride
      case .filterGradient: place = source + pad - other
      }
      return growth.values.indices.compactMap { index in
        let distance = index - growth.values.count / 2
        let at = place + distance * step
        let isTrue = distance == 0
        guard (0..<results).contains(at), growth.values[index] > 0 else {
          return nil
        }
        return Place(
          index: at, isTrue: isTrue, growth: growth.values[index])
      }
    }
  }

  /// Where a source position and a tap, or a window, show.
  func places(source: Int, other: Int) -> [Place] {
    table[source * others + other]
  }

  private static func divisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : divisor(b, a % b)
  }

  /// The growth by the distance from the true output, which is in the middle.
  package struct Growth: Sendable {
    package let values: [Double]

    /// One tap has no transform.
    package static func of(_ set: WinogradSet, taps: Int) -> Growth {
      taps == 1 || !set.taps.contains(taps) ? plain : tables[set.rawValue]!
    }

    private static let plain = Growth(values: [1])

    /// The same for any number of taps, but for rounding: a product takes of an
    /// output and of a tap what it takes of the power that is their sum.
    private static let tables: [Int: Growth] = Dictionary(
      uniqueKeysWithValues: WinogradSet.allCases.map { set in
        (
          set.rawValue,
          set.taps.map { Growth(set.matrices(taps: $0)) }.reduce(plain) {
            $0.values.count < $1.values.count
              ? $1 : Growth(values: zip($0.values, $1.values).map(max))
          }
        )
      })

    private init(values: [Double]) { self.values = values }

    private init(_ matrices: ToomCook) {
      let inputs = matrices.inputs
      var values = [Double](repeating: 0, count: 2 * inputs - 1)
      let output = matrices.outputTransform.map { $0.map(\.double) }
      let filter = matrices.filterTransform.map { $0.map(\.double) }
      let input = matrices.inputTransform.map { $0.map(\.double) }
      for (i, row) in output.enumerated() {
        for j in 0..<filter[0].count {
          for l in 0..<inputs {
            let sum = row.indices.reduce(0.0) {
              $0 + abs(row[$1] * filter[$1][j] * input[$1][l])
            }
            let distance = i - (l - j)
            values[distance + inputs - 1] = max(
              values[distance + inputs - 1], sum)
          }
        }
      }
      self.init(values: values)
    }
  }
}
