internal import CConvolutionKernels

/// The instruction sets that the vector kernels are compiled for.
public enum InstructionSet: String, Sendable, Hashable, CaseIterable {
  /// AVX-512 as Skylake servers have it (x86-64-v4).
  case avx512
  /// AVX2 with fused multiply-add (x86-64-v3).
  case avx2
  /// What every processor of an architecture has: SSE2, or NEON.
  case baseline

  /// The one whose kernels this process runs: the best that the processor has.
  ///
  /// The environment variable `CONVOLUTIONS_MAX_ISA`, one of the names here, asks
  /// for no better one; another value is reported on standard error when the
  /// library is loaded, and ignored.
  public static let current = InstructionSet(
    rawValue: String(cString: conv_table().pointee.isa))!

  /// Most rows of a product with panels: those whose sums fit into registers.
  static let blockRows = Int(conv_table().pointee.block_rows)

  /// The same of one that asks for panels meanwhile, which takes a register.
  static let askingRows = Int(conv_table().pointee.asking_rows)

  /// Panels of sums of so many terms that one call multiplies so many rows with:
  /// those that a register block takes, so that other rows find them in the L1
  /// cache (1x1 on 56x56 with AVX2: 1.14x), or more that fit there as well.
  static func panelsTogether(rows: Int, terms: Int) -> Int {
    max(blockPanels[rows], min(16, 256 / max(1, terms)))
  }

  /// Panels of a register block of so many rows.
  private static let blockPanels = withUnsafeBytes(
    of: conv_table().pointee.block_panels
  ) { $0.bindMemory(to: CInt.self).map(Int.init) }

  /// The most panels of a register block.
  static let mostPanels = blockPanels[1]

  /// Those that this processor has, the best first, whatever is asked for.
  package static let available = (0..<conv_runnable_count()).map {
    InstructionSet(rawValue: String(cString: conv_runnable_isa($0)))!
  }
}
