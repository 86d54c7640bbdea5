/// Shows that a conformance was written in this module, where alone it can be
/// made: the kernels rely on what its types are.
///
/// Its initializer is the synthesized one, which is internal. A protocol whose
/// requirement is of this type, with itself as the role, cannot
/// be conformed to elsewhere.
public struct _Sealed<Conformer, Role>: Sendable {}
