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
/// transforms, at most ``transformTerms``. Of uniform data its relative Frobenius
/// error must also keep the promise of the ``Accuracy``, beside the error of sums
/// in one chain on the same data; `m` results leave chance a share `4 / sqrt(m)`.
struct BoundProblem<Scalar: TestScalar>: VerificationProblem {
  /// Roundings of the transforms of a value: two axes there and back, of at
  /// most 11 products each, and the filter's.
  private static var transformTerms: Int { 64 }

  private let operation: ConvolutionOperation
  private let geometry: Conv2DGeometry
  private let kind: BoundData
  private let first: [Scalar]
  private let second: [Scalar]
  private let reference: DoubleDoubleReference

  init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry, seed: UInt64
  ) {
    self.operation = operation
    self.geometry = geometry
    kind = BoundData(seed: seed)
    let terms = max(1, IntegerReference.longestSum(operation, geometry))
    // Sums stay far from the largest number of the type.
    let most = Scalar.scalarType == .float16 ? 12 : 60
    let shift = min(0, most - (Int.bitWidth - terms.leadingZeroBitCount)) / 2
    var generator = SeededGenerator(seed: seed ^ 0xB0_04D)
    second = Self.draw(
      geometry.count(of: operation.operands[1]), kind, exponent: shift,
      using: &generator)
    var weights = Self.draw(
      geometry.count(of: operation.operands[0]), kind, exponent: shift,
      using: &generator)
    if kind == .cancelling {
      // Neighbours of opposite signs under almost constant data.
      for index in weights.indices where index % 2 == 1 {
        weights[index] = Scalar(
          bits: weights[index - 1].bits ^ Scalar.signBit)
      }
    }
    first = weights
    reference = DoubleDoubleReference(
      operation, geometry, doubles(first), doubles(second))
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
      let plan = try operation.plan(
        Scalar.self, geometry, options: test.options)
      return judge(
        result(of: plan, first, second, prefill: .notANumber), plan,
        test.options.accuracy)
    } catch .unsupported(_, let reason) {
      return .skipped("\(test.algorithm.rawValue): \(reason)")
    } catch .inaccurate {
      return .skipped(
        "\(test.algorithm.rawValue): it might break the promised accuracy")
    } catch {
      return .failed("error: \(error)")
    }
  }

  /// The relative Frobenius error that an accuracy allows on these data.
  private func allowedError(_ accuracy: Accuracy) -> Double {
    func chains<Compute: BinaryFloatingPoint>(_ type: Compute.Type) -> Double {
      let terms = ResultTerms(operation, geometry)
      let (first, second) = (doubles(first), doubles(second))
      var (squares, errorSquares, count) = (0.0, 0.0, 0.0)
      for (place, element) in reference.elements.enumerated()
      where element.terms > 0 {
        var sum: Compute = 0
        terms.forEachRun(of: place) { run in
          for index in 0..<run.count {
            sum.addProduct(
              Compute(first[run.first + index * run.firstStride]),
              Compute(second[run.second + index * run.secondStride]))
          }
        }
        let error = element.sum.error(of: Double(sum))
        squares += element.sum.value * element.sum.value
        errorSquares += error * error
        count += 1
      }
      let chain = (errorSquares / squares).squareRoot()
      let standard = Scalar.scalarType == .float64 ? 1e-6 * 0x1p-29 : 1e-6
      let allowed = accuracy == .tight ? 1.05 * chain : max(standard, chain)
      return allowed * (1 + 4 / count.squareRoot())
    }
    return Scalar.scalarType == .float64
      ? chains(Double.self) : chains(Float.self)
  }

  private func judge(
    _ result: [Scalar], _ plan: OperationPlan,
    _ accuracy: Accuracy
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
    // Terms that Winograd sums at a point of its transform.
    let depth =
      switch operation {
      case .inputGradient: geometry.outputChannels / geometry.groups
      case .forward: geometry.filterSizes[2]
      case .filterGradient:
        geometry.batch * geometry.outputHeight * geometry.outputWidth
      }

    var worst = ErrorRatios(bound: 0, quality: nil, promise: nil)
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
    if growth != nil, kind == .uniform, !isNarrow, squares > 0 {
      worst.promise =
        (errorSquares / squares).squareRoot()
        / allowedError(accuracy)
    }
    if max(worst.bound, worst.quality ?? 0, worst.promise ?? 0) > 1 {
      return .failed("\(worst.description) of \(kind) data")
    }
    return .within(worst)
  }

  /// For each element of the result, the sum over channels of the largest
  /// magnitude of the second operand's image by the largest |filter| of any tap;
  /// of the filter gradient, over images, of the largest of the two channels.
  private func tileMagnitudes() -> [Double] {
    let g = geometry
    let isNHWC = g.dataFormat == .nhwc
    let (cin, cout) = (g.inputChannels, g.outputChannels)
    let (block, depth) = (g.filterSizes[2], cout / g.groups)

    /// The largest magnitude of each channel of each image.
    func largest(_ scalars: [Scalar], channels: Int) -> [Double] {
      var largest = [Double](repeating: 0, count: g.batch * channels)
      let plane = scalars.count / max(1, largest.count)
      for (index, value) in doubles(scalars).enumerated() {
        let image = index / (plane * channels)
        let channel =
          isNHWC ? index % channels : index / plane % channels
        let place = image * channels + channel
        largest[place] = max(largest[place], abs(value))
      }
      return largest
    }
    /// An element's image and channel.
    func place(_ index: Int, channels: Int) -> (Int, Int) {
      let plane = g.count(of: operation.result) / (g.batch * channels)
      return (
        index / (plane * channels),
        isNHWC ? index % channels : index / plane % channels
      )
    }
    var weights = [Double](repeating: 0, count: block * cout)
    if operation != .filterGradient {
      for (index, value) in doubles(first).enumerated() {
        let place = index % weights.count
        weights[place] = max(weights[place], abs(value))
      }
    }
    switch operation {
    case .inputGradient:
      let largest = largest(second, channels: cout)
      let sums = (0..<g.batch * cin).map { place in
        let (n, ci) = (place / cin, place % cin)
        return (ci / block * depth..<(ci / block + 1) * depth).reduce(0.0) {
          $0 + largest[n * cout + $1] * weights[ci % block * cout + $1]
        }
      }
      return (0..<g.inputCount).map {
        let (n, ci) = place($0, channels: cin)
        return sums[n * cin + ci]
      }
    case .forward:
      let largest = largest(second, channels: cin)
      let sums = (0..<g.batch * cout).map { place in
        let (n, co) = (place / cout, place % cout)
        return (0..<block).reduce(0.0) {
          $0 + largest[n * cin + co / depth * block + $1]
            * weights[$1 * cout + co]
        }
      }
      return (0..<g.outBackpropCount).map {
        let (n, co) = place($0, channels: cout)
        return sums[n * cout + co]
      }
    case .filterGradient:
      let inputs = largest(first, channels: cin)
      let outputs = largest(second, channels: cout)
      let windows = Double(g.outputHeight * g.outputWidth)
      return (0..<g.filterCount).map { place in
        let (k, co) = (place / cout % block, place % cout)
        return (0..<g.batch).reduce(0.0) {
          $0 + windows * inputs[$1 * cin + co / depth * block + k]
            * outputs[$1 * cout + co]
        }
      }
    }
  }
}

/// `value * 2^exponent`.
private func scaled(_ value: Double, _ exponent: Int) -> Double {
  Double(sign: .plus, exponent: exponent, significand: value)
}
