/// Scratch memory of one execution at a time.
///
/// It belongs to one call at a time, hence cannot be copied; its content does
/// not carry over.
public struct Workspace: ~Copyable, @unchecked Sendable {
  /// Bytes of the memory.
  public let byteCount: Int
  let memory: UnsafeMutableRawPointer
  /// The same, of a workspace that owns it.
  private let kept: KeptMemory?

  /// A cache line, and a vector of the widest instruction set.
  package static let alignment = 64

  /// `byteCount` rounded up to ``alignment``.
  static func padded(_ byteCount: Int) -> Int {
    (byteCount + alignment - 1) / alignment * alignment
  }

  /// Allocates `byteCount` bytes, at least 0, 64-byte aligned.
  public init(byteCount: Int) {
    self.byteCount = byteCount
    let kept = KeptMemory(byteCount: byteCount)
    memory = kept.start
    self.kept = kept
  }

  /// Memory that a caller answers for, 64-byte aligned.
  package init(unowned memory: UnsafeMutableRawPointer, byteCount: Int) {
    precondition(UInt(bitPattern: memory) % UInt(Self.alignment) == 0)
    self.byteCount = byteCount
    self.memory = memory
    kept = nil
  }

  deinit {
    kept?.deallocate()
  }
}
