import ConvolutionTestSupport
import Convolutions
import Foundation

/// One entry of TensorFlow's own test inventory for this op and its transposed
/// twins; activations in `[N, H, W, C]` order.
struct TensorFlowCase: Decodable, Sendable, CustomStringConvertible {
  enum Data: Decodable, Sendable {
    case named(String)
    case literal([Double])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      self =
        if let name = try? container.decode(String.self) {
          .named(name)
        } else if let number = try? container.decode(Double.self) {
          .literal([number])
        } else {
          .literal(try container.decode([Double].self))
        }
    }
  }

  enum PaddingField: Decodable, Sendable {
    case named(String)
    case pairs([[Int]])
    case flat([Int])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      self =
        if let name = try? container.decode(String.self) {
          .named(name)
        } else if let pairs = try? container.decode([[Int]].self) {
          .pairs(pairs)
        } else {
          .flat(try container.decode([Int].self))
        }
    }
  }

  var id: Int
  var test: String
  var `case`: String
  var api: String
  var kind: String
  var inputSizes: [Int]?
  var inputSizesArg: [Int]?
  var filterSizes: [Int]?
  var outputSizes: [Int]?
  var runInputSizes: [Int]?
  var runFilterSizes: [Int]?
  var runOutputSizes: [Int]?
  var strides: [Int]?
  var stridesArg: [Int]?
  var dilations: [Int]?
  var padding: PaddingField?
  var filterData: Data
  var outBackpropData: Data
  var expected: [Double]?
  var expectedRule: String?
  var err: Double?
  var expectError: String?

  var description: String { "\(id) \(test) (\(`case`))" }
}

extension TensorFlowCase {
  static let all: [TensorFlowCase] = {
    let file = Bundle.module.url(
      forResource: "tensorflow_cases", withExtension: "json")!
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try! decoder.decode(
      [TensorFlowCase].self, from: Foundation.Data(contentsOf: file))
  }()

  /// Entries that say nothing about this interface, with the reason.
  static let unmapped: [Int: String] = [
    101: "padding entries of one number: Padding.Pair has two",
    102: "padding entries that are no lists: Padding.Pair is one",
    271: "sizes that are not known: every size of a tensor here is",
  ]

  /// Sizes of the largest entries, cut so that integers can check them in
  /// a debug build; kernel, stride and padding are TensorFlow's.
  private static let cut: [Int: (input: [Int], filter: [Int], output: [Int])] =
    [
      // "newer revision uses [2,20,20,32] with filter [3,3,32,32]"
      263: ([2, 20, 20, 32], [3, 3, 32, 32], [2, 20, 20, 32]),
      266: ([2, 32, 32, 3], [7, 7, 3, 7], [2, 32, 32, 7]),
      94: ([1, 100, 400, 1], [1, 1, 1, 32], [1, 100, 400, 32]),
      91: ([2, 73, 73, 2], [3, 3, 2, 19], [2, 71, 71, 19]),
    ]

  /// Height and width entries with ones around them.
  private func four(_ list: [Int]?) -> [Int] {
    guard let list else { return [1, 1, 1, 1] }
    return [1] + list + [1]
  }

  /// The padding in the order of a data format; the inventory has pairs of
  /// height and width, and of all dimensions in errors.
  func padding(_ format: DataFormat) -> Padding {
    switch padding {
    case .named("SAME"): .same
    case .pairs(let pairs) where pairs.count == 2:
      .explicit(
        top: pairs[0][0], bottom: pairs[0][1], left: pairs[1][0],
        right: pairs[1][1], dataFormat: format)
    case .pairs(let pairs):
      .explicit(pairs.map { Padding.Pair($0[0], $0[1]) })
    default: .valid
    }
  }

  var strideList: [Int] { stridesArg ?? four(strides) }
  var dilationList: [Int] { four(dilations) }

  /// The problem as TensorFlow runs it, or with the channels or images cut.
  func geometry(_ format: DataFormat) throws -> Conv2DGeometry {
    let cut = Self.cut[id]
    return try Conv2DGeometry(
      inputSizes: arrange(
        cut?.input ?? runInputSizes ?? inputSizesArg ?? [], as: format),
      filterSizes: cut?.filter ?? runFilterSizes ?? filterSizes ?? [],
      outBackpropSizes: arrange(
        cut?.output ?? runOutputSizes ?? outputSizes ?? [], as: format),
      strides: arrange(strideList, as: format), padding: padding(format),
      dataFormat: format, dilations: arrange(dilationList, as: format))
  }
}

extension TensorFlowCase.Data {
  /// The numbers that a name stands for, in `[N, H, W, C]` order.
  func values(count: Int) -> [Double] {
    switch self {
    case .literal(let values): values
    case .named("arange0"): (0..<count).map(Double.init)
    case .named("ones"): Array(repeating: 1, count: count)
    default: (0..<count).map { Double($0 + 1) }
    }
  }
}

// MARK: - Kinds

extension TensorFlowCase {
  private static func cases(
    _ kinds: String...,
    where condition: (TensorFlowCase) -> Bool = { _ in true }
  ) -> [TensorFlowCase] {
    all.filter {
      kinds.contains($0.kind) && unmapped[$0.id] == nil && condition($0)
    }
  }

  static let literal = cases("value") { $0.expected != nil }
  static let atrous = cases("value") { $0.expected == nil }
  static let gradients = cases("gradcheck")
  static let crossChecks = cases("cross_check")
  static let errors = cases("error", "security") { $0.expectError != nil }
  static let zeros = cases("security") { $0.expectError == nil }
  static let shapes = cases("shape_fn")
}
