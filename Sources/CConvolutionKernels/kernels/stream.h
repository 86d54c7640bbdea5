// Copies of what is not soon read again.

typedef float line __attribute__((vector_size(64)));

CONV_KERNEL(void, stream)(
    void *restrict destination, const void *restrict source,
    ptrdiff_t byte_count) {
  unsigned char *to = destination;
  const unsigned char *from = source;
  // Up to a cache line, whole lines, and the rest.
  ptrdiff_t head = (ptrdiff_t)(-(uintptr_t)to & 63);
  if (head > byte_count) head = byte_count;
  memcpy(to, from, (size_t)head);
  ptrdiff_t i = head;
  for (; i + 64 <= byte_count; i += 64) {
    f32x16 bytes;
    load_f32(&bytes, (const float *)(from + i));
    __builtin_nontemporal_store(bytes, (line *)(to + i));
  }
  memcpy(to + i, from + i, (size_t)(byte_count - i));
}
