// Depthwise layers and narrow groups: a pixel of the result from the pixels of
// out_backprop that reach it, channels as the vector dimension.
//
// Vectors are clang's, 16 numbers whatever the type, so that each instruction
// set cuts them as it likes; plain loops over the channels of a group were not
// vectorised (groups of 4: 5 against 48 GFLOP/s on Zen 4).

#include "CConvolutionKernels.h"
#include "dispatch.h"
#include "vectors.h"

// Channel k of each group, in the place of every channel of the group.
#define SPREAD1(v, k) (v)
#define SPREAD2(v, k)                                                        \
  __builtin_shufflevector(                                                   \
      v, v, k, k, 2 + k, 2 + k, 4 + k, 4 + k, 6 + k, 6 + k, 8 + k, 8 + k,    \
      10 + k, 10 + k, 12 + k, 12 + k, 14 + k, 14 + k)
#define SPREAD4(v, k)                                                        \
  __builtin_shufflevector(                                                   \
      v, v, k, k, k, k, 4 + k, 4 + k, 4 + k, 4 + k, 8 + k, 8 + k, 8 + k,     \
      8 + k, 12 + k, 12 + k, 12 + k, 12 + k)
#define SPREAD8(v, k)                                                        \
  __builtin_shufflevector(                                                   \
      v, v, k, k, k, k, k, k, k, k, 8 + k, 8 + k, 8 + k, 8 + k, 8 + k,       \
      8 + k, 8 + k, 8 + k)
#define EACH1(STEP, W) STEP(W, 0)
#define EACH2(STEP, W) EACH1(STEP, W) STEP(W, 1)
#define EACH4(STEP, W) EACH2(STEP, W) STEP(W, 2) STEP(W, 3)
#define EACH8(STEP, W)                                                       \
  EACH4(STEP, W) STEP(W, 4) STEP(W, 5) STEP(W, 6) STEP(W, 7)

// Four vectors of channels at a time, so that four sums run beside each other.
#define STEP_OF_FOUR(W, k)                                                   \
  {                                                                          \
    const vector *f = (const vector *)(weights + k * channels);              \
    sum0 += SPREAD##W(d0, k) * f[0];                                         \
    sum1 += SPREAD##W(d1, k) * f[1];                                         \
    sum2 += SPREAD##W(d2, k) * f[2];                                         \
    sum3 += SPREAD##W(d3, k) * f[3];                                         \
  }
#define STEP_OF_ONE(W, k)                                                    \
  sum0 += SPREAD##W(d0, k) * *(const vector *)(weights + k * channels);

#define DEFINE_WIDTH(W, storage, compute, wide, suffix)                      \
  CONV_INLINE void gather_##suffix##_##W(                                    \
      storage *restrict result, ptrdiff_t result_stride,                     \
      const storage *restrict source, ptrdiff_t source_stride,               \
      const compute *restrict filter, const ptrdiff_t *restrict taps,        \
      ptrdiff_t tap_count, ptrdiff_t pixels, ptrdiff_t channels) {           \
    typedef wide vector;                                                     \
    for (ptrdiff_t p = 0; p < pixels; p++) {                                 \
      storage *r = result + p * result_stride;                               \
      const storage *d = source + p * source_stride;                         \
      ptrdiff_t j = 0;                                                       \
      for (; j + 64 <= channels; j += 64) {                                  \
        vector sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0};               \
        for (ptrdiff_t t = 0; t < tap_count; t++) {                          \
          const storage *at = d + taps[2 * t] + j;                           \
          const compute *weights = filter + taps[2 * t + 1] + j;             \
          vector d0, d1, d2, d3;                                             \
          load_##suffix(&d0, at);                                            \
          load_##suffix(&d1, at + 16);                                       \
          load_##suffix(&d2, at + 32);                                       \
          load_##suffix(&d3, at + 48);                                       \
          EACH##W(STEP_OF_FOUR, W)                                           \
        }                                                                    \
        store_##suffix(r + j, &sum0);                                        \
        store_##suffix(r + j + 16, &sum1);                                   \
        store_##suffix(r + j + 32, &sum2);                                   \
        store_##suffix(r + j + 48, &sum3);                                   \
      }                                                                      \
      for (; j + 16 <= channels; j += 16) {                                  \
        vector sum0 = {0};                                                   \
        for (ptrdiff_t t = 0; t < tap_count; t++) {                          \
          const compute *weights = filter + taps[2 * t + 1] + j;             \
          vector d0;                                                         \
          load_##suffix(&d0, d + taps[2 * t] + j);                           \
          EACH##W(STEP_OF_ONE, W)                                            \
        }                                                                    \
        store_##suffix(r + j, &sum0);                                        \
      }                                                                      \
      if (j == channels) continue;                                           \
      /* The rest, padded to a vector; whole groups, since W divides 16. */  \
      ptrdiff_t rest = channels - j;                                         \
      vector sum0 = {0};                                                     \
      for (ptrdiff_t t = 0; t < tap_count; t++) {                            \
        const storage *at = d + taps[2 * t] + j;                             \
        const compute *weights = filter + taps[2 * t + 1] + j;               \
        storage padded[16] = {0};                                            \
        memcpy(padded, at, (size_t)rest * sizeof *at);                       \
        vector d0;                                                           \
        load_##suffix(&d0, padded);                                          \
        for (int k = 0; k < W; k++)                                          \
          for (ptrdiff_t i = 0; i < rest; i++)                               \
            sum0[i] += d0[i / W * W + k] * weights[k * channels + i];        \
      }                                                                      \
      storage narrowed[16];                                                  \
      store_##suffix(narrowed, &sum0);                                       \
      memcpy(r + j, narrowed, (size_t)rest * sizeof *r);                     \
    }                                                                        \
  }

