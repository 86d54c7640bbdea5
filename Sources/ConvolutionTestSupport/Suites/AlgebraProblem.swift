import Convolutions

/// One ``AlgebraicIdentity`` on integer data: both sides are computed by the
/// library, to the same bits.
///
/// The other side takes the same algorithm where that can serve it.
struct AlgebraProblem<Scalar: TestScalar>: VerificationProblem {
  private let identity: AlgebraicIdentity
  private let geometry: Conv2DGeometry
  private let filter: [Int64]
  private let outBackprop: [Int64]
  private let seed: UInt64

  init(_ geometry: Conv2DGeometry, seed: UInt64) {
    identity = AlgebraicIdentity(seed: seed)
    self.geometry = geometry
    self.seed = seed
    // Odd seeds leave room for Winograd and have no powers of two.
    filter = ExactData.filter(Scalar.self, geometry, seed: seed | 1).integers
    outBackprop =
      ExactData.outBackprop(Scalar.self, geometry, seed: seed | 1).integers
  }

  /// Why a case does not count.
  private struct Skip: Error { let reason: String }

  func run(_ test: VerificationCase) -> VerificationOutcome {
    guard identity.suits(geometry) else {
      return .skipped("\(identity) says nothing about the problem")
    }
    do {
      guard try holds(test) else {
        return .failed("\(identity) does not hold")
      }
      return .passed
    } catch let skip as Skip {
      return .skipped(skip.reason)
    } catch Conv2DError.unsupported(_, let reason) {
      return .skipped("\(test.algorithm.rawValue): \(reason)")
    } catch {
      return .failed("error: \(error)")
    }
  }

  // MARK: - Sides

  /// The gradient of the problem itself, by the algorithm of the case.
  private func gradient(
    _ test: VerificationCase, filter: [Int64]? = nil,
    outBackprop: [Int64]? = nil
  ) throws -> Images<Double> {
    let result = try inputGradient(
      geometry, test.options,
      filter: (filter ?? self.filter).map { Scalar(rounding: $0) },
      outBackprop: (outBackprop ?? self.outBackprop).map {
        Scalar(rounding: $0)
      }, prefill: .notANumber)
    return Images(input: geometry, doubles(result))
  }

  /// The gradient of another problem, by the same algorithm if it can.
  private func gradient(
    of other: Conv2DGeometry?, _ test: VerificationCase, filter: [Int64],
    outBackprop: [Int64]
  ) throws -> Images<Double> {
    guard let other else { throw Skip(reason: "the other problem is none") }
    guard RandomGeometry.work(other) <= RandomGeometry.maximumWork else {
      throw Skip(reason: "\(identity): too much work")
    }
    let problem = Self(other, filter, outBackprop, identity, seed)
    var test = test
    // The limit was made for the problem itself.
    test.workspaceLimit = nil
    do {
      return try problem.gradient(test)
    } catch Conv2DError.unsupported {
      test.algorithm = .automatic
      return try problem.gradient(test)
    }
  }

  private init(
    _ geometry: Conv2DGeometry, _ filter: [Int64], _ outBackprop: [Int64],
    _ identity: AlgebraicIdentity, _ seed: UInt64
  ) {
    (self.geometry, self.filter) = (geometry, filter)
    (self.outBackprop, self.identity) = (outBackprop, identity)
    self.seed = seed
  }

  // MARK: - Identities

  private func holds(_ test: VerificationCase) throws -> Bool {
    switch identity {
    case .adjoint: try adjoint(test)
    case .linearity: try linearity(test)
    case .shift: try shift(test)
    case .batchSplit: try batchSplit(test)
    case .layouts: try layouts(test)
    case .channelOrder: try channelOrder(test)
    case .phases: try phases(test)
    case .dilation: try dilation(test)
    case .padding: try padding(test)
    case .same: try same(test)
    }
  }

  /// Only sums in the compute type add up exactly.
  private func needsExactResults() throws {
    guard [.float32, .float64].contains(Scalar.scalarType) else {
      throw Skip(reason: "\(identity): results are rounded")
    }
  }

