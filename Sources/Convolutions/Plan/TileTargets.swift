/// The sizes that the algorithms aim at when they cut a problem.
///
/// `package` so that the benchmark executable can vary them.
package struct TileTargets: Sendable, Hashable {
  package var column: ColumnTargets
  package var taps: TapTargets

  /// The sizes for a layout and the bytes of the compute type, on the core
  /// that OpenBLAS runs for.
  package init(dataFormat: DataFormat, computeByteCount: Int) {
    column = ColumnTargets(
      dataFormat: dataFormat, computeByteCount: computeByteCount)
    taps = TapTargets()
  }
}
