import Convolutions

/// The operations on integers, from their definition, twice: once by where each
/// product goes and once by where each result comes from.
///
/// The two share no code with each other or with the library.
public enum IntegerReference {
  /// Adds each product to the result it belongs to.
  ///
  /// - Parameters:
  ///   - first, second: the operands, in the order of
  ///     `ConvolutionOperation.operands`.
  /// - Returns: the result. Sums wrap.
  package static func scatter(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ first: [Int64], _ second: [Int64]
  ) -> [Int64] {
    let g = geometry
    var tensors: [Conv2DError.TensorName: [Int64]] = [
      operation.operands[0]: first, operation.operands[1]: second,
    ]
    tensors[operation.result] = [Int64](
      repeating: 0, count: g.count(of: operation.result))
    var input = tensors[.input]!
    var filter = tensors[.filter]!
    var output = tensors[.outBackprop]!
    tensors = [:]
    input.withUnsafeMutableBufferPointer { input in
      filter.withUnsafeMutableBufferPointer { filter in
        output.withUnsafeMutableBufferPointer { output in
          guard let input = input.baseAddress, let filter = filter.baseAddress,
            let output = output.baseAddress
          else { return }
          scatter(operation, g, input, filter, output)
        }
      }
    }
    return switch operation.result {
    case .input: input
    case .filter: filter
    case .outBackprop, .tensor: output
    }
  }

  private static func scatter(
    _ operation: ConvolutionOperation, _ g: Conv2DGeometry,
    _ input: UnsafeMutablePointer<Int64>,
    _ filter: UnsafeMutablePointer<Int64>,
    _ output: UnsafeMutablePointer<Int64>
  ) {
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
    for n in 0..<g.batch {
      for oh in 0..<g.outputHeight {
        for ow in 0..<g.outputWidth {
          let window =
            output + n * cout * outputPlane
            + (oh * g.outputWidth + ow) * outputPixel
          for r in 0..<kernelHeight {
            let y = oh * g.strides[0] - g.padTop + r * g.dilations[0]
            if y < 0 || y >= g.inputHeight { continue }
            for c in 0..<kernelWidth {
              let x = ow * g.strides[1] - g.padLeft + c * g.dilations[1]
              if x < 0 || x >= g.inputWidth { continue }
              let weights = filter + (r * kernelWidth + c) * cinPerGroup * cout
              let cell =
                input + n * cin * inputPlane
                + (y * g.inputWidth + x) * inputPixel
              for ci in 0..<cin {
                let row = weights + ci % cinPerGroup * cout
                let pixel = cell + ci * inputChannel
                var co = ci / cinPerGroup * coutPerGroup
                let end = co + coutPerGroup
                switch operation {
                case .inputGradient:
                  var sum: Int64 = 0
                  while co < end {
                    sum &+= window[co * outputChannel] &* row[co]
                    co += 1
                  }
                  pixel.pointee &+= sum
                case .forward:
                  let value = pixel.pointee
                  while co < end {
                    window[co * outputChannel] &+= value &* row[co]
                    co += 1
                  }
                case .filterGradient:
                  let value = pixel.pointee
                  while co < end {
                    row[co] &+= value &* window[co * outputChannel]
                    co += 1
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  /// Collects each result from the products that belong to it; as ``scatter``.
  package static func gather(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ first: [Int64], _ second: [Int64]
  ) -> [Int64] {
    let terms = ResultTerms(operation, geometry)
    return first.withUnsafeBufferPointer { first in
      second.withUnsafeBufferPointer { second in
        (0..<geometry.count(of: operation.result)).map { place in
          var sum: Int64 = 0
          terms.forEachRun(of: place) { run in
            var (a, b) = (run.first, run.second)
            for _ in 0..<run.count {
              sum &+= first[a] &* second[b]
              a += run.firstStride
              b += run.secondStride
            }
          }
          return sum
        }
      }
    }
  }

  /// The gradient of the input, by where its products go.
  ///
  /// - Parameters:
  ///   - filter: `[kh, kw, Cin / groups, Cout]`.
  ///   - outBackprop: in the geometry's data format.
  /// - Returns: the gradient, in the geometry's data format.
  public static func scatter(
    _ geometry: Conv2DGeometry, filter: [Int64], outBackprop: [Int64]
  ) -> [Int64] {
    scatter(.inputGradient, geometry, filter, outBackprop)
  }

  /// The gradient of the input, by where it comes from; as ``scatter``.
  public static func gather(
    _ geometry: Conv2DGeometry, filter: [Int64], outBackprop: [Int64]
  ) -> [Int64] {
    gather(.inputGradient, geometry, filter, outBackprop)
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

  /// Which elements of the result have a product that belongs to them.
  package static func touched(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry
  ) -> [Bool] {
    let terms = ResultTerms(operation, geometry)
    return (0..<geometry.count(of: operation.result)).map {
      terms.isReached($0)
    }
  }

  /// Terms of the longest sum.
  package static func longestSum(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry
  ) -> Int {
    ResultTerms(operation, geometry).longestSum
  }
}
