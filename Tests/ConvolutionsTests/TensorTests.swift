import ConvolutionTestSupport
import Convolutions
import Testing

@Suite("A tensor has as many scalars as its shape says")
struct TensorTests {
  @Test func scalarsChangeInPlace() throws {
    var tensor = try Tensor<Double>(shape: [2, 3], repeating: 1.5)
    #expect(tensor.scalars == [1.5, 1.5, 1.5, 1.5, 1.5, 1.5])
    tensor.scalars[4] = -2
    tensor.scalars.swapAt(0, 4)
    #expect(tensor.scalars == [-2, 1.5, 1.5, 1.5, 1.5, 1.5])
    #expect(tensor.shape == [2, 3])
    #expect(tensor != (try Tensor(shape: [3, 2], scalars: tensor.scalars)))
  }

  @Test func scalarsOfNoDimensionAndOfNone() throws {
    #expect(try Tensor<Float>(shape: [], scalars: [7]).scalars == [7])
    #expect(
      try Tensor<Float>(shape: [3, 0, 2], scalars: []).shape == [3, 0, 2])
  }

  /// Shapes that are no tensor's, or another's than the scalars'.
  static let shapes: [(shape: [Int], count: Int, error: Conv2DError)] = [
    ([2, 3], 5, .elementCount(shape: [2, 3], got: 5, needed: 6)),
    ([2, 3], 7, .elementCount(shape: [2, 3], got: 7, needed: 6)),
    ([2, 3], 0, .elementCount(shape: [2, 3], got: 0, needed: 6)),
    ([], 0, .elementCount(shape: [], got: 0, needed: 1)),
    ([], 2, .elementCount(shape: [], got: 2, needed: 1)),
    ([3, 0, 2], 1, .elementCount(shape: [3, 0, 2], got: 1, needed: 0)),
    ([1 << 40], 3, .elementCount(shape: [1 << 40], got: 3, needed: 1 << 40)),
    ([1 << 48], 1, .elementCount(shape: [1 << 48], got: 1, needed: 1 << 48)),
    ([-1], 1, .negativeSize(.tensor, sizes: [-1])),
    ([-2, -3], 6, .negativeSize(.tensor, sizes: [-2, -3])),
    ([0, .min], 0, .negativeSize(.tensor, sizes: [0, .min])),
    ([.max, .max, -1], 0, .negativeSize(.tensor, sizes: [.max, .max, -1])),
    tooLarge([.max]), tooLarge([1 << 48 + 1]), tooLarge([1 << 32, 1 << 32]),
    tooLarge([1 << 62, 4, 0]), tooLarge([0, 3, .max, .max]),
  ]

  private static func tooLarge(_ shape: [Int]) -> ([Int], Int, Conv2DError) {
    (shape, 0, .tooLarge("tensor of sizes \(shape)"))
  }

  @Test(arguments: shapes)
  func shapesThatAreNone(_ shape: [Int], _ count: Int, _ error: Conv2DError) {
    #expect(throws: error) {
      try Tensor<Double>(
        shape: shape, scalars: Array(repeating: 1, count: count))
    }
    if case .elementCount = error { return }
    #expect(throws: error) {
      try Tensor<BFloat16>(shape: shape, repeating: BFloat16(1))
    }
  }

  /// The count of a tensor's scalars follows its shape.
  @Test func tensorThatLosesAScalar() async {
    await #expect(processExitsWith: .failure) {
      var tensor = try Tensor<Float>(shape: [2, 2], repeating: 1)
      tensor.scalars.removeLast()
    }
  }
}
