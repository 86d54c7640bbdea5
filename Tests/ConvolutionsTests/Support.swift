import Convolutions
import Testing

@testable import ConvolutionTestSupport

/// The algorithms that a caller can force.
let forcedAlgorithms = ConvolutionAlgorithm.allCases.filter {
  $0 != .automatic
}

/// A problem in benchdnn's notation.
func problem(
  _ descriptor: String, _ format: DataFormat = .nhwc
) throws -> Conv2DGeometry {
  try ProblemDescriptor(descriptor).geometry(format)
}

/// Whether an algorithm can serve a problem.
///
/// - Parameter accuracy: of real data; `nil` for sums exact on integers.
func serves(
  _ algorithm: ConvolutionAlgorithm, _ geometry: Conv2DGeometry,
  _ operation: ConvolutionOperation = .inputGradient,
  accuracy: Accuracy? = nil
) -> Bool {
  let options =
    accuracy.map { ConvolutionOptions(algorithm: algorithm, accuracy: $0) }
    ?? .exact(algorithm)
  return (try? operation.plan(Float.self, geometry, options: options)) != nil
}

/// `values`, `[N, H, W, C]`, in the order of a data format.
func arrange<Value>(
  _ values: [Value], sizes: [Int], as format: DataFormat
) -> [Value] {
  guard format == .nchw else { return values }
  let (plane, channels) = (sizes[1] * sizes[2], sizes[3])
  return values.indices.map { index in
    let pixel = index % plane
    let channel = index / plane % channels
    let image = index / (plane * channels)
    return values[(image * plane + pixel) * channels + channel]
  }
}

/// Four numbers in `[N, H, W, C]` order, in the order of a data format.
func arrange<Value>(_ list: [Value], as format: DataFormat) -> [Value] {
  guard list.count == 4 else { return list }
  return format.order(
    batch: list[0], height: list[1], width: list[2], channels: list[3])
}

extension DataFormat {
  /// Strides or dilations, one along batch and channels.
  func order(height: Int, width: Int) -> [Int] {
    order(batch: 1, height: height, width: width, channels: 1)
  }
}

/// Whether a size was beyond what the library counts.
func isTooLarge(_ error: any Error) -> Bool {
  (error as? Conv2DError)?.kind == "tooLarge"
}

/// Real data of a problem.
func realData<Scalar: ConvolutionScalar>(
  _ type: Scalar.Type, _ geometry: Conv2DGeometry, seed: UInt64 = 1
) -> (filter: [Scalar], outBackprop: [Scalar]) {
  (
    LayerCheck.randomScalars(type, count: geometry.filterCount, seed: seed),
    LayerCheck.randomScalars(
      type, count: geometry.outBackpropCount, seed: seed + 1)
  )
}

/// Real data of an operation's operands.
func realOperands<Scalar: ConvolutionScalar>(
  _ type: Scalar.Type, _ operation: ConvolutionOperation,
  _ geometry: Conv2DGeometry
) -> (first: [Scalar], second: [Scalar]) {
  func scalars(_ index: Int) -> [Scalar] {
    LayerCheck.randomScalars(
      type, count: geometry.count(of: operation.operands[index]),
      seed: UInt64(index + 1))
  }
  return (scalars(0), scalars(1))
}

/// Runs one case and reports what differs, with the line that reruns it.
func expectExact(
  _ test: VerificationCase, sourceLocation: SourceLocation = #_sourceLocation
) {
  switch VerificationSuite.run(test) {
  case .passed, .within: break
  case .failed(let difference):
    Issue.record(
      "\(difference)\n\(test.reproduction)", sourceLocation: sourceLocation)
  case .skipped(let reason):
    Issue.record(
      "skipped: \(reason)\n\(test.reproduction)",
      sourceLocation: sourceLocation)
  }
}

/// `<conv(x, f), dy> == <x, backprop(f, dy)>`, on integers, to the last bit.
///
/// - Parameter index: of the data.
func expectAdjoint(
  _ geometry: Conv2DGeometry, _ algorithm: ConvolutionAlgorithm,
  _ index: Int = 0, sourceLocation: SourceLocation = #_sourceLocation
) {
  expectExact(
    VerificationCase(
      suite: .algebra, geometry: geometry, type: .float64,
      algorithm: algorithm, threads: 2,
      seed: AlgebraicIdentity.adjoint.seed(index)),
    sourceLocation: sourceLocation)
}
