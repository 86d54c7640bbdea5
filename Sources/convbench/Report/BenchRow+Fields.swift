import ConvolutionTestSupport
import Convolutions

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
    "accuracy", "workspace_bytes", "min_ms", "median_ms", "iqr_ms",
    "prepare_ms", "gflops",
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
