import ConvolutionTestSupport
import Convolutions
import Testing

/// One broken rule: how to break it, and what is thrown.
struct Rule: Sendable, CustomStringConvertible {
  var description: String
  var error: Conv2DError
  var wording: [String]
  var apply: @Sendable (inout ProblemDescription) -> Void

  init(
    _ description: String, _ error: Conv2DError, _ wording: [String],
    _ apply: @escaping @Sendable (inout ProblemDescription) -> Void
  ) {
    self.description = description
    self.error = error
    self.wording = wording
    self.apply = apply
  }

  /// Sets an entry of a list, which another rule may have shortened.
  private static func set(_ list: inout [Int], _ index: Int, _ value: Int) {
    if list.indices.contains(index) { list[index] = value }
  }

  /// In the order of the contract; none hides another that comes before.
  static let all: [Rule] = [
    Rule("filter rank", .rank(.filter, got: 3), ["filter", "rank 3", "rank 4"])
    {
      $0.filterSizes = [3, 2, 4]
    },
    Rule("out_backprop rank", .rank(.outBackprop, got: 5), ["out_backprop"]) {
      $0.outBackpropSizes = [2, 4, 4, 6, 1]
    },
    Rule(
      "input_sizes length", .length(.inputSizes, got: 3, allowed: [2, 4]),
      ["input_sizes", "3", "2 or 4"]
    ) { $0.inputSizes = [6, 5, 4] },
    Rule(
      "strides length", .length(.strides, got: 2, allowed: [4]),
      ["strides", "2", "4"]
    ) { $0.strides = [1, 1] },
    Rule(
      "dilations length", .length(.dilations, got: 0, allowed: [4]),
      ["dilations", "0"]
    ) { $0.dilations = [] },
    Rule(
      "paddings length", .length(.explicitPaddings, got: 3, allowed: [4]),
      ["explicit_paddings", "3"]
    ) { $0.padding = .explicit([.init(0, 0), .init(0, 0), .init(0, 0)]) },
    Rule(
      "input sign", .negativeSize(.input, sizes: [2, -6, 5, 4]),
      ["input", "negative", "-6"]
    ) { $0.inputSizes = [2, -6, 5, 4] },
    Rule(
      "filter sign", .negativeSize(.filter, sizes: [3, 2, 4, -6]),
      ["filter", "-6"]
    ) { $0.filterSizes = [3, 2, 4, -6] },
    Rule(
      "out_backprop sign", .negativeSize(.outBackprop, sizes: [2, 4, .min, 6]),
      ["out_backprop", "\(Int.min)"]
    ) { $0.outBackpropSizes = [2, 4, .min, 6] },
    Rule("empty filter", .emptyFilter(sizes: [0, 2, 4, 6]), ["filter", "0"]) {
      $0.filterSizes = [0, 2, 4, 6]
    },
    Rule(
      "strides positive", .notPositive(.strides, values: [1, 0, 1, 1]),
      ["strides", "positive", "[1, 0, 1, 1]"]
    ) { $0.strides = [1, 0, 1, 1] },
    Rule(
      "dilations positive", .notPositive(.dilations, values: [1, 1, -3, 1]),
      ["dilations", "-3"]
    ) { $0.dilations = [1, 1, -3, 1] },
    Rule(
      "paddings sign",
      .negativePadding([.init(0, 0), .init(0, -1), .init(0, 0), .init(0, 0)]),
      ["explicit_paddings must be nonnegative", "-1"]
    ) {
      $0.padding = .explicit(
        top: 0, bottom: -1, left: 0, right: 0, dataFormat: .nhwc)
    },
    Rule(
      "batch stride", .batchOrDepthEntry(.strides, values: [2, 1, 1, 1]),
      ["strides", "[2, 1, 1, 1]"]
    ) { $0.strides = [2, 1, 1, 1] },
    Rule(
      "depth dilation", .batchOrDepthEntry(.dilations, values: [1, 1, 1, 2]),
      ["dilations", "[1, 1, 1, 2]"]
    ) { $0.dilations = [1, 1, 1, 2] },
    Rule(
      "depth padding", .batchOrDepthEntry(.explicitPaddings, values: [0, 3]),
      ["explicit_paddings", "3"]
    ) {
      $0.padding = .explicit([
        .init(0, 0), .init(0, 0), .init(0, 0), .init(0, 3),
      ])
    },
    Rule(
      "batch", .batch(input: 3, outBackprop: 2),
      ["input and out_backprop must have the same batch size", "3", "2"]
    ) { $0.inputSizes = [3, 6, 5, 4] },
    Rule(
      "out_depth", .outDepth(filter: 6, outBackprop: 7),
      ["filter and out_backprop must have the same out_depth", "6", "7"]
    ) { set(&$0.outBackpropSizes, 3, 7) },
    Rule("in_depth", .inDepth(input: 5, filter: 4), ["divisible", "5", "4"]) {
      set(&$0.inputSizes, 3, 5)
    },
    Rule("groups", .groups(outDepth: 6, groups: 4), ["groups", "6", "4"]) {
      set(&$0.inputSizes, 3, 16)
    },
    Rule(
      "window too large",
      .windowTooLarge(dimension: 1, effectiveKernel: 11, paddedInput: 6),
      ["dimension 1", "11", "6", "negative"]
    ) { set(&$0.dilations, 1, 5) },
    Rule(
      "width",
      .outBackpropSize(
        dimension: 2, got: 3, computed: 4, legalInputSizes: 4...4),
      [
        "Size of out_backprop doesn't match computed", "dimension 2",
        "actual 3", "computed 4", "input size of 4",
      ]
    ) { set(&$0.outBackpropSizes, 2, 3) },
  ]
}

