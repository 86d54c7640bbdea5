import ConvolutionTestSupport
import Convolutions
import Foundation

/// A problem to measure, in one operation, type and layout.
struct BenchCase {
  var problem: ProblemDescriptor
  var operation: ConvolutionOperation
  var type: ScalarType
  var layout: DataFormat
  /// What a log says, where the problem is from one.
  var logged: LoggedCalls?
}

/// Verifies and times problems, a row a combination.
struct Benchmark {
  var threads: [Int]
  var algorithms: [ConvolutionAlgorithm]
  var accuracies: [Accuracy]
  var products: [ProductProvider]
  var workspaceLimit: Int?
  /// Seconds of the engine's own time.
  var minimumTime: Double

  private static let seed: UInt64 = 1

  func rowCount(_ cases: [BenchCase]) -> Int {
    cases.count * threads.count * algorithms.count * products.count
      * accuracies.count
  }

  /// - Parameter progress: told after every row.
  func run(
    _ cases: [BenchCase], progress: () -> Void
  ) throws -> [BenchRow] {
    try cases.flatMap { entry in
      var row = BenchRow(
        name: entry.problem.name ?? "",
        shortProblem: entry.problem.shortDescriptor,
        operation: entry.operation, type: entry.type,
        geometry: try entry.problem.geometry(entry.layout))
      row.logged = entry.logged
      return run(row, entry.type.testType, progress)
    }
  }

  /// The rows of one case, from one set of data.
  private func run<Scalar: ConvolutionScalar>(
    _ template: BenchRow, _ type: Scalar.Type, _ progress: () -> Void
  ) -> [BenchRow] {
    let geometry = template.geometry
    let fits = Self.fitsMemory(geometry, type)
    let operands =
      fits
      ? Operands<Scalar>(
        random: template.operation, geometry, seed: Self.seed)
      : Operands([], [])
    var checker = Checker(
      operation: template.operation, geometry: geometry, operands: operands)
    var rows: [BenchRow] = []
    for threads in threads {
      for algorithm in algorithms {
        for provider in products {
          // Of the same threads and request.
          var others: [BenchRow] = []
          for accuracy in accuracies {
            var row = template
            row.threads = threads
            row.request = algorithm
            row.products = provider
            row.accuracy = accuracy
            if fits {
              measure(&row, &checker, beside: others)
            } else {
              row.status = .unsupported
              row.reason = "the tensors do not fit into memory"
            }
            others.append(row)
            progress()
          }
          rows += others
        }
      }
    }
    return rows
  }

  /// Whether the tensors, a packed filter, the results that are compared and
  /// copies in double precision for the reference fit into memory.
  static func fitsMemory<Scalar: ConvolutionScalar>(
    _ geometry: Conv2DGeometry, _ type: Scalar.Type
  ) -> Bool {
    let size = Double(MemoryLayout<Scalar>.stride)
    let double = 8.0
    let bytes =
      (size + 3 * double) * Double(geometry.filterCount)
      + (size + double) * Double(geometry.outBackpropCount)
      + (4 * size + double) * Double(geometry.inputCount)
    return bytes < Double(ProcessInfo.processInfo.physicalMemory)
  }

  /// - Parameter others: rows that differ only in the accuracy. Where one of
  ///   them has the same plan, its figures are taken.
  private func measure<Scalar: ConvolutionScalar>(
    _ row: inout BenchRow, _ checker: inout Checker<Scalar>,
    beside others: [BenchRow]
  ) {
    let plan: OperationPlan
    let directPlan: OperationPlan
    do {
      plan = try row.operation.plan(
        Scalar.self, row.geometry,
        options: .init(
          algorithm: row.request, accuracy: row.accuracy,
          threads: row.threads,
          workspaceLimit: workspaceLimit, products: row.products))
      directPlan = try row.operation.plan(
        Scalar.self, row.geometry,
        options: .init(algorithm: .direct, threads: row.threads))
    } catch {
      row.status = .unsupported
      row.reason = "\(error)"
      return
    }
    row.algorithm = plan.algorithm
    // The words alone do not say how the sums are cut; the error does.
    row.cut = "\(plan.summary) \(plan.expectedError ?? 0)"
    if let other = others.first(where: {
      $0.algorithm == row.algorithm && $0.cut == row.cut
    }) {
      let accuracy = row.accuracy
      row = other
      row.accuracy = accuracy
      return
    }
    row.workspaceByteCount = plan.workspaceByteCount
    var engine = Contender(plan, checker.operands)
    var direct = Contender(directPlan, checker.operands)

    let tolerance = LayerCheck.tolerance(Scalar.scalarType)
    let errors = checker.errors(of: engine.result())
    let directErrors = checker.errors(of: direct.result())
    row.errors = errors
    row.directErrors = directErrors
    // Written so that a NaN fails.
    for (name, errors) in [
      ("", errors), ("the direct kernel's ", directErrors),
    ]
    where !(errors.largest <= tolerance) {
      row.status = .failed
      row.reason =
        "\(name)error \(readable(errors.largest)) is above the tolerance "
        + readable(tolerance)
      return
    }

    let rate = BLASRuntime.gemmRate(Scalar.self)
    let times = timeInTurn(&engine, &direct, minimumTime: minimumTime)
    row.timing = times.engine
    row.directMinimum = times.rival.minimum
    row.gemmRate = max(rate, BLASRuntime.gemmRate(Scalar.self))
    row.preparation = preparationTime(plan, checker.operands)
  }
}

/// Errors against the reference. It is slow, so that a result with the bits of
/// an earlier one gets that one's errors.
private struct Checker<Scalar: ConvolutionScalar> {
  let operation: ConvolutionOperation
  let geometry: Conv2DGeometry
  let operands: Operands<Scalar>
  private var known: [(result: [Scalar], errors: LayerCheck.Errors)] = []

  init(
    operation: ConvolutionOperation, geometry: Conv2DGeometry,
    operands: Operands<Scalar>
  ) {
    self.operation = operation
    self.geometry = geometry
    self.operands = operands
  }

  mutating func errors(of result: [Scalar]) -> LayerCheck.Errors {
    for entry in known where haveSameBits(entry.result, result) {
      return entry.errors
    }
    let errors = LayerCheck.errors(
      operation, geometry: geometry, operands.first, operands.second,
      result: result)
    known.append((result, errors))
    return errors
  }
}
