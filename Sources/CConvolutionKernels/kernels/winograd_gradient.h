// Winograd's transform of out_backprop, where it takes the place of the filter.

// Numbers in one vector, or one by one.
#define APPLY_MATRIX(T, number, width, taps)                                 \
  for (ptrdiff_t j = 0; j < count; j += width) {                             \
    /* The last vector may do some numbers twice. */                         \
    ptrdiff_t c = j < count - width ? j : count - width;                     \
    number x[taps];                                                          \
    UNROLLED for (int l = 0; l < taps; l++)                                  \
        x[l] = *(const number *)(s + l * source_stride + c);                 \
    for (ptrdiff_t i = 0; i < products; i++) {                               \
      const T *row = factors + i * taps;                                     \
      number sum = row[0] * x[0];                                            \
      UNROLLED for (int l = 1; l < taps; l++)                                \
          sum = MULTIPLY_ADD(row[l], x[l], sum);                             \
      *(number *)(d + i * destination_stride + c) = sum;                     \
    }                                                                        \
  }

#define MATRIX_RUNS(T, wide, taps)                                           \
  case taps:                                                                 \
    for (ptrdiff_t run = 0; run < runs; run++) {                             \
      T *d = destination + run * destination_step;                           \
      const T *s = source + run * source_step;                               \
      if (count >= 16) {                                                     \
        APPLY_MATRIX(T, wide, 16, taps)                                      \
      } else {                                                               \
        APPLY_MATRIX(T, T, 1, taps)                                          \
      }                                                                      \
    }                                                                        \
    break;

#define DEFINE_GRADIENT(T, wide, suffix)                                     \
  CONV_KERNEL(void, winograd_gradient_##suffix)(                             \
      void *restrict to, ptrdiff_t destination_stride,                       \
      ptrdiff_t destination_step, const void *restrict from,                 \
      ptrdiff_t source_stride, ptrdiff_t source_step,                        \
      const double *restrict matrix, ptrdiff_t products, ptrdiff_t taps,     \
      ptrdiff_t runs, ptrdiff_t count) {                                     \
    T *destination = to;                                                     \
    const T *source = from;                                                  \
    CONV_REQUIRE(products >= 1 && products <= CONV_WINOGRAD_PRODUCTS);       \
    CONV_REQUIRE(taps <= CONV_WINOGRAD_TAPS);                                \
    T factors[CONV_WINOGRAD_PRODUCTS * CONV_WINOGRAD_TAPS];                  \
    for (ptrdiff_t i = 0; i < products * taps; i++)                          \
      factors[i] = (T)matrix[i];                                             \
    switch (taps) {                                                          \
      MATRIX_RUNS(T, wide, 1)                                                \
      MATRIX_RUNS(T, wide, 2)                                                \
      MATRIX_RUNS(T, wide, 3)                                                \
      MATRIX_RUNS(T, wide, 4)                                                \
      MATRIX_RUNS(T, wide, 5)                                                \
      MATRIX_RUNS(T, wide, 6)                                                \
      MATRIX_RUNS(T, wide, 7)                                                \
      MATRIX_RUNS(T, wide, 8)                                                \
      default: CONV_REQUIRE(0);                                              \
    }                                                                        \
  }

DEFINE_GRADIENT(float, f32x16, f32)
DEFINE_GRADIENT(double, f64x16, f64)
