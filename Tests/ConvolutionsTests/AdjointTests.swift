import ConvolutionTestSupport
import Convolutions
import Testing

@Suite("The input gradient is the adjoint of the convolution")
struct AdjointTests {
  static let problems = [
    "mb2ic5ih9iw7oc6oh9ow7kh3kw3sh1sw1ph1pw1",
    "mb3ic4ih11iw8oc5oh4ow3kh4kw3sh3sw2dh1dw1ph2pw1",
    "g3mb2ic6ih8iw9oc12oh4ow3kh3kw5sh2sw3ph1pw2",
    "mb2ic7ih5iw6oc3oh9ow10kh2kw2sh1sw1dh1dw1ph3pw3",
    "mb2ic33ih4iw5oc17oh4ow5kh1kw1sh1sw1ph0pw0",
    "g4mb2ic4ih7iw7oc8oh7ow7kh3kw3sh1sw1ph1pw1",
    "mb2ic3ih17iw23oc5oh3ow3kh2kw3sh7sw8ph0pw1",
  ]

  @Test(arguments: problems, DataFormat.allCases)
  func adjoint(_ descriptor: String, _ format: DataFormat) throws {
    let geometry = try problem(descriptor, format)
    for algorithm in ConvolutionAlgorithm.allCases
    where serves(algorithm, geometry) {
      for index in 0..<3 {
        expectAdjoint(geometry, algorithm, index)
      }
    }
  }
}
