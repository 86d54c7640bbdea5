import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

/// A description with a broken rule, or more, and the error it must give: a row
/// of `bad_input.json`.
struct BadInput: Decodable, Sendable, CustomStringConvertible {
  enum PaddingField: Decodable, Sendable {
    case named(String)
    case pairs([[Int]])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      self =
        if let name = try? container.decode(String.self) {
          .named(name)
        } else {
          .pairs(try container.decode([[Int]].self))
        }
    }
  }

  var `case`: String
  var inputSizes: [Int]
  var filterSizes: [Int]
  var outBackpropSizes: [Int]
  var strides: [Int]
  var padding: PaddingField
  var dataFormat: String
  var dilations: [Int]
  /// ``Conv2DError/kind``.
  var error: String
  /// The whole text, with every number of the error.
  var message: String

  var description: String { `case` }

  static let all: [BadInput] = rows("bad_input")

  var problem: ProblemDescription {
    var problem = ProblemDescription()
    problem.inputSizes = inputSizes
    problem.filterSizes = filterSizes
    problem.outBackpropSizes = outBackpropSizes
    problem.strides = strides
    problem.padding =
      switch padding {
      case .named("SAME"): .same
      case .named: .valid
      case .pairs(let pairs): .explicit(pairs.map { .init($0[0], $0[1]) })
      }
    problem.dataFormat = DataFormat(rawValue: dataFormat)!
    problem.dilations = dilations
    return problem
  }
}

/// The rows of a table of cases.
func rows<Row: Decodable>(_ name: String) -> [Row] {
  let file = Bundle.module.url(forResource: name, withExtension: "json")!
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  return try! decoder.decode([Row].self, from: Data(contentsOf: file))
}

/// Expects an error, by its kind and to the letter.
func expectError(
  _ kind: String, _ message: String,
  sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws(Conv2DError) -> Void
) {
  do throws(Conv2DError) {
    try body()
    Issue.record("no error", sourceLocation: sourceLocation)
  } catch {
    #expect(error.kind == kind, sourceLocation: sourceLocation)
    #expect("\(error)" == message, sourceLocation: sourceLocation)
  }
}

@Suite("A broken rule is refused in words, before anything is written")
struct BadInputTests {
  @Test func tableIsWhole() {
    #expect(BadInput.all.count >= 400)
    let described = Set(BadInput.all.map { "\($0.problem)" })
    #expect(described.count == BadInput.all.count, "rows that are the same")
    let names = Set(BadInput.all.map(\.case))
    #expect(names.count == BadInput.all.count, "names that are the same")
    let kinds = Set(BadInput.all.map(\.error))
    #expect(kinds == BadInput.kinds)
  }

  @Test(arguments: BadInput.all)
  func plansRefuse(_ row: BadInput) {
    #expect(!row.problem.isLegal)
    // A caller's own buffer, on the way that a plan is made and executed.
    var result = [Float](repeating: 7, count: 16)
    expectError(row.error, row.message) { () throws(Conv2DError) in
      let geometry = try row.problem.geometry()
      let plan = try InputGradientPlan<Float>(geometry)
      var workspace = plan.makeWorkspace()
      var span = result.mutableSpan
      plan.execute(
        filter: plan.prepare(
          filter: [Float](repeating: 1, count: geometry.filterCount).span),
        outBackprop: [Float](repeating: 1, count: geometry.outBackpropCount)
          .span, into: &span, workspace: &workspace)
    }
    #expect(result.allSatisfy { $0 == 7 }, "something was written")
  }

  /// The same through the one-call functions, where there are such tensors.
  @Test func oneCallFunctionsRefuse() throws {
    var counts = (gradient: 0, transpose: 0)
    for row in BadInput.all {
      let problem = row.problem
      guard let filter = tensor(problem.filterSizes),
        let outBackprop = tensor(problem.outBackpropSizes)
      else { continue }
      counts.gradient += 1
      expectError(row.error, row.message) { () throws(Conv2DError) in
        _ = try conv2DBackpropInput(
          inputSizes: problem.inputSizes, filter: filter,
          outBackprop: outBackprop, strides: problem.strides,
          padding: problem.padding, dataFormat: problem.dataFormat,
          dilations: problem.dilations)
      }
      // Lists of one or two are legal there, and the words are others.
      guard problem.strides.count == 4, problem.dilations.count == 4 else {
        continue
      }
      counts.transpose += 1
      expectError(row.error, row.message) { () throws(Conv2DError) in
        _ = try conv2DTranspose(
          input: outBackprop, filter: filter, outputShape: problem.inputSizes,
          strides: problem.strides, padding: problem.padding,
          dataFormat: problem.dataFormat, dilations: problem.dilations)
      }
    }
    #expect(counts.gradient > 300 && counts.transpose > 280, "\(counts)")
  }

  /// A small tensor of a shape, if there is one.
  private func tensor(_ shape: [Int]) -> Tensor<Float>? {
    guard shape.reduce(1, { $0 * Double($1.magnitude) }) <= 65536 else {
      return nil
    }
    return try? Tensor(shape: shape, repeating: 1)
  }

  /// Legal shapes that no machine has memory for.
  @Test(arguments: ScalarType.allCases, DataFormat.allCases)
  func memoryThatNobodyHas(_ type: ScalarType, _ format: DataFormat) throws {
    func check<Scalar: TestScalar>(_ type: Scalar.Type) throws {
      let scalar = Scalar(rounding: 1)
      let size = 1 << 24
      #expect(
        throws: Conv2DError.outOfMemory(
          bytes: MemoryLayout<Scalar>.stride << 48)
      ) { try Tensor(shape: [size, size], repeating: scalar) }

      // One window, and all else zeros.
      let filter = try Tensor(shape: [1, 1, 1, 1], repeating: scalar)
      let strides = format.order(height: size, width: size)
      let plan = try InputGradientPlan<Scalar>(
        Conv2DGeometry(
          inputSizes: [size, size], filterSizes: filter.shape,
          outBackpropSizes: filter.shape, strides: strides, padding: .same,
          dataFormat: format))
      #expect(
        throws: Conv2DError.outOfMemory(
          bytes: MemoryLayout<Scalar>.stride << 48 + plan.workspaceByteCount
            + plan.preparedFilterByteCount)
      ) {
        try conv2DBackpropInput(
          inputSizes: [size, size], filter: filter, outBackprop: filter,
          strides: strides, padding: .same, dataFormat: format)
      }
    }
    try check(type.testType)
  }
}

extension BadInput {
  /// Every kind of error that a description can give.
  static let kinds: Set<String> = {
    let tensors = ["input", "filter", "out_backprop"]
    let lists = ["strides", "dilations"]
    let sizes = (1...3).map(String.init)
    let plain = [
      "emptyFilter", "negativePadding", "tooLarge", "batch", "outDepth",
      "inDepth", "groups",
    ]
    func all(_ kind: String, _ names: [String]) -> [String] {
      names.map { "\(kind) \($0)" }
    }
    return Set(
      plain + all("rank", ["filter", "out_backprop"])
        + all("length", ["input_sizes", "explicit_paddings"] + lists)
        + all("negativeSize", tensors) + all("notPositive", lists)
        + all("batchOrDepthEntry", ["explicit_paddings"] + lists)
        + all("outBackpropSize", sizes) + all("windowTooLarge", sizes))
  }()
}
