// Half and bfloat16 to float and back; and copies, where the types are one.

#define DEFINE_CONVERSION(from, from_suffix, to, to_suffix)                  \
  CONV_KERNEL(void, convert_##from_suffix##_##to_suffix)(                    \
      void *destination, ptrdiff_t destination_stride, const void *source,   \
      ptrdiff_t source_stride, ptrdiff_t rows, ptrdiff_t count) {            \
    CONV_REQUIRE(rows >= 0 && count >= 0);                                   \
    for (ptrdiff_t row = 0; row < rows; row++) {                             \
      const from *s = (const from *)source + row * source_stride;            \
      to *d = (to *)destination + row * destination_stride;                  \
      for (ptrdiff_t i = 0; i < count; i++)                                  \
        put_##to_suffix(d + i, one_##from_suffix(s + i));                    \
    }                                                                        \
  }

#define CONVERSIONS(type, suffix)                                            \
  DEFINE_CONVERSION(type, suffix, float, f32)                                \
  DEFINE_CONVERSION(float, f32, type, suffix)
CONV_HALF_TYPES(CONVERSIONS)

#define DEFINE_COPY(type, suffix)                                            \
  CONV_KERNEL(void, convert_##suffix##_##suffix)(                            \
      void *destination, ptrdiff_t destination_stride, const void *source,   \
      ptrdiff_t source_stride, ptrdiff_t rows, ptrdiff_t count) {            \
    CONV_REQUIRE(rows >= 0 && count >= 0);                                   \
    if (rows == 1)                                                           \
      memcpy(destination, source, (size_t)count * sizeof(type));             \
    else                                                                     \
      kernel_copy_runs_##suffix(                                             \
          destination, destination_stride, 0, source, source_stride, 0, rows,\
          1, count);                                                         \
  }

DEFINE_COPY(float, f32)
DEFINE_COPY(double, f64)
