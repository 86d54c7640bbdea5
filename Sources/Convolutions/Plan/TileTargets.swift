/// The sizes that the algorithms aim at when they cut a problem.
///
/// `package` so that the benchmark executable can vary them.
package struct TileTargets: Sendable, Hashable {
  package var column: ColumnTargets
  package var taps: TapTargets

  /// The sizes for the bytes of the compute type, on the core that OpenBLAS runs
  /// for.
  package init(computeByteCount: Int) {
    column = ColumnTargets(computeByteCount: computeByteCount)
    taps = TapTargets()
  }
}
