import Convolutions

/// A problem and wishes for its plan, made of a fuzzer's bytes.
///
/// The first bytes are the sizes of one side, from which those of the other
/// follow, so that much is legal; the rest changes single entries.
struct FuzzedProblem {
  enum Limit {
    case none
    /// What one thread needs, and so many bytes more.
    case least(plus: Int)
    case bytes(Int)
  }

  let description: ProblemDescription
  let executes: Bool
  /// Whether the plan measures, if the problem is tiny.
  let measures: Bool
  let type: ScalarType
  let options: ConvolutionOptions
  let limit: Limit
  let seed: UInt64

  init(_ bytes: [UInt8]) {
    var bytes = FuzzBytes(bytes)
    let effort = bytes.byte()
    executes = effort < 64
    measures = effort == 63
    type = ScalarType.allCases[Int(bytes.byte()) % ScalarType.allCases.count]
    let algorithms = ConvolutionAlgorithm.allCases
    let choice = bytes.byte()
    var options = ConvolutionOptions(
      algorithm: algorithms[Int(choice) % algorithms.count],
      accuracy: choice & 0x80 == 0 ? .standard : .tight,
      threads: bytes.number(1...8))
    options.isExactOnIntegers = choice & 0x40 != 0
    if executes {
      (options.accuracy, options.isExactOnIntegers) = (.standard, true)
    }
    self.options = options
    switch bytes.byte() {
    case ..<128: limit = .none
    case ..<192: limit = .least(plus: bytes.number(-1...64))
    default: limit = .bytes(bytes.number(0...128))
    }
    seed = UInt64(bytes.byte())
    var description = ProblemDescription(&bytes)
    while !bytes.isEmpty { description.change(&bytes) }
    self.description = description
  }
}

extension ProblemDescription {
  /// Mostly legal.
  fileprivate init(_ bytes: inout FuzzBytes) {
    self.init()
    let flags = bytes.byte()
    dataFormat = flags & 1 == 0 ? .nhwc : .nchw
    let batch = bytes.number(0...3)
    let channelsPerGroup = bytes.number(1...8)
    let groups = bytes.number(1...20)
    let depthPerGroup = bytes.number(0...8)
    let vertical = Side(&bytes)
    let horizontal = Side(&bytes)
    switch flags >> 1 & 3 {
    case 0: padding = .same
    case 1: padding = .valid
    default:
      padding = .explicit(
        top: vertical.before, bottom: vertical.after, left: horizontal.before,
        right: horizontal.after, dataFormat: dataFormat)
    }
    inputSizes =
      flags & 8 == 0
      ? dataFormat.order(
        batch: batch, height: vertical.input, width: horizontal.input,
        channels: channelsPerGroup &* groups)
      : [vertical.input, horizontal.input]
    let depth = (flags & 8 == 0 ? groups : 1) &* depthPerGroup
    filterSizes = [
      vertical.kernel, horizontal.kernel, channelsPerGroup, depth,
    ]
    outBackpropSizes = dataFormat.order(
      batch: batch, height: vertical.output(padding),
      width: horizontal.output(padding), channels: depth)
    strides = dataFormat.order(
      batch: 1, height: vertical.stride, width: horizontal.stride, channels: 1)
    dilations = dataFormat.order(
      batch: 1, height: vertical.dilation, width: horizontal.dilation,
      channels: 1)
  }

  private struct Side {
    let input, kernel, stride, dilation, before, after: Int

    init(_ bytes: inout FuzzBytes) {
      input = bytes.number(1...14)
      kernel = bytes.number(1...5)
      stride = bytes.number(1...4)
      dilation = bytes.number(1...3)
      before = bytes.number(0...4)
      after = bytes.number(0...4)
    }

    /// The number of windows, or any where there is none.
    func output(_ padding: Padding) -> Int {
      let stride = Int128(max(1, stride))
      if padding == .same {
        return Int(truncatingIfNeeded: (Int128(input) + stride - 1) / stride)
      }
      let pads = padding == .valid ? 0 : Int128(before) + Int128(after)
      let window = (Int128(kernel) - 1) * Int128(dilation) + 1
      let numerator = Int128(input) + pads - window + stride
      return Int(truncatingIfNeeded: max(0, numerator) / stride)
    }
  }

  /// Sets, adds to, removes or doubles one entry.
  fileprivate mutating func change(_ bytes: inout FuzzBytes) {
    let place = bytes.byte()
    let how = bytes.byte()
    func change(_ list: inout [Int]) {
      guard !list.isEmpty else { return }
      let index = Int(place >> 3) % list.count
      switch how & 7 {
      case 0: list.remove(at: index)
      case 1: list.insert(list[index], at: index)
      case 2, 3: list[index] &+= Int(Int8(bitPattern: how)) >> 3
      default: list[index] = bytes.number(0...16)
      }
    }
    switch place & 7 {
    case 0, 5: change(&inputSizes)
    case 1: change(&filterSizes)
    case 2, 6: change(&outBackpropSizes)
    case 3: change(&strides)
    case 4: change(&dilations)
    default:
      guard case .explicit(let pairs) = padding else { return }
      var (before, after) = (pairs.map(\.before), pairs.map(\.after))
      if how & 0x40 == 0 { change(&before) } else { change(&after) }
      // One list longer than the other: the pair goes.
      padding = .explicit(zip(before, after).map { Padding.Pair($0, $1) })
    }
  }
}
