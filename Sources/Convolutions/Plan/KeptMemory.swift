#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Memory of a filter or a workspace. Large blocks are kept when they are given
/// back, for the next that asks: the first touch of new pages takes as long as
/// preparing a filter, which a training step does in each call.
///
/// The system may take kept pages back when it needs them.
struct KeptMemory: @unchecked Sendable {
  let start: UnsafeMutableRawPointer
  let byteCount: Int

  init(start: UnsafeMutableRawPointer, byteCount: Int) {
    (self.start, self.byteCount) = (start, byteCount)
  }

  /// At least so many bytes, 64-byte aligned.
  init(byteCount: Int) {
    self =
      SharedBlocks.shared.take(byteCount)
      ?? Self(
        start: allocateOperands(byteCount: byteCount), byteCount: byteCount)
  }

  /// Gives the memory back.
  func deallocate() {
    #if os(Linux)
      if Blocks.sizes.contains(byteCount) {
        // Advice alone: what it says does not matter. Of whole pages, however
        // large those are.
        _ = madvise(start, byteCount & -(2 << 20), MADV_FREE)
      }
    #endif
    for block in SharedBlocks.shared.keep(self) { block.start.deallocate() }
  }

  /// What is kept, the oldest first.
  struct Blocks {
    /// Bytes of what is kept: of less, the system's allocator keeps enough.
    static let sizes = 4 << 20...128 << 20
    static let most = 4

    private var blocks: [KeptMemory] = []

    /// The smallest block that is large enough, if no more than half of it would
    /// lie idle.
    mutating func take(_ byteCount: Int) -> KeptMemory? {
      guard Self.sizes.contains(byteCount) else { return nil }
      return blocks.indices
        .filter {
          (byteCount...2 * byteCount).contains(blocks[$0].byteCount)
        }
        .min { blocks[$0].byteCount < blocks[$1].byteCount }
        .map { blocks.remove(at: $0) }
    }

    /// Keeps a block if it is large; returns what there is no place for.
    mutating func keep(_ block: KeptMemory) -> [KeptMemory] {
      guard Self.sizes.contains(block.byteCount) else { return [block] }
      blocks.append(block)
      return blocks.count > Self.most ? [blocks.removeFirst()] : []
    }
  }
}

/// What the process keeps.
final class SharedBlocks: @unchecked Sendable {
  static let shared = SharedBlocks()

  private let lock = Lock()
  private var blocks = KeptMemory.Blocks()

  private init() {
    // A child has what its parent kept, and a lock that nobody holds.
    pthread_atfork(
      { SharedBlocks.shared.lock.lock() },
      { SharedBlocks.shared.lock.unlock() },
      { SharedBlocks.shared.lock.reset() })
  }

  func take(_ byteCount: Int) -> KeptMemory? {
    guard KeptMemory.Blocks.sizes.contains(byteCount) else { return nil }
    lock.lock()
    defer { lock.unlock() }
    return blocks.take(byteCount)
  }

  func keep(_ block: KeptMemory) -> [KeptMemory] {
    guard KeptMemory.Blocks.sizes.contains(block.byteCount) else {
      return [block]
    }
    lock.lock()
    defer { lock.unlock() }
    return blocks.keep(block)
  }
}
