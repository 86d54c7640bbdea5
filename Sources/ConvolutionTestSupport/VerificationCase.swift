import Convolutions

/// One test case, and everything needed to rerun it.
public struct VerificationCase: Sendable {
  public var geometry: Conv2DGeometry
  public var type: ScalarType
  public var algorithm: InputGradientAlgorithm
  public var threads: Int
  /// Bytes, or `nil` for no limit.
  public var workspaceLimit: Int?
  /// The data follow from it, the geometry and the type.
  public var seed: UInt64

  public init(
    geometry: Conv2DGeometry, type: ScalarType,
    algorithm: InputGradientAlgorithm, threads: Int, workspaceLimit: Int? = nil,
    seed: UInt64
  ) {
    self.geometry = geometry
    self.type = type
    self.algorithm = algorithm
    self.threads = threads
    self.workspaceLimit = workspaceLimit
    self.seed = seed
  }

  /// A command line that reruns the case.
  ///
  /// The far pads are always there: several of them go with one descriptor.
  public var reproduction: String {
    "convbench verify --suite exact --problem \(geometry.descriptor)"
      + " --padding-after \(geometry.padBottom),\(geometry.padRight)"
      + " --dtype \(type.rawValue)"
      + " --layout \(geometry.dataFormat.rawValue.lowercased())"
      + " --algorithm \(algorithm.rawValue) --threads \(threads)"
      + (workspaceLimit.map { " --workspace-limit \($0)" } ?? "")
      + " --seed \(seed)"
  }

  package var options: InputGradientOptions {
    .exact(algorithm, threads: threads, workspaceLimit: workspaceLimit)
  }
}

/// What became of a case.
public enum VerificationOutcome: Sendable {
  case passed
  /// What differed.
  case failed(String)
  /// Why it does not count.
  case skipped(String)
}

/// What became of many cases.
public struct VerificationSummary: Sendable {
  /// Failures that are kept in words.
  static let keptFailures = 20

  /// All cases, skipped ones included.
  public var tests = 0
  public var passed = 0
  public var failed = 0
  /// Cases that do not count, by reason.
  public var skipped: [String: Int] = [:]
  /// Reproduction line and difference of the first failures, at most 20.
  public var failures: [String] = []

  public init() {}

  /// The last line of oneDNN's benchdnn, for tools that read it.
  public var closingLine: String {
    "tests:\(tests) passed:\(passed) skipped:\(skipped.values.reduce(0, +)) "
      + "mistrusted:0 unimplemented:0 invalid_arguments:0 failed:\(failed) "
      + "listed:0"
  }

  /// Counts one case.
  public mutating func add(
    _ outcome: VerificationOutcome, of test: VerificationCase
  ) {
    tests += 1
    switch outcome {
    case .passed: passed += 1
    case .skipped(let reason): skipped[reason, default: 0] += 1
    case .failed(let difference):
      failed += 1
      if failures.count < Self.keptFailures {
        failures.append("\(test.reproduction)\n  \(difference)")
      }
    }
  }

  /// Counts the cases of another summary, after one's own.
  public mutating func add(_ other: VerificationSummary) {
    tests += other.tests
    passed += other.passed
    failed += other.failed
    skipped.merge(other.skipped, uniquingKeysWith: +)
    failures += other.failures.prefix(Self.keptFailures - failures.count)
  }
}
