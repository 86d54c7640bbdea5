import Convolutions

/// An identity of the operation, between two ways to ask for the same sums.
enum AlgebraicIdentity: Int, Sendable, CaseIterable {
  /// `<conv(x, w), dy> = <x, gradient(w, dy)>`.
  case adjoint
  /// Linear in the filter and in out_backprop.
  case linearity
  /// Windows moved by one move the result by a stride.
  case shift
  /// An image alone is what it is in a batch.
  case batchSplit
  /// NCHW and NHWC hold the same numbers.
  case layouts
  /// Channels and groups in another order.
  case channelOrder
  /// A stride is zeros between windows.
  case phases
  /// A dilation is zeros between taps.
  case dilation
  /// Padding is a border that is cut off.
  case padding
  /// SAME is the padding that it stands for.
  case same

  init(seed: UInt64) {
    self.init(rawValue: Int(seed / 2 % UInt64(Self.allCases.count)))!
  }

  /// One of the seeds of the identity.
  func seed(_ index: Int) -> UInt64 {
    UInt64(2 * (rawValue + Self.allCases.count * index))
  }

  /// Types in which the identity holds to the bit: results that are added up
  /// must not be rounded.
  func types(among types: [ScalarType]) -> [ScalarType] {
    guard self == .adjoint || self == .linearity else { return types }
    let exact = types.filter { $0 == .float32 || $0 == .float64 }
    return exact.isEmpty ? types : exact
  }

  /// Whether the identity says something about a problem.
  func suits(_ geometry: Conv2DGeometry) -> Bool {
    let g = geometry
    guard g.inputCount > 0, g.outBackpropCount > 0 else { return false }
    let (vertical, horizontal) = (g.strides[0], g.strides[1])
    return switch self {
    case .adjoint, .linearity, .layouts, .same: true
    case .shift: g.outputHeight > 1 && vertical < g.inputHeight
    case .batchSplit: g.batch > 1
    case .channelOrder: g.inputChannels > 1 && g.outputChannels > 1
    case .phases: max(vertical, horizontal) > 1 && vertical * horizontal <= 9
    case .dilation: max(g.dilations[0], g.dilations[1]) > 1
    case .padding: g.padTop + g.padBottom + g.padLeft + g.padRight > 0
    }
  }
}

/// The numbers of a problem, to change some.
struct ProblemSides {
  var batch: Int
  var groups: Int
  var inputChannels: Int
  var outputChannels: Int
  var vertical: RandomGeometry.Side
  var horizontal: RandomGeometry.Side
  var format: DataFormat

  init(_ g: Conv2DGeometry) {
    batch = g.batch
    groups = g.groups
    inputChannels = g.inputChannels
    outputChannels = g.outputChannels
    format = g.dataFormat
    vertical = RandomGeometry.Side(
      input: g.inputHeight, output: g.outputHeight, kernel: g.kernelHeight,
      stride: g.strides[0], dilation: g.dilations[0], padBefore: g.padTop,
      padAfter: g.padBottom)
    horizontal = RandomGeometry.Side(
      input: g.inputWidth, output: g.outputWidth, kernel: g.kernelWidth,
      stride: g.strides[1], dilation: g.dilations[1], padBefore: g.padLeft,
      padAfter: g.padRight)
  }

  /// The problem; explicit padding unless told otherwise.
  func geometry(_ padding: Padding? = nil) -> Conv2DGeometry? {
    RandomGeometry.geometry(
      vertical, horizontal, batch: batch, inputChannels: inputChannels,
      outputChannels: outputChannels, groups: groups, format,
      padding: padding
        ?? .explicit(
          top: vertical.padBefore, bottom: vertical.padAfter,
          left: horizontal.padBefore, right: horizontal.padAfter,
          dataFormat: format))
  }
}

/// A dilated problem as a dense one, with zeros between the weights.
package struct ZeroStuffed {
  /// `nil` where the dense problem is too large.
  package let geometry: Conv2DGeometry?
  package let filter: [Int64]

  package init(_ g: Conv2DGeometry, _ weights: [Int64]) {
    let (rows, columns) = (g.dilations[0], g.dilations[1])
    var sides = ProblemSides(g)
    sides.vertical.kernel = (g.kernelHeight - 1) * rows + 1
    sides.horizontal.kernel = (g.kernelWidth - 1) * columns + 1
    (sides.vertical.dilation, sides.horizontal.dilation) = (1, 1)
    let block = g.filterSizes[2] * g.outputChannels
    let width = sides.horizontal.kernel
    var filter = [Int64](
      repeating: 0, count: sides.vertical.kernel * width * block)
    for (index, weight) in weights.enumerated() {
      let tap = index / block
      let (r, c) = (tap / g.kernelWidth, tap % g.kernelWidth)
      filter[(r * rows * width + c * columns) * block + index % block] = weight
    }
    geometry = sides.geometry()
    self.filter = filter
  }
}

/// Images of numbers with their shape, for moving them about.
struct Images<Value> {
  let batch: Int
  let height: Int
  let width: Int
  let channels: Int
  let format: DataFormat
  var values: [Value]

  /// `make` gives the value at image, row, column, channel.
  init(
    batch: Int, height: Int, width: Int, channels: Int, _ format: DataFormat,
    _ make: (Int, Int, Int, Int) -> Value
  ) {
    (self.batch, self.height, self.width) = (batch, height, width)
    (self.channels, self.format) = (channels, format)
    values = []
    values.reserveCapacity(batch * height * width * channels)
    for n in 0..<batch {
      if format == .nhwc {
        for y in 0..<height {
          for x in 0..<width {
            for c in 0..<channels { values.append(make(n, y, x, c)) }
          }
        }
      } else {
        for c in 0..<channels {
          for y in 0..<height {
            for x in 0..<width { values.append(make(n, y, x, c)) }
          }
        }
      }
    }
  }

  /// The result of a problem.
  init(input g: Conv2DGeometry, _ values: [Value]) {
    (batch, height, width) = (g.batch, g.inputHeight, g.inputWidth)
    (channels, format, self.values) = (g.inputChannels, g.dataFormat, values)
  }

  /// The out_backprop of a problem.
  init(outBackprop g: Conv2DGeometry, _ values: [Value]) {
    (batch, height, width) = (g.batch, g.outputHeight, g.outputWidth)
    (channels, format, self.values) = (g.outputChannels, g.dataFormat, values)
  }

  subscript(n: Int, y: Int, x: Int, c: Int) -> Value {
    format == .nhwc
      ? values[((n * height + y) * width + x) * channels + c]
      : values[((n * channels + c) * height + y) * width + x]
  }

  /// Whether something holds of every image, row, column and channel, or of those
  /// of the first rows.
  func holdsEverywhere(
    height: Int? = nil, _ holds: (Int, Int, Int, Int) -> Bool
  ) -> Bool {
    for n in 0..<batch {
      for y in 0..<(height ?? self.height) {
        for x in 0..<width {
          for c in 0..<channels where !holds(n, y, x, c) { return false }
        }
      }
    }
    return true
  }
}
