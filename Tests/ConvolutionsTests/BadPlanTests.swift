import ConvolutionTestSupport
import Convolutions
import Testing

/// A legal problem with options that cannot be met, and the error: a row of
/// `bad_plans.json`.
struct BadPlan: Decodable, Sendable, CustomStringConvertible {
  /// Bytes, or one less than the plan needs.
  enum Limit: Decodable, Sendable {
    case bytes(Int)
    case tooFew

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      self =
        if let bytes = try? container.decode(Int.self) {
          .bytes(bytes)
        } else {
          .tooFew
        }
    }
  }

  var `case`: String
  /// In benchdnn's notation.
  var problem: String
  var layout: String
  var type: String
  var algorithm: String
  var threads: Int?
  var workspaceLimit: Limit?
  var accuracy: String?
  var tuning: String?
  var error: String
  /// `{needed}` and `{limit}` differ from one machine to another.
  var message: String

  var description: String { `case` }

  static let all: [BadPlan] = rows("bad_plans")

  func geometry() throws -> Conv2DGeometry {
    try ConvolutionsTests.problem(
      problem, DataFormat(rawValue: layout.uppercased())!)
  }

  /// All but the workspace limit.
  var options: ConvolutionOptions {
    ConvolutionOptions(
      algorithm: ConvolutionAlgorithm(rawValue: algorithm)!,
      accuracy: accuracy.map { Accuracy(rawValue: $0)! } ?? .standard,
      threads: threads ?? 1,
      tuning: tuning.map { Tuning(rawValue: $0)! } ?? .estimate)
  }
}

@Suite("Options that cannot be met are refused in words")
struct BadPlanTests {
  @Test func tableIsWhole() {
    #expect(BadPlan.all.count >= 90)
    let kinds = Set(BadPlan.all.map(\.error))
    let algorithms = ConvolutionAlgorithm.allCases.filter {
      ![.automatic, .direct, .reference].contains($0)
    }
    #expect(
      kinds
        == Set(
          ["threads", "workspaceLimit", "outOfMemory"]
            + algorithms.map { "unsupported \($0.rawValue)" }))
  }

  @Test(arguments: BadPlan.all)
  func isRefused(_ row: BadPlan) throws {
    let type = try #require(ScalarType(rawValue: row.type))
    try check(row, type.testType)
  }

  private func check<Scalar: TestScalar>(
    _ row: BadPlan, _ type: Scalar.Type
  ) throws {
    let geometry = try row.geometry()
    var options = row.options
    var message = row.message
    if row.error == "workspaceLimit" {
      let needed = try leastWorkspace(
        Scalar.self, .inputGradient, geometry, options)
      var alone = options
      alone.threads = 1
      options.workspaceLimit = needed - 1
      message.replace("{needed}", with: "\(needed)")
      message.replace("{limit}", with: "\(needed - 1)")
      // It is that limit that is too low: one byte more will do.
      alone.workspaceLimit = needed
      #expect(throws: Never.self) {
        try InputGradientPlan<Scalar>(geometry, options: alone)
      }
    }
    if case .bytes(let bytes) = row.workspaceLimit {
      options.workspaceLimit = bytes
    }
    expectError(row.error, message) { () throws(Conv2DError) in
      _ = try InputGradientPlan<Scalar>(geometry, options: options)
    }

    // The same through the one-call function.
    guard max(geometry.filterCount, geometry.outBackpropCount) < 1 << 17 else {
      return
    }
    let padding = Padding.explicit(
      top: geometry.padTop, bottom: geometry.padBottom, left: geometry.padLeft,
      right: geometry.padRight, dataFormat: geometry.dataFormat)
    func four(_ list: [Int]) -> [Int] {
      geometry.dataFormat.order(height: list[0], width: list[1])
    }
    let filter = try Tensor(
      shape: geometry.filterSizes, repeating: Scalar(rounding: 1))
    let outBackprop = try Tensor(
      shape: geometry.outBackpropSizes, repeating: Scalar(rounding: 1))
    expectError(row.error, message) { () throws(Conv2DError) in
      _ = try conv2DBackpropInput(
        inputSizes: geometry.inputSizes, filter: filter,
        outBackprop: outBackprop, strides: four(geometry.strides),
        padding: padding, dataFormat: geometry.dataFormat,
        dilations: four(geometry.dilations), options: options)
    }
  }
}
