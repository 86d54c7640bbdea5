import Convolutions

/// The operation on integers, from its definition, twice: once by where the
/// taps go and once by where the results come from.
///
/// The two share no code with each other or with the library.
public enum IntegerReference {
  /// Adds each product to the result it lands on.
  ///
  /// - Parameters:
  ///   - filter: `[kh, kw, Cin / groups, Cout]`.
  ///   - outBackprop: in the geometry's data format.
  /// - Returns: the gradient, in the geometry's data format.
  public static func scatter(
    _ geometry: Conv2DGeometry, filter: [Int64], outBackprop: [Int64]
  ) -> [Int64] {
    let g = geometry
    let (kernelHeight, kernelWidth) = (g.kernelHeight, g.kernelWidth)
    let (cin, cout) = (g.inputChannels, g.outputChannels)
    let cinPerGroup = cin / g.groups
    let coutPerGroup = cout / g.groups
    let inputPlane = g.inputHeight * g.inputWidth
    let outputPlane = g.outputHeight * g.outputWidth
    // Distance of a channel and of a pixel, for either format.
    let nchw = g.dataFormat == .nchw
    let (inputChannel, inputPixel) = nchw ? (inputPlane, 1) : (1, cin)
    let (outputChannel, outputPixel) = nchw ? (outputPlane, 1) : (1, cout)
    var result = [Int64](repeating: 0, count: g.batch * inputPlane * cin)
    result.withUnsafeMutableBufferPointer { result in
      filter.withUnsafeBufferPointer { filter in
        outBackprop.withUnsafeBufferPointer { outBackprop in
          guard let result = result.baseAddress,
            let filter = filter.baseAddress,
            let outBackprop = outBackprop.baseAddress
          else { return }
          for n in 0..<g.batch {
            for oh in 0..<g.outputHeight {
              for ow in 0..<g.outputWidth {
                let window =
                  outBackprop + n * cout * outputPlane
                  + (oh * g.outputWidth + ow) * outputPixel
                for r in 0..<kernelHeight {
                  let y = oh * g.strides[0] - g.padTop + r * g.dilations[0]
                  if y < 0 || y >= g.inputHeight { continue }
                  for c in 0..<kernelWidth {
                    let x = ow * g.strides[1] - g.padLeft + c * g.dilations[1]
                    if x < 0 || x >= g.inputWidth { continue }
                    let weights =
                      filter + (r * kernelWidth + c) * cinPerGroup * cout
                    let cell =
                      result + n * cin * inputPlane
                      + (y * g.inputWidth + x) * inputPixel
                    for ci in 0..<cin {
                      let group = ci / cinPerGroup
                      let row = weights + ci % cinPerGroup * cout
                      var sum: Int64 = 0
                      var co = group * coutPerGroup
                      let end = co + coutPerGroup
                      while co < end {
                        sum &+= window[co * outputChannel] &* row[co]
                        co += 1
                      }
                      cell[ci * inputChannel] &+= sum
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    return result
  }

  /// Collects each result from the windows that reach it; as ``scatter``.
  public static func gather(
    _ geometry: Conv2DGeometry, filter: [Int64], outBackprop: [Int64]
  ) -> [Int64] {
    let vertical = hits(geometry, axis: 0)
    let horizontal = hits(geometry, axis: 1)
    let nhwc = geometry.dataFormat == .nhwc
    let depth = geometry.outputChannels / geometry.groups
    let rowLength = geometry.outputChannels
    let blockLength = geometry.filterSizes[2]
    var result: [Int64] = []
    result.reserveCapacity(geometry.inputCount)

    func collect(_ n: Int, _ y: Int, _ x: Int, _ ci: Int) -> Int64 {
      let first = ci / blockLength * depth
      var sum: Int64 = 0
      for (oh, r) in vertical[y] {
        for (ow, c) in horizontal[x] {
          var weight =
            ((r * geometry.kernelWidth + c) * blockLength + ci % blockLength)
            * rowLength + first
          var place: Int
          let step: Int
          if nhwc {
            place =
              ((n * geometry.outputHeight + oh) * geometry.outputWidth + ow)
              * rowLength + first
            step = 1
          } else {
            step = geometry.outputHeight * geometry.outputWidth
            place =
              (n * rowLength + first) * step + oh * geometry.outputWidth + ow
          }
          for _ in 0..<depth {
            sum += outBackprop[place] * filter[weight]
            place += step
            weight += 1
          }
        }
      }
      return sum
    }

    let (rows, columns) = (geometry.inputHeight, geometry.inputWidth)
    for n in 0..<geometry.batch {
      if nhwc {
        for y in 0..<rows {
          for x in 0..<columns {
            for ci in 0..<geometry.inputChannels {
              result.append(collect(n, y, x, ci))
            }
          }
        }
      } else {
        for ci in 0..<geometry.inputChannels {
          for y in 0..<rows {
            for x in 0..<columns { result.append(collect(n, y, x, ci)) }
          }
        }
      }
    }
    return result
  }

  /// The forward convolution, whose adjoint the operation is.
  ///
  /// - Parameter input: in the geometry's data format.
  /// - Returns: the output, in the shape of out_backprop. Sums wrap.
  public static func forward(
    _ g: Conv2DGeometry, filter: [Int64], input: [Int64]
  ) -> [Int64] {
    let images = Images(input: g, input)
    let block = g.filterSizes[2]
    let depth = g.outputChannels / g.groups
    return Images(
      batch: g.batch, height: g.outputHeight, width: g.outputWidth,
      channels: g.outputChannels, g.dataFormat
    ) { n, oh, ow, co in
      var sum: Int64 = 0
      for r in 0..<g.kernelHeight {
        let y = oh * g.strides[0] + r * g.dilations[0] - g.padTop
        guard (0..<g.inputHeight).contains(y) else { continue }
        for c in 0..<g.kernelWidth {
          let x = ow * g.strides[1] + c * g.dilations[1] - g.padLeft
          guard (0..<g.inputWidth).contains(x) else { continue }
          for k in 0..<block {
            let weight =
              ((r * g.kernelWidth + c) * block + k) * g.outputChannels + co
            sum &+= images[n, y, x, co / depth * block + k] &* filter[weight]
          }
        }
      }
      return sum
    }.values
  }

  /// For each position along an image axis, the windows and taps that meet
  /// there.
  static func hits(
    _ geometry: Conv2DGeometry, axis: Int
  ) -> [[(window: Int, tap: Int)]] {
    let (input, output, kernel, padding) =
      axis == 0
      ? (
        geometry.inputHeight, geometry.outputHeight, geometry.kernelHeight,
        geometry.padTop
      )
      : (
        geometry.inputWidth, geometry.outputWidth, geometry.kernelWidth,
        geometry.padLeft
      )
    return (0..<input).map { position in
      (0..<kernel).compactMap { tap in
        let start = position + padding - tap * geometry.dilations[axis]
        guard start >= 0, start.isMultiple(of: geometry.strides[axis]),
          start / geometry.strides[axis] < output
        else { return nil }
        return (start / geometry.strides[axis], tap)
      }
    }
  }

  /// Which elements of the result have a tap that reaches them.
  static func touched(_ geometry: Conv2DGeometry) -> [Bool] {
    guard geometry.outBackpropCount > 0 else {
      return Array(repeating: false, count: geometry.inputCount)
    }
    let rows = hits(geometry, axis: 0).map { !$0.isEmpty }
    let columns = hits(geometry, axis: 1).map { !$0.isEmpty }
    let channels = geometry.inputChannels
    let (outer, inner) =
      geometry.dataFormat == .nhwc ? (1, channels) : (channels, 1)
    var touched: [Bool] = []
    touched.reserveCapacity(geometry.inputCount)
    for _ in 0..<geometry.batch * outer {
      for row in rows {
        for column in columns {
          for _ in 0..<inner { touched.append(row && column) }
        }
      }
    }
    return touched
  }

  /// Terms of the longest sum.
  static func longestSum(_ geometry: Conv2DGeometry) -> Int {
    let rows = hits(geometry, axis: 0).map(\.count).max() ?? 0
    let columns = hits(geometry, axis: 1).map(\.count).max() ?? 0
    return rows * columns * (geometry.outputChannels / geometry.groups)
  }
}
