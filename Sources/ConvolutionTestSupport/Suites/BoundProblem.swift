import Convolutions

/// Kinds of real data, by the seed.
enum BoundData: Int, CaseIterable {
  case uniform, wide, cancelling, positive, outlier

  init(seed: UInt64) {
    self.init(rawValue: Int(seed / 2 % UInt64(Self.allCases.count)))!
  }
}

/// Real data, against sums of twice the precision of a double: no element may
/// be further off than rounding errors can bring it.
///
/// With `n` terms, `S` the sum of their magnitudes and `u` the rounding unit of
/// the type that sums are taken in, whatever their order:
///
///     |error| <= g S + v (|r| + g S) + e / 2 + n f / 2,  g = n u / (1 - n u)
///
/// `v` is the unit of the storage type where that is narrower, else 0; `e` and
/// `f` are the smallest positive numbers of the storage and of the compute type.
/// Source: Higham, Accuracy and Stability of Numerical Algorithms, 2002, 3.1.
///
/// Winograd mixes the taps of a tile. With the largest magnitude of each channel
/// in its image and in the filter in place of the terms, `S` becomes their
/// products' sum, grown by the row sums of the transforms' magnitudes
/// (`InputGradientPlan.errorGrowth`), and `n` the depth and the terms of the
/// transforms, at most ``transformTerms``.
struct BoundProblem<Scalar: TestScalar>: VerificationProblem {
  /// Roundings of the transforms of a value: two axes there and back, of at
  /// most 11 products each, and the filter's.
  private static var transformTerms: Int { 64 }

  private let geometry: Conv2DGeometry
  private let kind: BoundData
  private let filter: [Scalar]
  private let outBackprop: [Scalar]
  private let reference: DoubleDoubleReference

  init(_ geometry: Conv2DGeometry, seed: UInt64) {
    self.geometry = geometry
    kind = BoundData(seed: seed)
    let terms = max(1, IntegerReference.longestSum(geometry))
    // Sums stay far from the largest number of the type.
    let most = Scalar.scalarType == .float16 ? 12 : 60
    let shift = min(0, most - (Int.bitWidth - terms.leadingZeroBitCount)) / 2
    var generator = SeededGenerator(seed: seed ^ 0xB0_04D)
    outBackprop = Self.draw(
      geometry.outBackpropCount, kind, exponent: shift, using: &generator)
    var weights = Self.draw(
      geometry.filterCount, kind, exponent: shift, using: &generator)
    if kind == .cancelling {
      // Neighbours of opposite signs under almost constant data.
      for index in weights.indices where index % 2 == 1 {
        weights[index] = Scalar(
          bits: weights[index - 1].bits ^ Scalar.signBit)
      }
    }
    filter = weights
    reference = DoubleDoubleReference(
      geometry, filter: doubles(filter), outBackprop: doubles(outBackprop))
  }

  private static func draw(
    _ count: Int, _ kind: BoundData, exponent: Int,
    using generator: inout SeededGenerator
  ) -> [Scalar] {
    let isHalf = Scalar.scalarType == .float16
    let outlier = count == 0 ? 0 : generator.int(0...count - 1)
    return (0..<count).map { index in
      // Multiples of 2^-52 in [-1, 1).
      var value = Int64(bitPattern: generator.next()) >> 11
      var scale = exponent - 52
      switch kind {
      case .uniform: break
      case .wide: scale += generator.int(isHalf ? -8...0 : -24...12)
      case .cancelling: value = value >> 10 + 1 << 51
      case .positive: value = abs(value)
      case .outlier: if index == outlier { scale += isHalf ? 3 : 10 }
      }
      return Scalar(rounding: value, exponent: scale)
    }
  }

  func run(_ test: VerificationCase) -> VerificationOutcome {
    do {
      let plan = try InputGradientPlan<Scalar>(geometry, options: test.options)
      let result = inputGradient(
        plan, filter: plan.prepare(filter: filter.span),
        outBackprop: outBackprop, prefill: .notANumber)
      return judge(result, plan)
    } catch .unsupported(_, let reason) {
      return .skipped("\(test.algorithm.rawValue): \(reason)")
    } catch {
      return .failed("error: \(error)")
    }
  }

