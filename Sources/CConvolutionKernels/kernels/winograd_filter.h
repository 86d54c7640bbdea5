// Winograd's transform of a filter along both axes: in double precision, and
// rounded once.

// Taps of a row times `rows`, then the columns of that times `columns`.
#define TRANSFORM(T, narrow, number, width, STORE)                           \
  for (ptrdiff_t j = 0; j < count; j += width) {                             \
    /* The last vector may do some numbers twice. */                         \
    ptrdiff_t c = j < count - width ? j : count - width;                     \
    number half[CONV_WINOGRAD_PRODUCTS][CONV_WINOGRAD_TAPS];                 \
    for (ptrdiff_t q = 0; q < column_taps; q++) {                            \
      number weights[CONV_WINOGRAD_TAPS];                                    \
      for (ptrdiff_t r = 0; r < row_taps; r++)                               \
        CONVERT_##number(                                                    \
            weights[r], *(const narrow *)(s + taps[r * column_taps + q] + c),\
            number);                                                         \
      for (ptrdiff_t p = 0; p < row_products; p++) {                         \
        number sum = rows[p * row_taps] * weights[0];                        \
        for (ptrdiff_t r = 1; r < row_taps; r++)                             \
          sum = MULTIPLY_ADD(rows[p * row_taps + r], weights[r], sum);       \
        half[p][q] = sum;                                                    \
      }                                                                      \
    }                                                                        \
    for (ptrdiff_t p = 0; p < row_products; p++)                             \
      for (ptrdiff_t t = 0; t < column_products; t++) {                      \
        number sum = columns[t * column_taps] * half[p][0];                  \
        for (ptrdiff_t q = 1; q < column_taps; q++)                          \
          sum = MULTIPLY_ADD(columns[t * column_taps + q], half[p][q], sum); \
        narrow rounded;                                                      \
        CONVERT_##number(rounded, sum, narrow);                              \
        STORE(d + (p * column_products + t) * product_stride + c, rounded);  \
      }                                                                      \
  }

#define STORE_VECTOR(place, value) memcpy(place, &value, sizeof value)

// Past the caches: whole lines, so that none is read first.
typedef float line_f32 __attribute__((vector_size(64)));
typedef double line_f64 __attribute__((vector_size(64)));
#define STREAM_f32(place, value)                                             \
  __builtin_nontemporal_store((line_f32)value, (line_f32 *)(place))
#define STREAM_f64(place, value)                                             \
  {                                                                          \
    line_f64 halves[2];                                                      \
    memcpy(halves, &value, sizeof halves);                                   \
    __builtin_nontemporal_store(halves[0], (line_f64 *)(place));             \
    __builtin_nontemporal_store(halves[1], (line_f64 *)(place) + 1);         \
  }

#define CONVERT_f64x16(to, from, type) to = __builtin_convertvector(from, type)
#define CONVERT_double(to, from, type) to = (type)(from)

#define DEFINE_FILTER(T, wide, suffix)                                       \
  CONV_KERNEL(void, winograd_filter_##suffix)(                               \
      void *restrict to, ptrdiff_t product_stride,                           \
      ptrdiff_t destination_stride, const void *restrict from,               \
      ptrdiff_t source_stride, const ptrdiff_t *restrict taps,               \
      const double *restrict rows, ptrdiff_t row_products,                   \
      ptrdiff_t row_taps, const double *restrict columns,                    \
      ptrdiff_t column_products, ptrdiff_t column_taps, ptrdiff_t depth,     \
      ptrdiff_t count, int streams) {                                        \
    T *destination = to;                                                     \
    const T *source = from;                                                  \
    CONV_REQUIRE(row_products <= CONV_WINOGRAD_PRODUCTS);                    \
    CONV_REQUIRE(column_products <= CONV_WINOGRAD_PRODUCTS);                 \
    CONV_REQUIRE(row_taps >= 1 && row_taps <= CONV_WINOGRAD_TAPS);           \
    CONV_REQUIRE(column_taps >= 1 && column_taps <= CONV_WINOGRAD_TAPS);     \
    if (source_stride == count && destination_stride == count) {             \
      count *= depth;                                                        \
      depth = 1;                                                             \
    }                                                                        \
    streams = streams && (uintptr_t)destination % 64 == 0 &&                 \
              count % 16 == 0 && product_stride % 16 == 0 &&                 \
              destination_stride % 16 == 0;                                  \
    for (ptrdiff_t k = 0; k < depth; k++) {                                  \
      T *d = destination + k * destination_stride;                           \
      const T *s = source + k * source_stride;                               \
      if (streams) {                                                         \
        TRANSFORM(T, wide, f64x16, 16, STREAM_##suffix)                      \
      } else if (count >= 16) {                                              \
        TRANSFORM(T, wide, f64x16, 16, STORE_VECTOR)                         \
      } else {                                                               \
        TRANSFORM(T, T, double, 1, STORE_VECTOR)                             \
      }                                                                      \
    }                                                                        \
  }

DEFINE_FILTER(float, f32x16, f32)
DEFINE_FILTER(double, f64x16, f64)
