// Half and bfloat16 to float and back; and copies, where the types are one.

#define DEFINE_CONVERSION(name, from, to, CONVERT)                           \
  CONV_KERNEL(void, name)(                                                   \
      void *destination, ptrdiff_t destination_stride, const void *source,   \
      ptrdiff_t source_stride, ptrdiff_t rows, ptrdiff_t count) {            \
    CONV_REQUIRE(rows >= 0 && count >= 0);                                   \
    for (ptrdiff_t row = 0; row < rows; row++) {                             \
      const from *s = (const from *)source + row * source_stride;            \
      to *d = (to *)destination + row * destination_stride;                  \
      for (ptrdiff_t i = 0; i < count; i++) CONVERT;                         \
    }                                                                        \
  }

DEFINE_CONVERSION(convert_f16_f32, _Float16, float, d[i] = one_f16(s + i))
DEFINE_CONVERSION(convert_f32_f16, float, _Float16, put_f16(d + i, s[i]))
DEFINE_CONVERSION(convert_bf16_f32, uint16_t, float, d[i] = one_bf16(s + i))
DEFINE_CONVERSION(convert_f32_bf16, float, uint16_t, put_bf16(d + i, s[i]))

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
