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

extension ScalarType: ExpressibleByArgument {
  /// Takes NumPy's and TensorFlow's names beside this package's short ones.
  public init?(argument: String) {
    switch argument.lowercased() {
    case "f16", "float16", "half": self = .float16
    case "bf16", "bfloat16": self = .bfloat16
    case "f32", "float32", "float": self = .float32
    case "f64", "float64", "double": self = .float64
    default: return nil
    }
  }

  public var defaultValueDescription: String { rawValue }
  public static var allValueStrings: [String] { ["f32", "f64", "f16", "bf16"] }
}

extension DataFormat: ExpressibleByArgument {
  public init?(argument: String) {
    self.init(rawValue: argument.uppercased())
  }

  /// The name in tables and on the command line.
  var layoutName: String { rawValue.lowercased() }

  public var defaultValueDescription: String { layoutName }
  public static var allValueStrings: [String] { allCases.map(\.layoutName) }
}

extension ConvolutionAlgorithm: ExpressibleByArgument {
  public init?(argument: String) {
    self.init(rawValue: argument == "automatic" ? "auto" : argument)
  }

  public var defaultValueDescription: String { rawValue }
  public static var allValueStrings: [String] { allCases.map(\.rawValue) }
}

extension ConvolutionOperation: ExpressibleByArgument {
  /// Takes benchdnn's names too.
  public init?(argument: String) {
    switch argument {
    case "BWD_D": self = .inputGradient
    case "FWD_D": self = .forward
    case "BWD_W": self = .filterGradient
    default: self.init(rawValue: argument)
    }
  }

  public var defaultValueDescription: String { rawValue }
  public static var allValueStrings: [String] { allCases.map(\.rawValue) }
}

extension Accuracy: ExpressibleByArgument {
  public var defaultValueDescription: String { rawValue }
}

extension Tuning: ExpressibleByArgument {
  public var defaultValueDescription: String { rawValue }
}

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