  private func judge(
    _ result: [Scalar], _ plan: InputGradientPlan<Scalar>
  ) -> VerificationOutcome {
    let type = Scalar.scalarType
    let isDouble = type == .float64
    let unit = isDouble ? 0x1p-53 : 0x1p-24
    let isNarrow = type == .float16 || type == .bfloat16
    let storageUnit =
      isNarrow ? scaled(1, -Scalar.significandBits - 1) : 0
    let smallest = scaled(1, Scalar.smallestExponent)
    let smallestSum = isDouble ? 0x1p-1074 : 0x1p-149
    let growth = plan.errorGrowth
    let tileMagnitudes = growth.map { _ in self.tileMagnitudes() }
    let depth = geometry.outputChannels / geometry.groups

    var worst = ErrorRatios(bound: 0, quality: nil)
    var (squares, errorSquares) = (0.0, 0.0)
    for (index, element) in reference.elements.enumerated() {
      let got = result[index].asDouble
      guard got.isFinite else {
        return .failed("result \(index) is \(got)")
      }
      if element.terms == 0, result[index].bits != 0 {
        return .failed("no tap reaches result \(index), which is \(got)")
      }
      let error = abs(element.sum.error(of: got))
      let magnitude =
        growth.map { $0 * tileMagnitudes![index] } ?? element.magnitude
      let terms =
        growth == nil ? element.terms : depth + Self.transformTerms
      let n = Double(terms)
      let sumError =
        n * unit / (1 - n * unit) * magnitude + n * smallestSum / 2
      let rounding =
        storageUnit * (abs(element.sum.value) + sumError)
        + (isNarrow ? smallest / 2 : 0)
      let bound = sumError + rounding
      if error > 0 { worst.bound = max(worst.bound, error / bound) }
      if growth == nil, !isNarrow, element.magnitude > 0 {
        let ofSum = max(0, error - n * smallestSum / 2)
        let gate = (2 * n.squareRoot() + 4) * unit * element.magnitude
        worst.quality = max(worst.quality ?? 0, ofSum / gate)
      }
      squares += element.sum.value * element.sum.value
      errorSquares += error * error
    }
    if let expected = plan.expectedError, kind == .uniform, !isNarrow,
      squares > 0
    {
      worst.quality =
        (errorSquares / squares).squareRoot() / (3 * expected)
    }
    if worst.bound > 1 || worst.quality ?? 0 > 1 {
      return .failed(
        "error over its bound \(worst.bound), over what is usual "
          + "\(worst.quality.map { "\($0)" } ?? "-"), \(kind) data")
    }
    return .within(worst)
  }

  /// For each element of the result, the sum over channels of the largest
  /// |out_backprop| of the image by the largest |filter| of any tap.
  private func tileMagnitudes() -> [Double] {
    let g = geometry
    let isNHWC = g.dataFormat == .nhwc
    let depth = g.outputChannels / g.groups
    let block = g.filterSizes[2]
    let plane = g.outputHeight * g.outputWidth
    var largest = [Double](repeating: 0, count: g.batch * g.outputChannels)
    for (index, value) in doubles(outBackprop).enumerated() {
      let image = index / (plane * g.outputChannels)
      let channel =
        isNHWC
        ? index % g.outputChannels : index / plane % g.outputChannels
      let place = image * g.outputChannels + channel
      largest[place] = max(largest[place], abs(value))
    }
    var weights = [Double](repeating: 0, count: block * g.outputChannels)
    for (index, value) in doubles(filter).enumerated() {
      let place = index % weights.count
      weights[place] = max(weights[place], abs(value))
    }
    var sums = [Double](repeating: 0, count: g.batch * g.inputChannels)
    for n in 0..<g.batch {
      for ci in 0..<g.inputChannels {
        let first = ci / block * depth
        for co in first..<first + depth {
          sums[n * g.inputChannels + ci] +=
            largest[n * g.outputChannels + co]
            * weights[ci % block * g.outputChannels + co]
        }
      }
    }
    let image = g.inputHeight * g.inputWidth * g.inputChannels
    return (0..<g.inputCount).map { index in
      let ci =
        isNHWC
        ? index % g.inputChannels
        : index / (g.inputHeight * g.inputWidth) % g.inputChannels
      return sums[index / image * g.inputChannels + ci]
    }
  }
}

/// `value * 2^exponent`.
private func scaled(_ value: Double, _ exponent: Int) -> Double {
  Double(sign: .plus, exponent: exponent, significand: value)
}
