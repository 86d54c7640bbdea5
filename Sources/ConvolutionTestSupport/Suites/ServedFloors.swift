import Convolutions

/// The cases of an operation that one algorithm has in one layout and type.
public struct ServedKind: Hashable, Sendable {
  public var algorithm: ConvolutionAlgorithm
  public var dataFormat: DataFormat
  public var type: ScalarType

  public init(
    _ algorithm: ConvolutionAlgorithm, _ dataFormat: DataFormat,
    _ type: ScalarType
  ) {
    self.algorithm = algorithm
    self.dataFormat = dataFormat
    self.type = type
  }
}

/// How many cases must have been served: computed, not skipped.
public enum ServedFloor: Sendable, Hashable {
  case atLeast(Int)
  /// There can be none, and why.
  case never(String)
}

/// What a suite has served of an operation, beside its floors: an algorithm that
/// begins to decline what it can do is not seen by comparing results.
public struct ServedCases: Sendable {
  public let suite: VerificationSuite
  public let operation: ConvolutionOperation
  public let algorithms: [ConvolutionAlgorithm]
  public let types: [ScalarType]
  /// Tests of the run, skipped ones included.
  public let cases: Int
  public var served: [ServedKind: Int]

  /// - Parameters:
  ///   - summary: what ``VerificationSuite/run(operation:cases:seed:algorithms:types:progress:)``
  ///     of the other parameters gave.
  public init(
    _ suite: VerificationSuite, _ operation: ConvolutionOperation,
    _ algorithms: [ConvolutionAlgorithm], _ types: [ScalarType],
    _ summary: VerificationSummary
  ) {
    self.suite = suite
    self.operation = operation
    (self.algorithms, self.types) = suite.suitable(algorithms, types)
    cases = summary.tests
    served = summary.served
  }

  /// The floor of an algorithm in one layout and type.
  public func floor(of algorithm: ConvolutionAlgorithm) -> ServedFloor {
    floor(of: algorithm, kinds: 1)
  }

  /// The floor of an algorithm in all of its layouts and types together: it holds
  /// in runs that are too short to say much of each.
  public func totalFloor(of algorithm: ConvolutionAlgorithm) -> ServedFloor {
    floor(of: algorithm, kinds: DataFormat.allCases.count * types.count)
  }

  /// Problems are drawn in any layout and type alike, and handed to every
  /// algorithm. Three standard deviations of the number served are left to
  /// chance.
  private func floor(
    of algorithm: ConvolutionAlgorithm, kinds: Int
  ) -> ServedFloor {
    if operation == .filterGradient,
      [.column, .implicit].contains(algorithm)
    {
      return .never("there is none of the filter gradient")
    }
    let allKinds = DataFormat.allCases.count * types.count
    if suite == .transforms, kinds == 1,
      cases < suite.mostCases(algorithms, types)
    {
      // Types and layouts come in turn, not each in any share.
      return .atLeast(0)
    }
    // Known regressions, which come first in `exact`, are no draw.
    let regressions =
      suite == .exact ? 2 * KnownGeometries.regressions.count : 0
    let problems =
      Double(max(0, cases / algorithms.count - regressions)) * Double(kinds)
      / Double(allKinds)
    let expected =
      problems * Double(suite.leastServed(operation, algorithm)) / 100
    return .atLeast(max(0, Int(expected - 3 * expected.squareRoot())))
  }

  public func total(of algorithm: ConvolutionAlgorithm) -> Int {
    served.filter { $0.key.algorithm == algorithm }.values.reduce(0, +)
  }

