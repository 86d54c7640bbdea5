// The loops of the filter gradient that are not matrix products: sums over
// pixels that stay in registers while a box of pixels runs by.

// MARK: Outer products

enum { OUTER_ROWS = 6 };

// Some rows, all columns. The last vector may hold columns that are done: those
// keep their sums.
#define DEFINE_OUTER(T, wide, suffix)                                        \
  CONV_INLINE void outer_rows_##suffix(                                      \
      const int rows, T *restrict sums, ptrdiff_t sums_stride,               \
      const T *restrict left, ptrdiff_t left_stride,                         \
      const T *restrict right, ptrdiff_t right_stride, ptrdiff_t columns,    \
      ptrdiff_t depth) {                                                     \
    for (ptrdiff_t j = 0; j < columns; j += 16) {                            \
      ptrdiff_t c = j < columns - 16 ? j : columns - 16;                     \
      wide block[OUTER_ROWS] = {{0}};                                        \
      for (ptrdiff_t k = 0; k < depth; k++) {                                \
        wide vector;                                                         \
        load_##suffix(&vector, right + k * right_stride + c);                \
        UNROLLED for (int i = 0; i < rows; i++)                              \
            block[i] = MULTIPLY_ADD(                                         \
                left[k * left_stride + i], vector, block[i]);                \
      }                                                                      \
      UNROLLED for (int i = 0; i < rows; i++)                                \
          add_from_##suffix(sums + i * sums_stride + c, &block[i], j - c);   \
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_KERNEL(void, add_outer_products_##suffix)(                            \
      void *restrict sums_, ptrdiff_t sums_stride,                           \
      const void *restrict left_, ptrdiff_t left_stride,                     \
      const void *restrict right_, ptrdiff_t right_stride, ptrdiff_t rows,   \
      ptrdiff_t columns, ptrdiff_t depth) {                                  \
    T *sums = sums_;                                                         \
    const T *left = left_, *right = right_;                                  \
    if (columns < 16) {                                                      \
      for (ptrdiff_t i = 0; i < rows; i++)                                   \
        for (ptrdiff_t j = 0; j < columns; j++) {                            \
          T sum = 0;                                                         \
          for (ptrdiff_t k = 0; k < depth; k++)                              \
            sum = MULTIPLY_ADD(                                              \
                left[k * left_stride + i], right[k * right_stride + j], sum);\
          sums[i * sums_stride + j] += sum;                                  \
        }                                                                    \
      return;                                                                \
    }                                                                        \
    ptrdiff_t i = 0;                                                         \
    for (; i + OUTER_ROWS <= rows; i += OUTER_ROWS)                          \
      outer_rows_##suffix(                                                   \
          OUTER_ROWS, sums + i * sums_stride, sums_stride, left + i,         \
          left_stride, right, right_stride, columns, depth);                 \
    for (; i < rows; i++)                                                    \
      outer_rows_##suffix(                                                   \
          1, sums + i * sums_stride, sums_stride, left + i, left_stride,     \
          right, right_stride, columns, depth);                              \
  }

typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef int64_t i64x16 __attribute__((vector_size(128)));

// Adds the lanes from the first on to sums.
#define DEFINE_ADD_FROM(T, integer, wide, mask, suffix)                      \
  CONV_INLINE void add_from_##suffix(                                        \
      T *sums, const wide *terms, ptrdiff_t first) {                         \
    wide old;                                                                \
    load_##suffix(&old, sums);                                               \
    wide sum = old + *terms;                                                 \
    if (first > 0) {                                                         \
      mask lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};   \
      mask isNew = lanes >= (integer)first;                                  \
      sum = (wide)(((mask)sum & isNew) | ((mask)old & ~isNew));              \
    }                                                                        \
    store_##suffix(sums, &sum);                                              \
  }

DEFINE_ADD_FROM(float, int32_t, f32x16, i32x16, f32)
DEFINE_ADD_FROM(double, int64_t, f64x16, i64x16, f64)

DEFINE_OUTER(float, f32x16, f32)
DEFINE_OUTER(double, f64x16, f64)

// MARK: Narrow groups

#define MOST_SUMS(W) ((W) == 1 ? 9 : 3 * (W))

