import Testing

@testable import Convolutions

@Suite("Runs and taps by phase follow from the definition of an axis")
struct PhaseTapsTests {
  /// Another library took `kernel % stride` for the number of taps of a phase,
  /// which is wrong for strides 3 and 5 with kernels 4, 7 and 8.
  @Test(arguments: [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 7, 8])
  func everyTapOnce(_ stride: Int, _ kernel: Int) {
    forEachAxis(stride, kernel) { axis in
      for position in 0..<axis.target {
        let taps = PhaseTaps(axis, phase: position % axis.stride)
        let q = position / axis.stride
        let indices = taps.indices(at: q, sources: axis.source)
        let found = indices.map {
          [taps.tap($0), q * axis.step + taps.source($0)]
        }
        let expected = (0..<kernel).reversed().compactMap { tap in
          axis.source(tap: tap, at: position).map { [tap, $0] }
        }
        #expect(found == expected)
      }
    }
  }

  /// The positions of a part of the result that a tap adds to.
  @Test(arguments: [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 7, 8])
  func everyPositionOnce(_ stride: Int, _ kernel: Int) {
    forEachAxis(stride, kernel) { axis in
      for targets in [0..<axis.target, 2..<5, 3..<4] {
        var touched: Set<Int> = []
        for tap in 0..<kernel {
          let run = axis.run(landingIn: targets, tap: tap)
          let found = (0..<run.count).map {
            [run.target + $0 * axis.stride, run.source + $0 * axis.step]
          }
          let expected = targets.compactMap { position in
            axis.source(tap: tap, at: position).map { [position, $0] }
          }
          #expect(found == expected)
          touched.formUnion(expected.map { $0[1] })
        }
        let all = axis.sources(touching: targets)
        #expect(touched.allSatisfy(all.contains))
        #expect(all.count <= axis.mostSources(touching: targets.count))
      }
    }
  }

  /// The axes of both maps.
  private func forEachAxis(
    _ stride: Int, _ kernel: Int, _ body: (MapAxis) -> Void
  ) {
    for dilation in 1...4 {
      for padding in 0...4 {
        let axis = Axis(
          input: 13, output: 9, kernel: kernel, stride: stride,
          dilation: dilation, padBefore: padding, padAfter: 0)
        body(MapAxis(inputGradient: axis))
        body(MapAxis(forward: axis))
      }
    }
  }
}