  private func adjoint(_ test: VerificationCase) throws -> Bool {
    try needsExactResults()
    var generator = SeededGenerator(seed: seed ^ 0xAD01)
    let input = generator.integers(geometry.inputCount, in: -9...9)
    let output = IntegerReference.forward(
      geometry, filter: filter, input: input)
    let result = try gradient(test).values
    guard result.allSatisfy({ $0 == $0.rounded() }) else { return false }
    // Wrapping: sums may be beyond 64 bits, and are equal in their low ones.
    let left = zip(output, outBackprop).reduce(Int64(0)) { $0 &+ $1.0 &* $1.1 }
    let right = zip(input, result).reduce(Int64(0)) {
      $0 &+ $1.0 &* Int64($1.1)
    }
    return left == right
  }

  private func linearity(_ test: VerificationCase) throws -> Bool {
    try needsExactResults()
    // Thirds and quarters, so that sums of two stay exact.
    let first = outBackprop.map { $0 / 3 }
    let second = outBackprop.reversed().map { $0 / 3 }
    let weights = filter.map { $0 / 4 }
    let others = filter.reversed().map { $0 / 4 }
    guard first.contains(where: { $0 != 0 }),
      weights.contains(where: { $0 != 0 })
    else { throw Skip(reason: "linearity: too long a sum to be exact") }
    let base = try gradient(test, outBackprop: first).values
    let ofSecond = try gradient(test, outBackprop: second).values
    let ofSum = try gradient(
      test, outBackprop: zip(first, second).map { $0 + 2 * $1 }
    ).values
    let ofWeights = try gradient(test, filter: weights).values
    let ofOthers = try gradient(test, filter: others).values
    let ofBoth = try gradient(
      test, filter: zip(weights, others).map { 3 * $0 - $1 }
    ).values
    return ofSum == zip(base, ofSecond).map { $0 + 2 * $1 }
      && ofBoth == zip(ofWeights, ofOthers).map { 3 * $0 - $1 }
  }

  private func shift(_ test: VerificationCase) throws -> Bool {
    let g = geometry
    let windows = Images(outBackprop: g, outBackprop)
    func moved(_ rows: Int) -> [Int64] {
      Images(
        batch: g.batch, height: g.outputHeight, width: g.outputWidth,
        channels: g.outputChannels, g.dataFormat
      ) { n, y, x, c in
        // Without the last row, which would leave the image.
        let source = y - rows
        return (0..<g.outputHeight - 1).contains(source)
          ? windows[n, source, x, c] : 0
      }.values
    }
    let before = try gradient(test, outBackprop: moved(0))
    let after = try gradient(test, outBackprop: moved(1))
    let stride = g.strides[0]
    return before.holdsEverywhere(height: g.inputHeight - stride) {
      n, y, x, c in
      before[n, y, x, c] == after[n, y + stride, x, c]
    }
  }

  private func batchSplit(_ test: VerificationCase) throws -> Bool {
    let together = try gradient(test)
    let n = Int(seed % UInt64(geometry.batch))
    var sides = ProblemSides(geometry)
    sides.batch = 1
    let image = outBackprop.count / geometry.batch
    let alone = try gradient(
      of: sides.geometry(), test, filter: filter,
      outBackprop: Array(outBackprop[n * image..<(n + 1) * image]))
    let size = alone.values.count
    return Array(together.values[n * size..<(n + 1) * size]) == alone.values
  }

  private func layouts(_ test: VerificationCase) throws -> Bool {
    let one = try gradient(test)
    var sides = ProblemSides(geometry)
    sides.format = geometry.dataFormat == .nhwc ? .nchw : .nhwc
    let windows = Images(outBackprop: geometry, outBackprop)
    let other = try gradient(
      of: sides.geometry(), test, filter: filter,
      outBackprop: Images(
        batch: windows.batch, height: windows.height, width: windows.width,
        channels: windows.channels, sides.format
      ) { windows[$0, $1, $2, $3] }.values)
    return one.holdsEverywhere { one[$0, $1, $2, $3] == other[$0, $1, $2, $3] }
  }