@Suite("Every rule is checked, the earlier before the later")
struct ValidationTests {
  @Test func startingPointIsLegal() throws {
    #expect(throws: Never.self) { try ProblemDescription().geometry() }
  }

  @Test(arguments: Rule.all)
  func eachRuleIsChecked(_ rule: Rule) {
    var description = ProblemDescription()
    rule.apply(&description)
    #expect(throws: rule.error) { try description.geometry() }
    for text in rule.wording {
      #expect("\(rule.error)".contains(text), "\(rule.error)")
    }
  }

  /// Of two broken rules the earlier is reported.
  @Test func theEarlierRuleIsReported() {
    var pairs = 0
    for (index, first) in Rule.all.enumerated() {
      for second in Rule.all[(index + 1)...] {
        var description = ProblemDescription()
        second.apply(&description)
        first.apply(&description)
        var other = ProblemDescription()
        first.apply(&other)
        second.apply(&other)
        // Two rules on one list: the one undoes the other.
        guard
          description.inputSizes == other.inputSizes,
          description.filterSizes == other.filterSizes,
          description.outBackpropSizes == other.outBackpropSizes,
          description.strides == other.strides,
          description.dilations == other.dilations,
          description.padding == other.padding
        else { continue }
        pairs += 1
        let error = #expect(throws: Conv2DError.self) {
          try description.geometry()
        }
        // Numbers of the later rule may show in the earlier one's.
        #expect(
          error?.kind == first.error.kind,
          "\(first), \(second): \(error.map { "\($0)" } ?? "none")")
      }
    }
    #expect(pairs > 170)
  }

  /// Overflow comes after the entries and before channels and batch.
  @Test func overflowHasItsPlace() {
    var description = ProblemDescription()
    description.inputSizes = [3, 1 << 40, 1 << 30, 4]
    #expect {
      try description.geometry()
    } throws: { error in
      guard case Conv2DError.tooLarge(let what) = error else { return false }
      return what.contains("input") && what.contains("\(1 << 40)")
    }
    description.strides[0] = 2
    #expect(
      throws: Conv2DError.batchOrDepthEntry(.strides, values: [2, 1, 1, 1])
    ) { try description.geometry() }
  }

  @Test func dimensionsAreNumberedInTheDataFormat() {
    var description = ProblemDescription()
    description.dataFormat = .nchw
    description.inputSizes = [2, 4, 6, 5]
    description.outBackpropSizes = [2, 6, 4, 9]
    #expect(
      throws: Conv2DError.outBackpropSize(
        dimension: 3, got: 9, computed: 4, legalInputSizes: 10...10)
    ) { try description.geometry() }
    description.strides = [1, 2, 1, 1]
    #expect(
      throws: Conv2DError.batchOrDepthEntry(.strides, values: [1, 2, 1, 1])
    ) { try description.geometry() }
  }
}
