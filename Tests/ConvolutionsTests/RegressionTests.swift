import ConvolutionTestSupport
import Convolutions
import Testing

/// What others got wrong: geometries, and what a geometry alone does not show.
@Suite struct RegressionTests {
  /// What no tap reaches is +0.0 in the tiles of Winograd's inexact points too:
  /// behind the last window, and where dilated taps meet none before the first.
  @Test(
    arguments: [
      "mb2ic33ih12iw11oc13oh12ow2kh1kw6sh1sw3",
      "mb2ic17ih17iw15oc64oh6ow2kh3kw6sh2sw3dh2dw1",
      "g4mb2ic4ih29iw29oc20oh28ow6kh2kw7sh1sw2dh0dw2",
      "mb1ic24ih15iw12oc24oh3ow3kh5kw4sh4sw3",
    ], DataFormat.allCases)
  func unreachedIsZero(_ descriptor: String, _ format: DataFormat) throws {
    let geometry = try problem(descriptor, format)
    let reached = IntegerReference.scatter(
      geometry, filter: Array(repeating: 1, count: geometry.filterCount),
      outBackprop: Array(repeating: 1, count: geometry.outBackpropCount))
    try #require(reached.contains(0))
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      let (filter, outBackprop) = realData(type, geometry)
      for algorithm in InputGradientAlgorithm.allCases
      where serves(algorithm, geometry) {
        for accuracy in Accuracy.allCases {
          let result = try inputGradient(
            geometry, .init(algorithm: algorithm, accuracy: accuracy),
            filter: filter, outBackprop: outBackprop, prefill: .notANumber)
          let wrong = result.indices.filter {
            (reached[$0] == 0) != (result[$0].bits == 0)
          }
          #expect(wrong.isEmpty, "\(algorithm) \(accuracy) \(type)")
        }
      }
    }
    for type in ScalarType.allCases { try check(type.testType) }
  }
}
