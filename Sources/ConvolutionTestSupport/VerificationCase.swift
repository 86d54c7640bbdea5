import Convolutions

/// One test case, and everything needed to rerun it.
public struct VerificationCase: Sendable {
  public var suite: VerificationSuite
  public var operation: ConvolutionOperation
  public var geometry: Conv2DGeometry
  public var type: ScalarType
  public var algorithm: ConvolutionAlgorithm
  public var threads: Int
  /// Bytes, or `nil` for no limit.
  public var workspaceLimit: Int?
  /// The data follow from it, the geometry, the type and the suite.
  public var seed: UInt64

  public init(
    suite: VerificationSuite = .exact,
    operation: ConvolutionOperation = .inputGradient,
    geometry: Conv2DGeometry, type: ScalarType,
    algorithm: ConvolutionAlgorithm, threads: Int, workspaceLimit: Int? = nil,
    seed: UInt64
  ) {
    self.suite = suite
    self.operation = operation
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
    "convbench verify --suite \(suite.rawValue)"
      + " --op \(operation.rawValue) --problem \(geometry.descriptor)"
      + " --padding-after \(geometry.padBottom),\(geometry.padRight)"
      + " --dtype \(type.rawValue)"
      + " --layout \(geometry.dataFormat.rawValue.lowercased())"
      + " --algorithm \(algorithm.rawValue) --threads \(threads)"
      + (workspaceLimit.map { " --workspace-limit \($0)" } ?? "")
      + " --seed \(seed)"
  }

  /// What the seed chooses among in the suite: the identity, the kind of data.
  var part: String? {
    switch suite {
    case .exact, .geometry: nil
    case .bound: "\(BoundData(seed: seed)) data"
    case .special: "\(SpecialData(seed: seed)) data"
    case .algebra: "\(AlgebraicIdentity(seed: seed))"
    case .transforms: "\(TransformData(seed: seed)) data"
    }
  }

  package var options: ConvolutionOptions {
    var options = ConvolutionOptions(
      algorithm: algorithm, threads: threads, workspaceLimit: workspaceLimit)
    // Both kinds of products, where there are both.
    let both: [ProductProvider] =
      algorithm == .column ? [.blas, .panels] : [.automatic]
    options.products = both[Int(seed / 16 % UInt64(both.count))]
    switch suite {
    case .bound: options.accuracy = seed % 2 == 0 ? .standard : .tight
    case .transforms: options.winogradSets = WinogradSetPair(seed: seed)
    case .exact, .geometry, .special, .algebra:
      options.isExactOnIntegers = true
    }
    return options
  }
}

/// What became of a case.
public enum VerificationOutcome: Sendable {
  case passed
  /// Passed, with errors so close to what is allowed.
  case within(ErrorRatios)
  /// What differed.
  case failed(String)
  /// Why it does not count.
  case skipped(String)
}

/// The errors of a result, each over what is allowed: passed up to 1.
public struct ErrorRatios: Sendable, Hashable {
  /// Of an element, over the bound of its rounding errors.
  public var bound: Double
  /// That of an element over what plain sums rarely exceed, `(2 sqrt(n) + 4) u S`;
  /// `nil` where it does not apply.
  public var quality: Double?
  /// The relative Frobenius error of Winograd over what the accuracy promises;
  /// `nil` where it does not apply.
  public var promise: Double?

  /// The larger of each.
  func union(_ other: Self) -> Self {
    func larger(_ ratio: KeyPath<Self, Double?>) -> Double? {
      [self[keyPath: ratio], other[keyPath: ratio]].compactMap { $0 }.max()
    }
    return Self(
      bound: max(bound, other.bound), quality: larger(\.quality),
      promise: larger(\.promise))
  }
}

extension ErrorRatios: CustomStringConvertible {
  public var description: String {
    "\(twoDigits(bound)) of the bound"
      + (quality.map { ", \(twoDigits($0)) of what is usual" } ?? "")
      + (promise.map { ", \(twoDigits($0)) of what is promised" } ?? "")
  }
}

/// What became of many cases.
public struct VerificationSummary: Sendable {
  /// Failures that are kept in words.
  static let keptFailures = 20

  /// All cases, skipped ones included.
  public var tests = 0
  public var passed = 0
  /// Of those, by kind of data or identity.
  public var passedParts: [String: Int] = [:]
  public var failed = 0
  /// Cases that do not count, by reason.
  public var skipped: [String: Int] = [:]
  /// Cases that were computed, whatever came of them.
  public var served: [ServedKind: Int] = [:]
  /// Reproduction line and difference of the first failures, at most 20.
  public var failures: [String] = []
  /// The largest errors, by algorithm and type.
  public var worst: [String: ErrorRatios] = [:]

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
    case .passed, .within:
      passed += 1
      if let part = test.part { passedParts[part, default: 0] += 1 }
    case .skipped, .failed: break
    }
    switch outcome {
    case .skipped: break
    case .passed, .within, .failed:
      served[
        ServedKind(test.algorithm, test.geometry.dataFormat, test.type),
        default: 0] += 1
    }
    switch outcome {
    case .passed: break
    case .within(let ratios):
      let name = "\(test.algorithm.rawValue) \(test.type.rawValue)"
      worst.merge(
        [
          test.operation == .inputGradient
            ? name : "\(test.operation.rawValue) \(name)": ratios
        ]
      ) { $0.union($1) }
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
    served.merge(other.served, uniquingKeysWith: +)
    passedParts.merge(other.passedParts, uniquingKeysWith: +)
    worst.merge(other.worst) { $0.union($1) }
    failures += other.failures.prefix(Self.keptFailures - failures.count)
  }
}
