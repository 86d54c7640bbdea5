// Small vector loops, compiled for several instruction sets.
//
// Counts and strides are in elements. Runs that are written do not overlap
// what is read. No loop reads or writes beyond the counts given.
#ifndef CONVOLUTIONS_KERNELS_H
#define CONVOLUTIONS_KERNELS_H

#include <stddef.h>

#define CONV_DECLARE(type, suffix)                                            \
  /* destination[o*do + i*di + j] += source[o*so + i*si + j] */               \
  void conv_add_runs_##suffix(                                                \
      type *destination, ptrdiff_t destination_outer,                         \
      ptrdiff_t destination_inner, const type *source,                        \
      ptrdiff_t source_outer, ptrdiff_t source_inner, ptrdiff_t outer,        \
      ptrdiff_t inner, ptrdiff_t count);                                      \
  /* destination[o*do + i*di + j] = source[o*so + i*si + j] */                \
  void conv_copy_runs_##suffix(                                               \
      type *destination, ptrdiff_t destination_outer,                         \
      ptrdiff_t destination_inner, const type *source,                        \
      ptrdiff_t source_outer, ptrdiff_t source_inner, ptrdiff_t outer,        \
      ptrdiff_t inner, ptrdiff_t count);                                      \
  /* sums[j] += factors[k] * rows[k*stride + j], k ascending */               \
  void conv_add_row_combination_##suffix(                                     \
      type *sums, const type *factors, const type *rows, ptrdiff_t stride,    \
      ptrdiff_t depth, ptrdiff_t count);                                      \
  /* sums[j] += vector . rows[j*stride ..], in a fixed order of k */          \
  void conv_add_dots_##suffix(                                                \
      type *sums, const type *vector, const type *rows, ptrdiff_t stride,     \
      ptrdiff_t depth, ptrdiff_t count);                                      \
  /* sums[j] += left[j] * right[j] */                                         \
  void conv_add_products_##suffix(                                            \
      type *sums, const type *left, const type *right, ptrdiff_t count);      \
  /* destination[q*phases + p] = source[p*phase_stride + q], in all count */  \
  void conv_interleave_##suffix(                                              \
      type *destination, const type *source, ptrdiff_t phases,                \
      ptrdiff_t phase_stride, ptrdiff_t count);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
#undef CONV_DECLARE

// Half and bfloat16 are passed by their bits. Widening is exact; narrowing
// rounds to nearest even, keeps subnormals, overflows to infinity and keeps
// NaN a NaN.
void conv_widen_f16(float *destination, const void *source, ptrdiff_t count);
void conv_narrow_f16(void *destination, const float *source, ptrdiff_t count);
void conv_widen_bf16(float *destination, const void *source, ptrdiff_t count);
void conv_narrow_bf16(void *destination, const float *source, ptrdiff_t count);

// destination[c*ds + r] = source[r*ss + c], widened or rounded: from the first
// type to the second.
#define CONV_DECLARE(pair)                                                    \
  void conv_transpose_##pair(                                                 \
      void *destination, ptrdiff_t destination_stride, const void *source,    \
      ptrdiff_t source_stride, ptrdiff_t rows, ptrdiff_t columns);

CONV_DECLARE(f32_f32)
CONV_DECLARE(f64_f64)
CONV_DECLARE(f16_f32)
CONV_DECLARE(bf16_f32)
CONV_DECLARE(f32_f16)
CONV_DECLARE(f32_bf16)
#undef CONV_DECLARE

// Pixels of the result of a convolution in groups of `width` (1, 2, 4 or 8)
// channels in and out, each from the pixels that reach it:
//
//   result[p*rs + c] = sum over t, k of
//       source[p*ss + taps[2t] + c/width*width + k]
//       * filter[taps[2t+1] + k*channels + c]
//
// `width` divides `channels`. Sums are taken in float or double.
#define CONV_DECLARE(compute, suffix)                                         \
  void conv_gather_groups_##suffix(                                           \
      ptrdiff_t width, void *result, ptrdiff_t result_stride,                 \
      const void *source, ptrdiff_t source_stride, const compute *filter,     \
      const ptrdiff_t *taps, ptrdiff_t tap_count, ptrdiff_t pixels,           \
      ptrdiff_t channels);                                                    \
  /* Columns of one row: for 0 <= q < count,                                  \
       sums[q] = sum over t of row[terms[3t] + q] * weights[terms[3t+1]]      \
     with those terms whose window q + terms[3t+2] is in 0 ..< width, which   \
     all are for lower <= q < upper. */                                       \
  void conv_gather_row_##suffix(                                              \
      compute *sums, const void *row, const ptrdiff_t *terms,                 \
      ptrdiff_t term_count, const compute *weights, ptrdiff_t lower,          \
      ptrdiff_t upper, ptrdiff_t count, ptrdiff_t width);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
CONV_DECLARE(float, f16)
CONV_DECLARE(float, bf16)
#undef CONV_DECLARE

// Starts to bring memory into the L2 cache; byte_count bytes from address.
void conv_prefetch(const void *address, ptrdiff_t byte_count);

#endif
