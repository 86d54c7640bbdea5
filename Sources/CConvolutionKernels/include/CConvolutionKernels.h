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
      type *sums, const type *left, const type *right, ptrdiff_t count);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
#undef CONV_DECLARE

// Rows of `count`. Half and bfloat16 are passed by their bits. Widening is
// exact; narrowing rounds to nearest even, keeps subnormals, overflows to
// infinity and keeps NaN a NaN.
#define CONV_DECLARE(name)                                                    \
  void conv_##name(                                                           \
      void *destination, ptrdiff_t destination_stride, const void *source,    \
      ptrdiff_t source_stride, ptrdiff_t rows, ptrdiff_t count);

CONV_DECLARE(widen_f16)
CONV_DECLARE(narrow_f16)
CONV_DECLARE(widen_bf16)
CONV_DECLARE(narrow_bf16)
#undef CONV_DECLARE

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
// channels in and out, each from the pixels that reach it. Taps come in runs of
// 1 to 3, whose pixels lie beside each other:
//
//   result[p*rs + c] = sum over runs t, i < runs[3t+2], k of
//       source[runs[3t] + (p + i)*ss + c/width*width + k]
//       * weights[runs[3t+1] + i*weight_step + k*channels + c]
//
// `width` divides `channels`, of which there are at least 16. Sums are taken in
// float or double. What lies `ahead` of the pixels in source is read soon.
#define CONV_DECLARE(compute, suffix)                                         \
  void conv_gather_pixels_##suffix(                                           \
      ptrdiff_t width, void *result, ptrdiff_t result_stride,                 \
      const void *source, ptrdiff_t source_stride, const compute *weights,    \
      ptrdiff_t weight_step, const ptrdiff_t *runs, ptrdiff_t run_count,      \
      ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t ahead);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
CONV_DECLARE(float, f16)
CONV_DECLARE(float, bf16)
#undef CONV_DECLARE

// The same of one channel's plane, with one weight a tap; runs are down the
// rows:
//
//   result[y*rs + x] = sum over runs t, i < runs[3t+2] of
//       source[runs[3t] + (y + i)*ss + x] * weights[runs[3t+1] + i*weight_step]
//
// `columns` is at least 16.
#define CONV_DECLARE(compute, suffix)                                         \
  void conv_gather_plane_##suffix(                                            \
      compute *result, ptrdiff_t result_stride, const compute *source,        \
      ptrdiff_t source_stride, const compute *weights,                        \
      ptrdiff_t weight_step, const ptrdiff_t *runs, ptrdiff_t run_count,      \
      ptrdiff_t rows, ptrdiff_t columns);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
#undef CONV_DECLARE

// Winograd's transforms along one axis, of `runs` runs of `count` numbers:
//
//   destination[i*ds + r*dstep + j] = sum over l of
//       matrix[i][l] * source[l*ss + r*sstep + j]
//
// with the matrix of the set of points that has so many products: see
// WinogradSet. Inverse: for a number of `outputs`.
#define CONV_DECLARE(type, suffix)                                            \
  void conv_winograd_forward_##suffix(                                        \
      int products, type *destination, ptrdiff_t destination_stride,          \
      ptrdiff_t destination_step, const type *source,                         \
      ptrdiff_t source_stride, ptrdiff_t source_step, ptrdiff_t runs,         \
      ptrdiff_t count);                                                       \
  void conv_winograd_inverse_##suffix(                                        \
      int products, ptrdiff_t outputs, type *destination,                     \
      ptrdiff_t destination_stride, ptrdiff_t destination_step,               \
      const type *source, ptrdiff_t source_stride, ptrdiff_t source_step,     \
      ptrdiff_t runs, ptrdiff_t count);                                       \
  /* Whether no number is infinite or NaN. */                                 \
  int conv_all_finite_##suffix(const type *numbers, ptrdiff_t count);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
#undef CONV_DECLARE

// The most products and taps of an axis of Winograd's.
#define CONV_WINOGRAD_PRODUCTS 11
#define CONV_WINOGRAD_TAPS 8

