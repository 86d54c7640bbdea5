import ArgumentParser
import Convolutions

/// Values with commas between them, as in `--threads 1,2`.
struct CommaList<Element: ExpressibleByArgument>: ExpressibleByArgument {
  var values: [Element]

  init(_ values: [Element]) {
    self.values = values
  }

  init?(argument: String) {
    values = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false)
    {
      guard let value = Element(argument: String(part)) else { return nil }
      values.append(value)
    }
  }

  var defaultValueDescription: String {
    values.map(\.defaultValueDescription).joined(separator: ",")
  }

  static var allValueStrings: [String] { Element.allValueStrings }
}

extension CommaList: Sendable where Element: Sendable {}

// MARK: - The library's enumerations

/// A choice between names, in upper or lower case. An error lists all the names
/// that are read.
public protocol NamedArgument: ExpressibleByArgument, CaseIterable,
  RawRepresentable
where RawValue == String {
  /// The name that is written.
  var argumentName: String { get }
  /// Other names that are read.
  static var otherNames: KeyValuePairs<String, Self> { get }
}

extension NamedArgument {
  private static var names: [(name: String, value: Self)] {
    allCases.map { ($0.argumentName, $0) } + otherNames.map { ($0, $1) }
  }

  public init?(argument: String) {
    let name = argument.lowercased()
    let found = Self.names.first { $0.name.lowercased() == name }
    guard let found else { return nil }
    self = found.value
  }

  public var argumentName: String { rawValue }
  public static var otherNames: KeyValuePairs<String, Self> { [:] }

  public var defaultValueDescription: String { argumentName }
  public static var allValueStrings: [String] { names.map(\.name) }
  public static var allValueDescriptions: [String: String] { [:] }
}

extension ScalarType: NamedArgument {
  /// NumPy's and TensorFlow's.
  public static var otherNames: KeyValuePairs<String, ScalarType> {
    [
      "float16": .float16, "half": .float16, "bfloat16": .bfloat16,
      "float32": .float32, "float": .float32, "float64": .float64,
      "double": .float64,
    ]
  }
}

extension DataFormat: NamedArgument {
  /// The name in tables and on the command line.
  var layoutName: String { rawValue.lowercased() }

  public var argumentName: String { layoutName }
}

extension ConvolutionAlgorithm: NamedArgument {
  public static var otherNames: KeyValuePairs<String, ConvolutionAlgorithm> {
    ["automatic": .automatic]
  }
}

extension ConvolutionOperation: NamedArgument {
  /// benchdnn's.
  public static var otherNames: KeyValuePairs<String, ConvolutionOperation> {
    ["BWD_D": .inputGradient, "FWD_D": .forward, "BWD_W": .filterGradient]
  }
}

extension Accuracy: NamedArgument {}

extension Tuning: NamedArgument {}

extension ProductProvider: NamedArgument {}

/// `SAME`, `VALID`, or eight numbers: before and after, a pair a dimension.
struct PaddingArgument: ExpressibleByArgument {
  var padding: Padding

  init?(argument: String) {
    switch argument.uppercased() {
    case "SAME": padding = .same
    case "VALID": padding = .valid
    default:
      guard let list = CommaList<Int>(argument: argument)?.values,
        list.count == 8
      else { return nil }
      padding = .explicit(
        stride(from: 0, to: 8, by: 2).map { .init(list[$0], list[$0 + 1]) })
    }
  }
}

// MARK: - Checks

/// - Throws: `ValidationError` unless every number of threads is positive.
func checkThreads(_ threads: [Int]) throws {
  guard threads.allSatisfy({ $0 >= 1 }) else {
    throw ValidationError("'--threads' must be at least 1.")
  }
}

/// - Throws: `ValidationError` for a negative number of bytes.
func checkWorkspaceLimit(_ limit: Int?) throws {
  guard limit ?? 0 >= 0 else {
    throw ValidationError("'--workspace-limit' must not be negative.")
  }
}
