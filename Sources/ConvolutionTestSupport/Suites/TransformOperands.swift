import Convolutions

/// The operands of a case of the `transforms` suite, channel by channel.
struct TransformOperands: Sendable {
  private let operation: ConvolutionOperation
  private let geometry: Conv2DGeometry
  /// By image and channel; what tiles are cut from.
  private let sources: [TransformPlane]
  /// By input channel of a group and output channel, or, of the filter gradient,
  /// by image and output channel.
  private let others: [TransformPlane]

  private var block: Int { geometry.filterSizes[2] }
  private var depth: Int { geometry.outputChannels / geometry.groups }

  init(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ kind: TransformData, _ rows: TransformAxis, _ columns: TransformAxis,
    seed: UInt64
  ) {
    self.operation = operation
    self.geometry = geometry
    var generator = SeededGenerator(seed: seed ^ 0x7A45F0)
    let g = geometry
    let channels =
      operation == .inputGradient ? g.outputChannels : g.inputChannels
    let isFilter = operation != .filterGradient
    let otherCount =
      (isFilter ? g.filterSizes[2] : g.batch) * g.outputChannels
    func dense(_ height: Int, _ width: Int) -> TransformPlane {
      var plane = TransformPlane()
      for row in 0..<height {
        for column in 0..<width {
          let value = generator.int(1...0x7FF)
          plane.append(
            row: row, column: column,
            Double(generator.chance(percent: 50) ? value : -value) * 0x1p-11)
        }
      }
      return plane
    }
    if kind == .dense {
      sources = (0..<g.batch * channels).map { _ in
        dense(rows.sources, columns.sources)
      }
      others = (0..<otherCount).map { _ in dense(rows.others, columns.others) }
      return
    }

    func power() -> Double {
      let value = 0x1p-3 * Double(1 << generator.int(0...6))
      return generator.chance(percent: 50) ? value : -value
    }
    // Every shift of the impulses in turn, image after image.
    let shifts = generator.shuffled(rows.period * columns.period)
    let apart = generator.int(0...shifts.count - 1)
    sources = (0..<g.batch * channels).map { place in
      let (image, channel) = place.quotientAndRemainder(dividingBy: channels)
      let turn =
        isFilter ? image + channel * apart : channel * g.batch + image
      let shift = shifts[turn % shifts.count]
      var plane = TransformPlane()
      for row in stride(
        from: shift / columns.period, to: rows.sources, by: rows.period)
      {
        for column in stride(
          from: shift % columns.period, to: columns.sources,
          by: columns.period)
        {
          plane.append(row: row, column: column, power())
        }
      }
      return plane
    }
    // A tap, or a window, for each.
    let all = rows.others * columns.others
    let taps = generator.shuffled(all)
    let (block, depth) = (g.filterSizes[2], g.outputChannels / max(1, g.groups))
    others = (0..<otherCount).map { place in
      let (first, co) = place.quotientAndRemainder(dividingBy: g.outputChannels)
      let turn: Int
      switch operation {
      // Each channel of the result takes one channel of the source.
      case .inputGradient:
        turn = first
        guard co % depth == first % depth else { return TransformPlane() }
      case .forward:
        turn = co % depth
        guard turn % block == first else { return TransformPlane() }
      case .filterGradient: turn = co * g.batch + first
      }
      guard all > 0 else { return TransformPlane() }
      let tap = taps[turn % all]
      var plane = TransformPlane()
      plane.append(
        row: tap / columns.others, column: tap % columns.others, power())
      return plane
    }
  }

  // MARK: Products

  /// Channels of the result, of all images; pairs of channels of a filter.
  var resultPlanes: Int {
    switch operation {
    case .inputGradient: geometry.batch * geometry.inputChannels
    case .forward: geometry.batch * geometry.outputChannels
    case .filterGradient: block * geometry.outputChannels
    }
  }

  /// Numbers that the algorithm sums at a point of a transform.
  var terms: Int {
    switch operation {
    case .inputGradient: depth
    case .forward: block * geometry.strides[0] * geometry.strides[1]
    case .filterGradient:
      geometry.batch * geometry.outputHeight * geometry.outputWidth / 4
    }
  }

  /// The pairs of channels whose correlations a channel of the result adds up.
  func forEachProduct(
    of plane: Int, _ body: (TransformPlane, TransformPlane) -> Void
  ) {
    let (cin, cout) = (geometry.inputChannels, geometry.outputChannels)
    switch operation {
    case .inputGradient:
      let (image, ci) = plane.quotientAndRemainder(dividingBy: cin)
      for co in ci / block * depth..<(ci / block + 1) * depth {
        let other = others[ci % block * cout + co]
        if other.rows.isEmpty { continue }
        body(sources[image * cout + co], other)
      }
    case .forward:
      let (image, co) = plane.quotientAndRemainder(dividingBy: cout)
      for k in 0..<block {
        let other = others[k * cout + co]
        if other.rows.isEmpty { continue }
        body(sources[image * cin + co / depth * block + k], other)
      }
    case .filterGradient:
      let (k, co) = plane.quotientAndRemainder(dividingBy: cout)
      for image in 0..<geometry.batch {
        body(
          sources[image * cin + co / depth * block + k],
          others[image * cout + co])
      }
    }
  }

  // MARK: Tensors

  /// The place of a number of a channel of the result.
  func place(ofResult plane: Int, _ index: Int) -> Int {
    place(operation.result, plane, index)
  }

  private func place(
    _ tensor: Conv2DError.TensorName, _ plane: Int, _ index: Int
  ) -> Int {
    if tensor == .filter {
      return index * block * geometry.outputChannels + plane
    }
    let sizes = geometry.sizes(of: tensor)
    let format = geometry.dataFormat
    let pixels = sizes[format.heightIndex] * sizes[format.widthIndex]
    if format == .nchw { return plane * pixels + index }
    let channels = sizes[format.channelIndex]
    let (image, channel) = plane.quotientAndRemainder(dividingBy: channels)
    return (image * pixels + index) * channels + channel
  }

  /// The operands in their order.
  func scalars<Scalar: TestScalar>() -> ([Scalar], [Scalar]) {
    let filterFirst = operation != .filterGradient
    let tensors = operation.operands
    let (first, second) = filterFirst ? (others, sources) : (sources, others)
    return (scalars(tensors[0], first), scalars(tensors[1], second))
  }

  private func scalars<Scalar: TestScalar>(
    _ tensor: Conv2DError.TensorName, _ planes: [TransformPlane]
  ) -> [Scalar] {
    var scalars = [Scalar](
      repeating: Scalar(bits: 0), count: geometry.count(of: tensor))
    let width =
      switch tensor {
      case .filter: geometry.kernelWidth
      case .input: geometry.inputWidth
      case .outBackprop, .tensor: geometry.outputWidth
      }
    for (index, plane) in planes.enumerated() {
      for row in plane.rows {
        for (column, value) in row.numbers {
          scalars[place(tensor, index, row.index * width + column)] = Scalar(
            rounding: Int64(value * 0x1p11), exponent: -11)
        }
      }
    }
    return scalars
  }
}

extension SeededGenerator {
  /// The numbers below `count` in a random order.
  fileprivate mutating func shuffled(_ count: Int) -> [Int] {
    var numbers = Array(0..<count)
    for index in numbers.indices.dropLast() {
      numbers.swapAt(index, int(index...count - 1))
    }
    return numbers
  }
}
