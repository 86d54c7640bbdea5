/// The workspace of one thread of implicit GEMM.
struct ImplicitScratch: Sendable {
  /// Pixels of a tile that a table says where to find, at most.
  let pixels: Int
  /// Taps of a block of the sum, at most.
  let taps: Int
  let copyByteCount: Int
  let sumByteCount: Int
  let zeroByteCount: Int

  var byteCount: Int {
    Scratch.byteCount { memory(&$0) as ImplicitMemory<UInt8> }
  }

  /// Where the parts lie.
  func memory<Compute>(_ scratch: inout Scratch) -> ImplicitMemory<Compute> {
    // Where a weight is not finite, each pixel is a register block.
    let blocks = pixels
    let size = MemoryLayout<Compute>.stride
    return ImplicitMemory(
      copy: scratch.next(copyByteCount / size),
      sums: scratch.next(sumByteCount / size),
      zeros: scratch.next(zeroByteCount / size),
      sources: scratch.next(pixels * taps),
      offsets: scratch.next(blocks * taps),
      blocks: scratch.next(blocks > 0 ? blocks + 1 : 0),
      results: scratch.next(pixels),
      pixels: scratch.next(pixels))
  }
}

/// Where a pixel of a tile reads: its channels at the first row of taps and
/// column 0 of taps, in scalars, and the row and column of the source there.
struct ImplicitPixel {
  let place: Int
  let row: Int
  let column: Int
}

/// Pixels whose sums are in registers together.
struct ImplicitBlock {
  /// Its first pixel; its last one is before the next block's first.
  let first: Int
  /// Taps of the block of the sum that land inside for any of them.
  var taps: Int
}

/// The parts of a workspace.
struct ImplicitMemory<Compute> {
  /// Pixels of the source.
  let copy: UnsafeMutablePointer<Compute>
  /// Sums that are not taken in the result: `[lines, columns, channels]`.
  let sums: UnsafeMutablePointer<Compute>
  /// What is read in place of a pixel outside.
  let zeros: UnsafeMutablePointer<Compute>
  /// Block after block, for each of its taps where each of its pixels reads.
  let sources: UnsafeMutablePointer<UnsafePointer<Compute>?>
  /// Block after block, where each of its taps begins in a panel.
  let offsets: UnsafeMutablePointer<Int>
  let blocks: UnsafeMutablePointer<ImplicitBlock>
  /// Where the sums of each pixel go.
  let results: UnsafeMutablePointer<UnsafeMutablePointer<Compute>?>
  let pixels: UnsafeMutablePointer<ImplicitPixel>
}
