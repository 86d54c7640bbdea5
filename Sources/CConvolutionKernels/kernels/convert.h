// Half and bfloat16 to float and back.

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

DEFINE_CONVERSION(widen_f16, _Float16, float, d[i] = one_f16(s + i))
DEFINE_CONVERSION(narrow_f16, float, _Float16, put_f16(d + i, s[i]))
DEFINE_CONVERSION(widen_bf16, uint16_t, float, d[i] = one_bf16(s + i))
DEFINE_CONVERSION(narrow_bf16, float, uint16_t, put_bf16(d + i, s[i]))
