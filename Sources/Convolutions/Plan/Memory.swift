#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Throws if there is no memory for an array: Swift's own allocation would end
/// the process.
package func checkMemory(_ byteCount: Int) throws(Conv2DError) {
  let header = 64
  var memory: UnsafeMutableRawPointer?
  // Not `malloc`, whose success the optimiser takes for granted where nobody
  // writes to the memory.
  guard posix_memalign(&memory, Workspace.alignment, byteCount + header) == 0
  else { throw .outOfMemory(bytes: byteCount) }
  free(memory)
}

/// Memory for operands, 64-byte aligned; free with `deallocate()`.
///
/// From some megabytes on in huge pages where the system has them: the first
/// touch of small ones takes longer than packing a filter, and products that read
/// one all over miss them.
func allocateOperands(byteCount: Int) -> UnsafeMutableRawPointer {
  let hugePage = 2 << 20
  guard byteCount >= 2 * hugePage else {
    return .allocate(
      byteCount: max(1, byteCount), alignment: Workspace.alignment)
  }
  let memory = UnsafeMutableRawPointer.allocate(
    byteCount: byteCount, alignment: hugePage)
  #if os(Linux)
    // Advice alone: what it says does not matter.
    _ = madvise(memory, byteCount / hugePage * hugePage, MADV_HUGEPAGE)
  #endif
  return memory
}
