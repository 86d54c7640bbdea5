/// Who computes the matrix products of an algorithm.
public enum ProductProvider: String, Sendable, Hashable, CaseIterable {
  /// The plan chooses.
  case automatic = "auto"
  /// The linked BLAS.
  case blas
  /// Kernels of our own: on a filter packed in panels, or, for the filter gradient,
  /// on pixels.
  case panels
}