#define ADD_CHANNEL(k, W)                                                    \
  block[t * W + k] =                                                         \
      MULTIPLY_ADD(SPREAD##W(at, k), gradient, block[t * W + k]);

// Some taps, all channels; both counts are constants where this is called.
#define DEFINE_TAPS(W, T, wide, suffix)                                      \
  CONV_INLINE void taps_##suffix##_##W(                                      \
      const int tap_count, T *restrict sums, const ptrdiff_t *taps,          \
      const T *restrict input, ptrdiff_t input_row, ptrdiff_t input_pixel,   \
      const T *restrict gradients, ptrdiff_t gradient_row,                   \
      ptrdiff_t gradient_pixel, ptrdiff_t rows, ptrdiff_t pixels,            \
      ptrdiff_t channels) {                                                  \
    const T *places[9];                                                      \
    UNROLLED for (int t = 0; t < tap_count; t++) places[t] = input + taps[t];\
    for (ptrdiff_t j = 0; j < channels; j += 16) {                           \
      /* Whole groups, since W divides 16 and the channels. */               \
      ptrdiff_t c = j < channels - 16 ? j : channels - 16;                   \
      wide block[MOST_SUMS(W)] = {{0}};                                      \
      for (ptrdiff_t y = 0; y < rows; y++) {                                 \
        ptrdiff_t place = y * input_row + c;                                 \
        const T *line = gradients + y * gradient_row + c;                    \
        for (ptrdiff_t p = 0; p < pixels; p++) {                             \
          wide gradient;                                                     \
          load_##suffix(&gradient, line);                                    \
          UNROLLED for (int t = 0; t < tap_count; t++) {                     \
            wide at;                                                         \
            load_##suffix(&at, places[t] + place);                           \
            EACH##W(ADD_CHANNEL, W)                                          \
          }                                                                  \
          line += gradient_pixel;                                            \
          place += input_pixel;                                              \
        }                                                                    \
      }                                                                      \
      UNROLLED for (int i = 0; i < tap_count * W; i++)                       \
          add_from_##suffix(sums + i * channels + c, &block[i], j - c);      \
    }                                                                        \
  }

#define DEFINE_FEW_CHANNELS(T, suffix)                                       \
  CONV_INLINE void few_channels_##suffix(                                    \
      ptrdiff_t width, T *restrict sums, const ptrdiff_t *taps,              \
      ptrdiff_t tap_count, const T *restrict input, ptrdiff_t input_row,     \
      ptrdiff_t input_pixel, const T *restrict gradients,                    \
      ptrdiff_t gradient_row, ptrdiff_t gradient_pixel, ptrdiff_t rows,      \
      ptrdiff_t pixels, ptrdiff_t channels) {                                \
    for (ptrdiff_t t = 0; t < tap_count; t++)                                \
      for (ptrdiff_t k = 0; k < width; k++)                                  \
        for (ptrdiff_t c = 0; c < channels; c++) {                           \
          const T *at = input + taps[t] + c / width * width + k;             \
          T sum = 0;                                                         \
          for (ptrdiff_t y = 0; y < rows; y++)                               \
            for (ptrdiff_t p = 0; p < pixels; p++)                           \
              sum = MULTIPLY_ADD(                                            \
                  at[y * input_row + p * input_pixel],                       \
                  gradients[y * gradient_row + p * gradient_pixel + c], sum);\
          sums[(t * width + k) * channels + c] += sum;                       \
        }                                                                    \
  }

#define CALL_TAPS(name, count)                                               \
  name(                                                                      \
      count, sums, taps, input, input_row, input_pixel, gradients,           \
      gradient_row, gradient_pixel, rows, pixels, channels)

#define CALL_WIDTH(W, suffix)                                                \
  case W:                                                                    \
    if (tap_count == 3) CALL_TAPS(taps_##suffix##_##W, 3);                   \
    else if (tap_count == 2) CALL_TAPS(taps_##suffix##_##W, 2);              \
    else CALL_TAPS(taps_##suffix##_##W, 1);                                  \
    break;

#define DEFINE_TAP_PRODUCTS(T, wide, suffix)                                 \
  DEFINE_TAPS(1, T, wide, suffix)                                            \
  DEFINE_TAPS(2, T, wide, suffix)                                            \
  DEFINE_TAPS(4, T, wide, suffix)                                            \
  DEFINE_TAPS(8, T, wide, suffix)                                            \
  DEFINE_FEW_CHANNELS(T, suffix)                                             \
                                                                             \
  CONV_KERNEL(void, add_tap_products_##suffix)(                              \
      ptrdiff_t width, void *restrict sums_, const ptrdiff_t *taps,          \
      ptrdiff_t tap_count, const void *restrict input_, ptrdiff_t input_row, \
      ptrdiff_t input_pixel, const void *restrict gradients_,                \
      ptrdiff_t gradient_row, ptrdiff_t gradient_pixel, ptrdiff_t rows,      \
      ptrdiff_t pixels, ptrdiff_t channels) {                                \
    T *sums = sums_;                                                         \
    const T *input = input_, *gradients = gradients_;                        \
    CONV_REQUIRE(width >= 1 && channels % width == 0);                       \
    CONV_REQUIRE(                                                            \
        (tap_count >= 1 && tap_count <= 3) || (tap_count == 9 && width == 1));\
    if (channels < 16) {                                                     \
      few_channels_##suffix(                                                 \
          width, sums, taps, tap_count, input, input_row, input_pixel,       \
          gradients, gradient_row, gradient_pixel, rows, pixels, channels);  \
      return;                                                                \
    }                                                                        \
    if (tap_count == 9) {                                                    \
      CALL_TAPS(taps_##suffix##_1, 9);                                       \
      return;                                                                \
    }                                                                        \
    switch (width) {                                                         \
      CALL_WIDTH(1, suffix)                                                  \
      CALL_WIDTH(2, suffix)                                                  \
      CALL_WIDTH(4, suffix)                                                  \
      CALL_WIDTH(8, suffix)                                                  \
      default: CONV_REQUIRE(0);                                              \
    }                                                                        \
  }

DEFINE_TAP_PRODUCTS(float, f32x16, f32)
DEFINE_TAP_PRODUCTS(double, f64x16, f64)
