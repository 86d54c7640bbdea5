import Convolutions
import Foundation

/// The line that sums rows up: geometric means of the speed-up and of the share
/// of the GEMM rate, for each group of rows with the same settings.
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
      threads: row.threads, request: row.request, products: row.products,
      accuracy: row.accuracy)
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