#define DEFINE_TYPE(storage, compute, wide, suffix)                          \
  DEFINE_WIDTH(1, storage, compute, wide, suffix)                            \
  DEFINE_WIDTH(2, storage, compute, wide, suffix)                            \
  DEFINE_WIDTH(4, storage, compute, wide, suffix)                            \
  DEFINE_WIDTH(8, storage, compute, wide, suffix)                            \
  CONV_CLONES                                                                \
  void conv_gather_groups_##suffix(                                          \
      ptrdiff_t width, void *result, ptrdiff_t result_stride,                \
      const void *source, ptrdiff_t source_stride, const compute *filter,    \
      const ptrdiff_t *taps, ptrdiff_t tap_count, ptrdiff_t pixels,          \
      ptrdiff_t channels) {                                                  \
    switch (width) {                                                         \
      case 1:                                                                \
        gather_##suffix##_1(                                                 \
            result, result_stride, source, source_stride, filter, taps,      \
            tap_count, pixels, channels);                                    \
        break;                                                               \
      case 2:                                                                \
        gather_##suffix##_2(                                                 \
            result, result_stride, source, source_stride, filter, taps,      \
            tap_count, pixels, channels);                                    \
        break;                                                               \
      case 4:                                                                \
        gather_##suffix##_4(                                                 \
            result, result_stride, source, source_stride, filter, taps,      \
            tap_count, pixels, channels);                                    \
        break;                                                               \
      default:                                                               \
        gather_##suffix##_8(                                                 \
            result, result_stride, source, source_stride, filter, taps,      \
            tap_count, pixels, channels);                                    \
    }                                                                        \
  }

DEFINE_TYPE(float, float, f32x16, f32)
DEFINE_TYPE(double, double, f64x16, f64)
DEFINE_TYPE(_Float16, float, f32x16, f16)
DEFINE_TYPE(uint16_t, float, f32x16, bf16)

// The same in NCHW: columns are the vector dimension, and a term is one tap of
// one output channel.

#define DEFINE_ROWS(storage, compute, wide, suffix)                          \
  CONV_CLONES                                                                \
  void conv_gather_row_##suffix(                                             \
      compute *restrict sums, const void *restrict row,                      \
      const ptrdiff_t *restrict terms, ptrdiff_t term_count,                 \
      const compute *restrict weights, ptrdiff_t lower, ptrdiff_t upper,     \
      ptrdiff_t count, ptrdiff_t width) {                                    \
    typedef wide vector;                                                     \
    const storage *source = row;                                             \
    ptrdiff_t q = lower;                                                     \
    if (upper - lower >= 16) {                                               \
      /* Four vectors beside each other; none ends behind the last column. */\
      ptrdiff_t last = upper - 16;                                           \
      for (; q < upper; q += 64) {                                           \
        ptrdiff_t p0 = q < last ? q : last;                                  \
        ptrdiff_t p1 = q + 16 < last ? q + 16 : last;                        \
        ptrdiff_t p2 = q + 32 < last ? q + 32 : last;                        \
        ptrdiff_t p3 = q + 48 < last ? q + 48 : last;                        \
        vector sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0};               \
        for (ptrdiff_t t = 0; t < term_count; t++) {                         \
          const storage *at = source + terms[3 * t];                         \
          compute weight = weights[terms[3 * t + 1]];                        \
          vector d0, d1, d2, d3;                                             \
          load_##suffix(&d0, at + p0);                                       \
          load_##suffix(&d1, at + p1);                                       \
          load_##suffix(&d2, at + p2);                                       \
          load_##suffix(&d3, at + p3);                                       \
          sum0 += d0 * weight;                                               \
          sum1 += d1 * weight;                                               \
          sum2 += d2 * weight;                                               \
          sum3 += d3 * weight;                                               \
        }                                                                    \
        *(vector *)(sums + p0) = sum0;                                       \
        *(vector *)(sums + p1) = sum1;                                       \
        *(vector *)(sums + p2) = sum2;                                       \
        *(vector *)(sums + p3) = sum3;                                       \
      }                                                                      \
    } else {                                                                 \
      upper = lower;                                                         \
    }                                                                        \
    for (q = 0; q < count; q++) {                                            \
      if (q == lower) q = upper;                                             \
      if (q == count) break;                                                 \
      compute sum = 0;                                                       \
      for (ptrdiff_t t = 0; t < term_count; t++) {                           \
        ptrdiff_t window = q + terms[3 * t + 2];                             \
        if (window >= 0 && window < width)                                   \
          sum += one_##suffix(source + terms[3 * t] + q)                     \
              * weights[terms[3 * t + 1]];                                   \
      }                                                                      \
      sums[q] = sum;                                                         \
    }                                                                        \
  }

DEFINE_ROWS(float, float, f32x16, f32)
DEFINE_ROWS(double, double, f64x16, f64)
DEFINE_ROWS(_Float16, float, f32x16, f16)
DEFINE_ROWS(uint16_t, float, f32x16, bf16)
