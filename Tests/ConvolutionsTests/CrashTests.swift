import ConvolutionTestSupport
import Convolutions
import Testing

/// Through the one-call functions; the numbers are those of the reports.
@Suite("What ended the process in other libraries is refused or right")
struct CrashTests {
  private func run(
    _ inputSizes: [Int], _ filter: [Int], _ outBackprop: [Int],
    strides: [Int] = [1, 1, 1, 1], padding: Padding = .same,
    dilations: [Int] = [1, 1, 1, 1]
  ) throws -> Tensor<Float> {
    try conv2DBackpropInput(
      inputSizes: inputSizes, filter: Tensor(shape: filter, repeating: 1),
      outBackprop: Tensor(shape: outBackprop, repeating: 1), strides: strides,
      padding: padding,
      dilations: dilations)
  }

  @Test func kernelHeightZero() {
    // CVE-2021-29525, and with channels #61534.
    #expect(throws: Conv2DError.emptyFilter(sizes: [0, 1, 5, 0])) {
      try run([52, 1, 1, 5], [0, 1, 5, 0], [52, 1, 1, 0])
    }
    #expect(throws: Conv2DError.emptyFilter(sizes: [0, 2, 1, 1])) {
      try run([1, 4, 4, 1], [0, 2, 1, 1], [1, 4, 4, 1])
    }
    #expect(throws: Conv2DError.emptyFilter(sizes: [2, 2, 0, 1])) {
      try run([1, 4, 4, 1], [2, 2, 0, 1], [1, 4, 4, 1])
    }
  }

  @Test func noWindowsGiveZeros() throws {
    // CVE-2022-35999.
    let result = try run(
      [3, 1, 1, 2], [1, 3, 2, 3], [3, 1, 0, 3], strides: [1, 1, 2, 1],
      padding: .valid)
    #expect(result.shape == [3, 1, 1, 2])
    #expect(result.scalars.allSatisfy { $0.bitPattern == 0 })
  }

  @Test(arguments: [0, 1, 2, 3, 5])
  func outBackpropOfAnotherRank(_ rank: Int) {
    // CVE-2022-35969.
    #expect(throws: Conv2DError.rank(.outBackprop, got: rank)) {
      try run(
        [65534, 65534], [3, 3, 2, 2], Array(repeating: 1, count: rank))
    }
  }

  @Test(arguments: [0, 1, 3])
  func filterOfAnotherRank(_ rank: Int) {
    // #125506, #78428.
    #expect(throws: Conv2DError.rank(.filter, got: rank)) {
      try run(
        [1, 4, 4, 1], Array(repeating: 1, count: rank), [1, 4, 4, 1])
    }
  }

  @Test(arguments: [0, 1, 3, 5])
  func inputSizesOfAnotherLength(_ length: Int) {
    // #125511, #127293.
    #expect(
      throws: Conv2DError.length(.inputSizes, got: length, allowed: [2, 4])
    ) {
      try run(
        Array(repeating: 4, count: length), [2, 2, 1, 1], [1, 4, 4, 1])
    }
  }

  @Test func productsThatOverflow() {
    // #57958: 2e16 pixels fit an Int; the image sizes do not match.
    #expect(throws: Conv2DError.self) {
      try run(
        [114_078_056, 179_835_296], [1, 1, 1, 1], [2, 2, 2, 1],
        strides: [1, 10, 10, 1])
    }
    #expect {
      try run(
        [114_078_056, 179_835_296], [1, 1, 1, 2], [1, 5, 5, 2])
    } throws: { isTooLarge($0) }
    // #78428.
    #expect(
      throws: Conv2DError.groups(outDepth: 2, groups: 333_333_333_333)
    ) { try run([1, 5, 5, 999_999_999_999], [3, 3, 3, 2], [1, 5, 5, 2]) }
    // CVE-2021-41197.
    #expect(throws: Conv2DError.self) {
      try run([65534, 65534], [3, 3, 2, 2], [1, 4, 4, 2])
    }
    #expect {
      try run(
        [.max, .max, .max, 1], [3, 3, 1, 1], [1, 1, 1, 1])
    } throws: { isTooLarge($0) }
    // A zero hides no overflow.
    #expect {
      try run([0, .max, .max, 1], [3, 3, 1, 1], [0, 1, 1, 1])
    } throws: { isTooLarge($0) }
  }

  @Test func signsAndLengths() {
    // #57715, #62950.
    #expect(throws: Conv2DError.negativeSize(.input, sizes: [2, -2])) {
      try run([2, -2], [1, 1, 1, 1], [1, 1, 1, 1])
    }
    #expect(throws: Conv2DError.length(.strides, got: 2, allowed: [4])) {
      try run([1, 4, 4, 1], [2, 2, 1, 1], [1, 4, 4, 1], strides: [1, 1])
    }
  }

  @Test(arguments: ConvolutionAlgorithm.allCases)
  func strideBeyondInt32(_ algorithm: ConvolutionAlgorithm) throws {
    // #85246: one window, whatever the stride.
    let format = DataFormat.nhwc
    let stride = 1 << 33
    let geometry = try Conv2DGeometry(
      inputSizes: [1, 4, 4, 1], filterSizes: [2, 2, 1, 1],
      outBackpropSizes: [1, 1, 1, 1], strides: [1, stride, stride, 1],
      padding: .valid, dataFormat: format)
    guard serves(algorithm, geometry) else { return }
    let result = try inputGradient(
      geometry, .exact(algorithm), filter: [1, 2, 3, 4] as [Float],
      outBackprop: [10], prefill: .nan)
    #expect(result == [10, 20, 0, 0, 30, 40] + Array(repeating: 0, count: 10))
  }

  @Test func noOutputChannels() throws {
    // #48470.
    let result = try run([1, 4, 4, 2], [2, 2, 2, 0], [1, 4, 4, 0])
    #expect(result.scalars.count == 32)
    #expect(result.scalars.allSatisfy { $0.bitPattern == 0 })
  }

  @Test func emptyResults() throws {
    // #57401.
    #expect(try run([0, 4, 4, 2], [2, 2, 2, 3], [0, 4, 4, 3]).scalars == [])
    #expect(try run([2, 0, 4, 2], [2, 2, 2, 3], [2, 0, 4, 3]).scalars == [])
    #expect(try run([2, 4, 4, 0], [2, 2, 2, 3], [2, 4, 4, 3]).scalars == [])
  }

  @Test func depthAgainstFilter() {
    #expect(throws: Conv2DError.inDepth(input: 14, filter: 5)) {
      try run([14, 14, 14, 14], [5, 5, 5, 5], [14, 12, 12, 5])
    }
  }

  @Test func immensePaddingAndStride() {
    let padding = Padding.explicit(
      top: .max - 1, bottom: .max - 1, left: 0, right: 0, dataFormat: .nhwc)
    #expect {
      try run(
        [1, 4, 4, 1], [2, 2, 1, 1], [1, 1, 3, 1], strides: [1, .max, 1, 1],
        padding: padding)
    } throws: { isTooLarge($0) }
    #expect(throws: Conv2DError.self) {
      try run(
        [1, 4, 4, 1], [2, 2, 1, 1], [1, 3, 3, 1], padding: .valid,
        dilations: [1, .max, 1, 1])
    }
    #expect(throws: Conv2DError.self) {
      try run(
        [1, 1, 1, 1], [1, 1, 1, 1], [10, 1, 1, 1],
        dilations: [1, 1_356_819_205, 1_356_819_205, 1])
    }
  }

  /// A legal shape of which no machine holds the result.
  @Test func resultBeyondMemory() throws {
    let size = 1 << 29
    let one = try Tensor<Float>(shape: [1, 1, 1, 1], repeating: 1)
    #expect {
      try conv2DBackpropInput(
        inputSizes: [1, size, size, 1],
        filter: one, outBackprop: one,
        strides: [1, size, size, 1], padding: .valid)
    } throws: {
      switch $0 {
      case Conv2DError.outOfMemory, Conv2DError.tooLarge: true
      default: false
      }
    }
  }
}
