import Testing

@testable import Convolutions

/// Taps by phase against the definition of an axis.
@Suite struct PhaseTapsTests {
  /// Strides 3 and 5 with kernels 4, 7 and 8 are where `kernel % stride` was
  /// taken for the number of taps elsewhere.
  @Test(arguments: [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 7, 8])
  func everyTapOnce(_ stride: Int, _ kernel: Int) throws {
    for dilation in 1...4 {
      for padding in 0...4 {
        let axis = Axis(
          input: 13, output: 9, kernel: kernel, stride: stride,
          dilation: dilation, padBefore: padding, padAfter: 0)
        for position in 0..<axis.input {
          let taps = PhaseTaps(axis, phase: position % stride)
          let q = position / stride
          let indices = taps.indices(at: q, windows: axis.output)
          let found = indices.map { [taps.tap($0), q + taps.window($0)] }
          let expected = (0..<kernel).reversed().compactMap { tap in
            axis.window(tap: tap, at: position).map { [tap, $0] }
          }
          #expect(found == expected)
        }
      }
    }
  }
}
