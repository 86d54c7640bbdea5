import ConvolutionTestSupport
import Convolutions
import Foundation

/// One measured combination of problem, type, layout, threads, algorithm,
/// products and accuracy.
struct BenchRow: Sendable {
  enum Status: String, Sendable {
    case ok
    /// The result is wrong; not timed.
    case failed
    /// The algorithm, or the machine, cannot serve the problem.
    case unsupported
  }

  var name: String
  var shortProblem: String
  var operation: ConvolutionOperation
  var type: ScalarType
  var geometry: Conv2DGeometry
  /// What a log says, where the problem is from one.
  var logged: LoggedCalls?
  var threads = 1
  /// What was asked for.
  var request = ConvolutionAlgorithm.automatic
  var products = ProductProvider.automatic
  var accuracy = Accuracy.standard
  /// What the plan took.
  var algorithm: ConvolutionAlgorithm?
  /// How the plan cuts the work, in words.
  var cut: String?
  var workspaceByteCount: Int?
  var timing: Timing?
  /// The direct kernel's best time, in milliseconds.
  var directMinimum: Double?
  /// The best time to prepare the filter, in milliseconds.
  var preparation: Double?
  /// Operations a second of this machine's GEMM, on one thread.
  var gemmRate: Double?
  var errors: LayerCheck.Errors?
  /// Those of the direct kernel, which adds one term after the other.
  var directErrors: LayerCheck.Errors?
  var status = Status.ok
  /// Why the status is not `ok`.
  var reason: String?

  init(
    name: String, shortProblem: String,
    operation: ConvolutionOperation = .inputGradient, type: ScalarType,
    geometry: Conv2DGeometry
  ) {
    self.name = name
    self.shortProblem = shortProblem
    self.operation = operation
    self.type = type
    self.geometry = geometry
  }
}

// MARK: - What follows from the measurements

extension BenchRow {
  /// Nominal GFLOP/s of the best time.
  var gflops: Double? {
    timing.flatMap { finite(geometry.flops / ($0.minimum * 1e6)) }
  }

  /// Share of the GEMM rate of as many threads as asked for.
  var gemmFraction: Double? {
    guard let gflops, let gemmRate else { return nil }
    return finite(gflops * 1e9 / (gemmRate * Double(threads)))
  }

  /// Bytes of the operands and the result, each of which must be moved once.
  var byteCount: Double {
    Double(type.byteCount)
      * (Double(geometry.inputCount) + Double(geometry.filterCount)
        + Double(geometry.outBackpropCount))
  }

  var speedup: Double? {
    guard let timing, let directMinimum else { return nil }
    return finite(directMinimum / timing.minimum)
  }

  /// A problem without work, or a clock that stood still, gives no rate.
  private func finite(_ value: Double) -> Double? {
    value.isFinite ? value : nil
  }
}

// MARK: - Fields

/// A value of a row, for whatever renders it.
enum Field: Equatable, Sendable {
  case text(String)
  case integer(Int)
  case number(Double)
  case missing

  init(_ value: Double?) {
    self = value.map(Field.number) ?? .missing
  }

  init(_ value: Int?) {
    self = value.map(Field.integer) ?? .missing
  }

  init(_ value: String?) {
    self = value.map(Field.text) ?? .missing
  }
}

extension BenchRow {
  /// The keys of CSV and JSON, in the order of the columns.
  static let keys = [
    "name", "problem", "op", "dtype", "layout", "threads", "algorithm",
    "accuracy",
    "workspace_bytes", "min_ms", "median_ms", "iqr_ms", "prepare_ms", "gflops",
    "gemm_fraction", "direct_min_ms", "speedup_vs_direct", "max_error",
    "relative_error", "direct_relative_error", "status", "reason", "calls",
    "logged_min_ms", "logged_total_ms", "flops", "bytes", "tolerance",
    "request", "products",
  ]

  /// Every field under its key.
  var fields: [(key: String, value: Field)] {
    let values: [Field] = [
      .text(name),
      .text(geometry.descriptor),
      .text(operation.rawValue),
      .text(type.rawValue),
      .text(geometry.dataFormat.layoutName),
      .integer(threads),
      .text((algorithm ?? request).rawValue),
      .text(accuracy.rawValue),
      Field(workspaceByteCount),
      Field(timing?.minimum),
      Field(timing?.median),
      Field(timing?.interquartileRange),
      Field(preparation),
      Field(gflops),
      Field(gemmFraction),
      Field(directMinimum),
      Field(speedup),
      Field(errors?.largest),
      Field(errors?.relative),
      Field(directErrors?.relative),
      .text(status.rawValue),
      Field(reason),
      Field(logged?.count),
      Field(logged?.least),
      Field(logged?.total),
      .number(geometry.flops),
      .number(byteCount),
      .number(LayerCheck.tolerance(type)),
      .text(request.rawValue),
      .text(products.rawValue),
    ]
    return zip(Self.keys, values).map { ($0, $1) }
  }
}

// MARK: - Means

/// The line that sums rows up: geometric means of the speed-up and of the
/// share of the GEMM rate, for each operation, type, layout, number of threads, algorithm
/// asked for and accuracy.
func meansLine(_ rows: [BenchRow]) -> String {
  struct Group: Hashable {
    let operation: ConvolutionOperation
    let type: ScalarType
    let layout: DataFormat
    let threads: Int
    let request: ConvolutionAlgorithm
    let products: ProductProvider
    let accuracy: Accuracy

    var label: String {
      (operation == .inputGradient ? "" : "\(operation.rawValue) ")
        + "\(type.rawValue) \(layout.layoutName) "
        + "\(threads) thread\(threads == 1 ? "" : "s") \(request.rawValue) "
        + (products == .automatic ? "" : "\(products.rawValue) ")
        + accuracy.rawValue
    }
  }
  var order: [Group] = []
  var groups: [Group: [BenchRow]] = [:]
  for row in rows {
    let group = Group(
      operation: row.operation, type: row.type, layout: row.geometry.dataFormat,
      threads: row.threads,
      request: row.request, products: row.products, accuracy: row.accuracy)
    if groups[group] == nil { order.append(group) }
    groups[group, default: []].append(row)
  }
  let parts = order.map { group in
    let members = groups[group]!
    let speedup = geometricMean(members.compactMap(\.speedup))
    let share = geometricMean(members.compactMap(\.gemmFraction))
    let count = members.count { $0.timing != nil }
    return "\(group.label): "
      + (speedup.map { "\(readable($0))x direct" } ?? "no speed-up")
      + ", " + (share.map { "\(percent($0)) of GEMM" } ?? "no GEMM share")
      + " (\(count) row\(count == 1 ? "" : "s"))"
  }
  return "geometric means: "
    + (parts.isEmpty ? "no rows" : parts.joined(separator: "; "))
}

/// Of the positive values; `nil` without any.
func geometricMean(_ values: [Double]) -> Double? {
  let logarithms = values.filter { $0 > 0 }.map { log($0) }
  guard !logarithms.isEmpty else { return nil }
  return exp(logarithms.reduce(0, +) / Double(logarithms.count))
}
