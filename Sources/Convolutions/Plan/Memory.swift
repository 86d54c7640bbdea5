#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Asks for memory that a legal but immense shape may not get; Swift's own
/// allocation would end the process.
func checkMemory(_ byteCount: Int) throws(Conv2DError) {
  guard byteCount >= 1 << 30 else { return }
  guard let memory = malloc(byteCount) else {
    throw .outOfMemory(bytes: byteCount)
  }
  free(memory)
}