  private func channelOrder(_ test: VerificationCase) throws -> Bool {
    let g = geometry
    var generator = SeededGenerator(seed: seed ^ 0x0CDE)
    func permutation(_ count: Int) -> [Int] {
      var order = Array(0..<count)
      for index in order.indices.dropFirst().reversed() {
        order.swapAt(index, generator.int(0...index))
      }
      return order
    }
    let block = g.filterSizes[2]
    let depth = g.outputChannels / g.groups
    let groups = permutation(g.groups)
    let inside = permutation(block)
    let deep = permutation(depth)
    // Where a channel of the other problem is in this one.
    func input(_ channel: Int) -> Int {
      groups[channel / block] * block + inside[channel % block]
    }
    func output(_ channel: Int) -> Int {
      groups[channel / depth] * depth + deep[channel % depth]
    }
    let windows = Images(outBackprop: g, outBackprop)
    let weights = filter.indices.map { index in
      let (row, co) = (index / g.outputChannels, index % g.outputChannels)
      let (tap, ci) = (row / block, row % block)
      return filter[
        (tap * block + inside[ci]) * g.outputChannels + output(co)]
    }
    let one = try gradient(test)
    let other = try gradient(
      of: g, test, filter: weights,
      outBackprop: Images(
        batch: g.batch, height: g.outputHeight, width: g.outputWidth,
        channels: g.outputChannels, g.dataFormat
      ) { windows[$0, $1, $2, output($3)] }.values)
    return one.holdsEverywhere {
      other[$0, $1, $2, $3] == one[$0, $1, $2, input($3)]
    }
  }

  private func phases(_ test: VerificationCase) throws -> Bool {
    let g = geometry
    var sides = ProblemSides(g)
    func stuff(_ side: inout RandomGeometry.Side) {
      side.stride = 1
      side.output =
        side.input + side.padBefore + side.padAfter
        - (side.kernel - 1) * side.dilation
    }
    stuff(&sides.vertical)
    stuff(&sides.horizontal)
    let windows = Images(outBackprop: g, outBackprop)
    let (rows, columns) = (g.strides[0], g.strides[1])
    let one = try gradient(test)
    let other = try gradient(
      of: sides.geometry(), test, filter: filter,
      outBackprop: Images(
        batch: g.batch, height: sides.vertical.output,
        width: sides.horizontal.output, channels: g.outputChannels, sides.format
      ) { n, y, x, c in
        y % rows == 0 && x % columns == 0 && y / rows < g.outputHeight
          && x / columns < g.outputWidth
          ? windows[n, y / rows, x / columns, c] : 0
      }.values)
    return one.values == other.values
  }

  private func dilation(_ test: VerificationCase) throws -> Bool {
    let stuffed = ZeroStuffed(geometry, filter)
    let one = try gradient(test)
    let other = try gradient(
      of: stuffed.geometry, test, filter: stuffed.filter,
      outBackprop: outBackprop)
    return one.values == other.values
  }

  private func padding(_ test: VerificationCase) throws -> Bool {
    let g = geometry
    var sides = ProblemSides(g)
    func pad(_ side: inout RandomGeometry.Side) {
      side.input += side.padBefore + side.padAfter
      (side.padBefore, side.padAfter) = (0, 0)
    }
    pad(&sides.vertical)
    pad(&sides.horizontal)
    let one = try gradient(test)
    let other = try gradient(
      of: sides.geometry(.valid), test, filter: filter,
      outBackprop: outBackprop)
    return one.holdsEverywhere { n, y, x, c in
      one[n, y, x, c] == other[n, y + g.padTop, x + g.padLeft, c]
    }
  }

  /// On the image, kernel, stride and dilation of the problem; the padding and
  /// the windows are its own.
  private func same(_ test: VerificationCase) throws -> Bool {
    var sides = ProblemSides(geometry)
    func pad(_ side: inout RandomGeometry.Side) {
      let window = (side.kernel - 1) * side.dilation + 1
      side.output = (side.input + side.stride - 1) / side.stride
      let need = max(
        0, (side.output - 1) * side.stride + window - side.input)
      side.padBefore = need / 2
      side.padAfter = need - need / 2
    }
    pad(&sides.vertical)
    pad(&sides.horizontal)
    var generator = SeededGenerator(seed: seed ^ 0x5A3E)
    let windows = generator.integers(
      geometry.batch * sides.vertical.output * sides.horizontal.output
        * geometry.outputChannels, in: -1...1)
    let one = try gradient(
      of: sides.geometry(.same), test, filter: filter, outBackprop: windows)
    let other = try gradient(
      of: sides.geometry(), test, filter: filter, outBackprop: windows)
    return one.values == other.values
  }
}
