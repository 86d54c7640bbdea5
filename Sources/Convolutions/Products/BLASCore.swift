/// What decides the shape of GEMM calls on a core type.
///
/// From OpenBLAS 0.3.21: `interface/gemm.c` and the small-matrix permits of its
/// kernels.
enum BLASCore: Sendable, Hashable {
  /// AVX-512 cores, from OpenBLAS 0.3.21: a product of at most 1 000 000
  /// multiply-adds runs on kernels that pack nothing, take no lock and start
  /// no thread, at the full rate for any number of rows.
  case small
  /// All others: every product is packed, so larger ones are faster.
  case packed

  /// - Parameters:
  ///   - name: as `openblas_get_corename` has it.
  ///   - configuration: as `openblas_get_config` has it, such as
  ///     `OpenBLAS 0.3.21 DYNAMIC_ARCH`.
  init(name: String, configuration: String) {
    let version = configuration.split(separator: " ").dropFirst().first ?? ""
    let numbers = version.split(separator: ".").map { Int($0) ?? 0 }
    let isKnown = !numbers.lexicographicallyPrecedes([0, 3, 21])
    let hasSmallPath = ["skylakex", "cooperlake", "sapphirerapids"]
      .contains(name.lowercased())
    self = isKnown && hasSmallPath ? .small : .packed
  }

  /// Multiply-adds up to which a product takes the small path.
  static let smallLimit = 1_000_000
}
