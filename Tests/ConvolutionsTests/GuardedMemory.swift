import Foundation

/// A buffer between two pages that nobody may touch.
///
/// The buffer lies directly at one of them. The rest of its own pages, which is
/// less than a page on the other side, is filled with a pattern, so that anything
/// written there shows.
final class GuardedMemory {
  /// The end of the buffer that lies at a guard.
  enum Edge: CaseIterable { case beginning, end }

  /// The buffer.
  let bytes: UnsafeMutableRawBufferPointer
  private let mapping: UnsafeMutableRawBufferPointer

  private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))
  private static let filling = [UInt8](repeating: 0xA5, count: page)

  /// A buffer that begins at a multiple of `alignment`. At the end edge it is
  /// `byteCount`, rounded up to such a multiple, that reaches the guard.
  init(byteCount: Int, at edge: Edge, alignment: Int = 1) {
    let page = Self.page
    let pages = max(1, (byteCount + page - 1) / page)
    let length = (pages + 2) * page
    let base = mmap(
      nil, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    precondition(base != MAP_FAILED, "no memory")
    mapping = UnsafeMutableRawBufferPointer(start: base, count: length)
    let first = base + page
    mprotect(first, pages * page, PROT_READ | PROT_WRITE)
    let offset =
      edge == .beginning
      ? 0 : pages * page - (byteCount + alignment - 1) / alignment * alignment
    bytes = UnsafeMutableRawBufferPointer(
      start: first + offset, count: byteCount)
    for part in rest { memset(part.baseAddress!, 0xA5, part.count) }
  }

  /// A buffer with a copy of some values.
  convenience init<Value: BitwiseCopyable>(_ values: [Value], at edge: Edge) {
    self.init(
      byteCount: values.count * MemoryLayout<Value>.stride, at: edge)
    values.withUnsafeBytes { bytes.copyMemory(from: $0) }
  }

  deinit {
    munmap(mapping.baseAddress!, mapping.count)
  }

  var start: UnsafeMutableRawPointer { bytes.baseAddress! }

  /// Where the buffer begins, as one of values.
  func start<Value>(_ type: Value.Type) -> UnsafeMutablePointer<Value> {
    start.assumingMemoryBound(to: type)
  }

  /// What lies before and behind the buffer on its pages.
  private var rest: [UnsafeMutableRawBufferPointer] {
    let page = Self.page
    let first = mapping.baseAddress! + page
    let end = mapping.baseAddress! + (mapping.count - page)
    return [
      UnsafeMutableRawBufferPointer(
        start: first, count: start - first),
      UnsafeMutableRawBufferPointer(
        start: start + bytes.count, count: end - (start + bytes.count)),
    ]
  }

  /// Lets nobody write from now on.
  func forbidWrites() {
    let page = Self.page
    mprotect(
      mapping.baseAddress! + page, mapping.count - 2 * page, PROT_READ)
  }

  /// Whether nothing was written beside the buffer.
  var isIntact: Bool {
    rest.allSatisfy {
      memcmp($0.baseAddress!, Self.filling, min($0.count, Self.page)) == 0
    }
  }

  /// The values in the buffer.
  func values<Value: BitwiseCopyable>(_ type: Value.Type) -> [Value] {
    [Value](
      unsafeUninitializedCapacity: bytes.count / MemoryLayout<Value>.stride
    ) { buffer, count in
      count = bytes.count / MemoryLayout<Value>.stride
      UnsafeMutableRawBufferPointer(buffer).copyMemory(
        from: UnsafeRawBufferPointer(
          start: start, count: count * MemoryLayout<Value>.stride))
    }
  }

  /// Repeats four bytes all over a buffer of a multiple of four.
  func fill(with pattern: UInt32) {
    guard !bytes.isEmpty else { return }
    withUnsafeBytes(of: pattern) { bytes.copyMemory(from: $0) }
    var filled = MemoryLayout<UInt32>.size
    while filled < bytes.count {
      let count = min(filled, bytes.count - filled)
      memcpy(start + filled, start, count)
      filled += count
    }
  }

  /// The bytes up to the last that is not as filled.
  func touchedByteCount(since pattern: UInt32) -> Int {
    withUnsafeBytes(of: pattern) { pattern in
      var count = bytes.count
      while count > 0, bytes[count - 1] == pattern[(count - 1) % 4] {
        count -= 1
      }
      return count
    }
  }
}