// Winograd's transform of a filter along both axes, in double precision:
//
//   destination[(p*column_products + t)*ps + k*ds + j] = sum over r and q of
//       rows[p*row_taps + r] * columns[t*column_taps + q]
//       * source[taps[r*column_taps + q] + k*ss + j]
//
// for all products p and t, k below `depth` and j below `count`. With `streams`
// past the caches, where whole lines can be written; `conv_finish_streams` is to
// follow.
#define CONV_DECLARE(type, suffix)                                            \
  void conv_winograd_filter_##suffix(                                         \
      type *destination, ptrdiff_t product_stride,                            \
      ptrdiff_t destination_stride, const type *source,                       \
      ptrdiff_t source_stride, const ptrdiff_t *taps, const double *rows,     \
      ptrdiff_t row_products, ptrdiff_t row_taps, const double *columns,      \
      ptrdiff_t column_products, ptrdiff_t column_taps, ptrdiff_t depth,      \
      ptrdiff_t count, int streams);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
#undef CONV_DECLARE

// A transform with any matrix along one axis, of `runs` runs of `count` numbers,
// each from `taps` (1 to 8) that lie source_stride apart:
//
//   destination[i*ds + r*dstep + j] = sum over l of
//       matrix[i*taps + l] * source[l*ss + r*sstep + j]
//
// for i below `products`.
#define CONV_DECLARE(type, suffix)                                            \
  void conv_winograd_gradient_##suffix(                                       \
      type *destination, ptrdiff_t destination_stride,                        \
      ptrdiff_t destination_step, const type *source,                         \
      ptrdiff_t source_stride, ptrdiff_t source_step, const double *matrix,   \
      ptrdiff_t products, ptrdiff_t taps, ptrdiff_t runs, ptrdiff_t count);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
#undef CONV_DECLARE

// Outer products, summed over the depth:
//
//   sums[i*ss + j] += sum over k of left[k*ls + i] * right[k*rs + j]
//
// for i below `rows` and j below `columns`.
#define CONV_DECLARE(type, suffix)                                            \
  void conv_add_outer_products_##suffix(                                      \
      type *sums, ptrdiff_t sums_stride, const type *left,                    \
      ptrdiff_t left_stride, const type *right, ptrdiff_t right_stride,       \
      ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
#undef CONV_DECLARE

// The gradient of some taps of a filter in groups of `width` (1, 2, 4 or 8)
// channels in and out, over a box of pixels:
//
//   sums[(t*width + k)*channels + c] += sum over rows y, pixels p of
//       input[taps[t] + y*input_row + p*input_pixel + c/width*width + k]
//       * gradients[y*gradient_row + p*gradient_pixel + c]
//
// There are 1 to 3 taps, or 9 where the width is 1. `width` divides
// `channels`.
#define CONV_DECLARE(type, suffix)                                            \
  void conv_add_tap_products_##suffix(                                        \
      ptrdiff_t width, type *sums, const ptrdiff_t *taps,                     \
      ptrdiff_t tap_count, const type *input, ptrdiff_t input_row,            \
      ptrdiff_t input_pixel, const type *gradients, ptrdiff_t gradient_row,   \
      ptrdiff_t gradient_pixel, ptrdiff_t rows, ptrdiff_t pixels,             \
      ptrdiff_t channels);

CONV_DECLARE(float, f32)
CONV_DECLARE(double, f64)
#undef CONV_DECLARE

// Copies bytes past the caches; `conv_finish_streams` is to follow.
void conv_stream(void *destination, const void *source, ptrdiff_t byte_count);

// Makes what was streamed visible to other threads with the next that is.
void conv_finish_streams(void);

// Tells the processor that the thread is only waiting.
void conv_pause(void);

// Names the calling thread, in at most 15 bytes.
void conv_name_thread(const char *name);

// Starts to bring memory into the L2 cache; byte_count bytes from address.
void conv_prefetch(const void *address, ptrdiff_t byte_count);

#endif