  /// The kinds that served less than they must, or some where there are none.
  public var shortfalls: [String] {
    var lines: [String] = []
    func check(_ name: String, _ served: Int, _ floor: ServedFloor) {
      switch floor {
      case .atLeast(let least) where served < least:
        lines.append("\(name): served \(served) cases, at least \(least) due")
      case .never(let reason) where served > 0:
        lines.append("\(name): served \(served) cases, but \(reason)")
      default: break
      }
    }
    for algorithm in algorithms {
      check(
        algorithm.rawValue, total(of: algorithm), totalFloor(of: algorithm))
      for (dataFormat, type) in kinds {
        check(
          "\(algorithm.rawValue) \(dataFormat.rawValue) \(type.rawValue)",
          served[ServedKind(algorithm, dataFormat, type)] ?? 0,
          floor(of: algorithm))
      }
    }
    return lines
  }

  private var kinds: [(DataFormat, ScalarType)] {
    DataFormat.allCases.flatMap { format in types.map { (format, $0) } }
  }

  /// A row an algorithm, a column a layout and type, with the floors.
  public var table: [String] {
    let columns =
      ["all"] + kinds.map { "\($0.0.rawValue) \($0.1.rawValue)" } + ["each"]
    var rows = [["algorithm", "all", "floor"] + columns.dropFirst()]
    for algorithm in algorithms {
      let counts = kinds.map {
        "\(served[ServedKind(algorithm, $0.0, $0.1)] ?? 0)"
      }
      switch (totalFloor(of: algorithm), floor(of: algorithm)) {
      case (.atLeast(let all), .atLeast(let each)):
        rows.append(
          [algorithm.rawValue, "\(total(of: algorithm))", "\(all)"] + counts
            + ["\(each)"])
      case (.never(let reason), _), (_, .never(let reason)):
        rows.append([algorithm.rawValue, reason])
      }
    }
    let widths = rows[0].indices.map { column in
      rows.filter { $0.count > 2 }.map { $0[column].count }.max()!
    }
    return rows.map { row in
      row.count == 2
        ? row[0].padded(to: widths[0]) + "  " + row[1]
        : row.indices.map { column in
          row[column].padded(to: widths[column], atEnd: column == 0)
        }.joined(separator: "  ")
    }
  }
}

extension String {
  fileprivate func padded(to width: Int, atEnd: Bool = true) -> String {
    let spaces = String(repeating: " ", count: max(0, width - count))
    return atEnd ? self + spaces : spaces + self
  }
}

extension VerificationSuite {
  /// The share of the problems that an algorithm serves in any layout and type,
  /// in percent: nine tenths of the least that `convbench verify --served` has
  /// shown. The rest it declines, or the suite cannot judge.
  func leastServed(
    _ operation: ConvolutionOperation, _ algorithm: ConvolutionAlgorithm
  ) -> Int {
    let order: [ConvolutionAlgorithm] = [
      .taps, .implicit, .column, .narrowGroups, .winograd,
    ]
    let shares =
      switch (self, operation) {
      case (.exact, .inputGradient): [90, 90, 90, 57, 12, 90]
      case (.exact, .forward): [90, 90, 32, 57, 12, 90]
      case (.exact, .filterGradient): [90, 0, 0, 15, 6, 90]
      case (.geometry, .inputGradient): [90, 90, 90, 90, 23, 90]
      case (.geometry, .forward): [90, 90, 21, 90, 23, 90]
      case (.geometry, .filterGradient): [90, 0, 0, 12, 18, 90]
      case (.bound, .inputGradient): [90, 90, 90, 58, 12, 90]
      case (.bound, .forward): [90, 90, 31, 57, 12, 90]
      case (.bound, .filterGradient): [90, 0, 0, 16, 8, 90]
      case (.special, .inputGradient): [84, 84, 84, 56, 14, 84]
      case (.special, .forward): [84, 84, 31, 56, 14, 84]
      case (.special, .filterGradient): [84, 0, 0, 15, 7, 84]
      case (.transforms, _): [0, 0, 0, 0, 90, 0]
      case (.algebra, _): [72, 72, 72, 54, 21, 72]
      }
    // Direct, reference and automatic serve what there is.
    return shares[order.firstIndex(of: algorithm) ?? order.count]
  }
}
