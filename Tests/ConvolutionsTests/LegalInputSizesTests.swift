import Convolutions
import Testing

@Suite("The legal input sizes are those that are accepted")
struct LegalInputSizesTests {
  /// Every input size of a range, accepted or not by the geometry itself.
  @Test(arguments: 0...5, 1...4)
  func agreeWithValidation(_ output: Int, _ kernel: Int) throws {
    let pads = (0...3).flatMap { before in (0...3).map { (before, $0) } }
    let paddings =
      [Padding.same, .valid]
      + pads.map {
        .explicit(top: $0, bottom: $1, left: 0, right: 0, dataFormat: .nhwc)
      }
    for stride in 1...4 {
      for dilation in 1...3 {
        for padding in paddings {
          let accepted = (0...60).filter { input in
            (try? Conv2DGeometry(
              inputSizes: [1, input, 1, 1], filterSizes: [kernel, 1, 1, 1],
              outBackpropSizes: [1, output, 1, 1], strides: [1, stride, 1, 1],
              padding: padding, dilations: [1, dilation, 1, 1])) != nil
          }
          let legal = Conv2DGeometry.legalInputSizes(
            outputSize: output, kernelSize: kernel, stride: stride,
            dilation: dilation, padding: padding)
          #expect(
            legal.map(Array.init) ?? [] == accepted,
            "stride \(stride) dilation \(dilation) \(padding)")
        }
      }
    }
  }

  @Test func contractFormulas() {
    // VALID in = (out - 1) s + eff + r, 0 <= r < s; SAME (out - 1) s + 1 ...
    // out s.
    #expect(
      Conv2DGeometry.legalInputSizes(
        outputSize: 5, kernelSize: 3, stride: 2, dilation: 2, padding: .valid)
        == 13...14)
    #expect(
      Conv2DGeometry.legalInputSizes(
        outputSize: 5, kernelSize: 3, stride: 3, padding: .same) == 13...15)
  }

  @Test func numbersOutsideTheirRangeHaveNone() {
    func sizes(
      _ output: Int = 2, _ kernel: Int = 2, _ stride: Int = 1,
      _ dilation: Int = 1, _ padding: Padding = .valid
    ) -> ClosedRange<Int>? {
      Conv2DGeometry.legalInputSizes(
        outputSize: output, kernelSize: kernel, stride: stride,
        dilation: dilation, padding: padding)
    }
    #expect(sizes() == 3...3)
    #expect(sizes(-1) == nil)
    #expect(sizes(2, 0) == nil)
    #expect(sizes(2, 2, 0) == nil)
    #expect(sizes(2, 2, 1, 0) == nil)
    #expect(sizes(.max, 2, .max) == nil)
    #expect(sizes(2, .max, 2, .max) == nil)
    #expect(sizes(.max, 1, .max, 1, .same) == nil)
    #expect(sizes(2, 2, 1, 1, .explicit([])) == nil)
    #expect(
      sizes(
        2, 2, 1, 1,
        .explicit(top: -1, bottom: 0, left: 0, right: 0, dataFormat: .nhwc))
        == nil)
    #expect(
      sizes(
        2, 2, 1, 1,
        .explicit(top: .max, bottom: .max, left: 0, right: 0, dataFormat: .nhwc)
      )
        == nil)
  }
}
