/// Who computes the products of Winograd's transforms.
enum WinogradProducts: Sendable, Hashable {
  case blas(BLASCore)
  /// Kernels of our own, on a transformed filter in panels.
  case panels

  /// Whether OpenBLAS copies the operands of each product.
  var packsOperands: Bool { self == .blas(.packed) }

  /// Whether a row has the same bits whatever rows there are beside it.
  func rowsAreAlike(columns: Int) -> Bool {
    switch self {
    case .blas(let core): core.rowsAreAlike(columns: columns)
    case .panels: true
    }
  }

  /// Terms of a product of so many rows and columns, at most.
  func mostDepth(rows: Int, columns: Int) -> Int {
    self == .blas(.small)
      ? min(256, BLASCore.smallLimit / (rows * columns)) : 256
  }

  /// OpenBLAS's products where it has small ones, which are level.
  init(_ request: KernelRequest) {
    switch (request.products, request.core) {
    case (.panels, _), (.automatic, .packed): self = .panels
    case (.blas, let core), (.automatic, let core): self = .blas(core)
    }
  }
}
