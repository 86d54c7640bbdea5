import ConvolutionTestSupport
import Convolutions
import Testing

@Suite("The transforms suite sees a wrong fourth digit, and serves every pair")
struct TransformSuiteTests {
  static let axes = WinogradSet.allCases.filter { $0 != .one }.flatMap { set in
    set.taps.map { (set, $0) }
  }

  /// A coefficient of any matrix that is wrong by one in its fourth digit changes
  /// some result of an impulse by more than rounding may. The other axis has a set
  /// with additions alone, or no transform.
  @Test(arguments: axes)
  func fourthDigitsShow(_ set: WinogradSet, _ taps: Int) {
    let matrices = set.matrices(taps: taps)
    let growth = TransformAxis.Growth.of(set, taps: taps).values
    let allowed = TransformData.impulses.allowedUnits(terms: 1) * 0x1p-24
    let output = matrices.outputTransform.map { $0.map(\.double) }
    let filter = matrices.filterTransform.map { $0.map(\.double) }
    let input = matrices.inputTransform.map { $0.map(\.double) }
    // What one part of a coefficient shows of itself, over what is allowed.
    func shows(i: Int, j: Int, l: Int, t: Int) -> Double {
      let term = abs(output[i][t] * filter[t][j] * input[t][l])
      return term == 0
        ? 0 : term / growth[i - (l - j) + growth.count / 2] / allowed
    }
    func expect(
      _ coefficient: Double, _ name: String, _ shown: () -> [Double]
    ) {
      guard coefficient != 0 else { return }
      // The unit of its first digit.
      var unit = 1.0
      while unit > abs(coefficient) { unit /= 10 }
      while unit * 10 <= abs(coefficient) { unit *= 10 }
      let part = unit / 1000 / abs(coefficient)
      #expect(part * (shown().max() ?? 0) > 1, "\(name), \(coefficient)")
    }
    let (outputs, inputs) = (output.indices, 0..<matrices.inputs)
    for t in 0..<matrices.products {
      for i in outputs {
        expect(output[i][t], "output \(i) of product \(t)") {
          (0..<taps).flatMap { j in
            inputs.map { shows(i: i, j: j, l: $0, t: t) }
          }
        }
      }
      for j in 0..<taps {
        expect(filter[t][j], "tap \(j) of product \(t)") {
          outputs.flatMap { i in inputs.map { shows(i: i, j: j, l: $0, t: t) } }
        }
      }
      for l in inputs {
        expect(input[t][l], "input \(l) of product \(t)") {
          outputs.flatMap { i in
            (0..<taps).map { shows(i: i, j: $0, l: l, t: t) }
          }
        }
      }
    }
  }

  /// No drawn problem is declined, so that each pair of sets has its cases.
  @Test(arguments: ConvolutionOperation.allCases)
  func everyPairIsServed(_ operation: ConvolutionOperation) {
    for index in 0..<2 * WinogradSetPair.count {
      let seed = UInt64(index)
      var generator = SeededGenerator(seed: seed)
      let geometry = TransformGeometry.draw(
        operation, seed: seed, .nhwc, using: &generator)
      var options = ConvolutionOptions(algorithm: .winograd, threads: 1)
      options.winogradSets = WinogradSetPair(seed: seed)
      #expect(throws: Never.self) {
        _ = try operation.plan(Float.self, geometry, options: options)
      }
    }
  }
}
