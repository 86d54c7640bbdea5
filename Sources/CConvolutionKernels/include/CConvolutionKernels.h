// Small vector loops, compiled for several instruction sets, and the table of
// them that this process takes.
//
// Counts and strides are in elements. Runs that are written do not overlap
// what is read. No loop reads or writes beyond the counts given.
#ifndef CONVOLUTIONS_KERNELS_H
#define CONVOLUTIONS_KERNELS_H

#include <stddef.h>

// MARK: Kernels
//
// Each list calls K(result, name, parameters, arguments) for its kernels.

#define CONV_RUNS(K, type, suffix)                                           \
  /* destination[o*do + i*di + j] += source[o*so + i*si + j] */              \
  K(void, add_runs_##suffix,                                                 \
    (type *destination, ptrdiff_t destination_outer,                         \
     ptrdiff_t destination_inner, const type *source, ptrdiff_t source_outer,\
     ptrdiff_t source_inner, ptrdiff_t outer, ptrdiff_t inner,               \
     ptrdiff_t count),                                                       \
    (destination, destination_outer, destination_inner, source,              \
     source_outer, source_inner, outer, inner, count))                       \
  /* destination[o*do + i*di + j] = source[o*so + i*si + j] */               \
  K(void, copy_runs_##suffix,                                                \
    (type *destination, ptrdiff_t destination_outer,                         \
     ptrdiff_t destination_inner, const type *source, ptrdiff_t source_outer,\
     ptrdiff_t source_inner, ptrdiff_t outer, ptrdiff_t inner,               \
     ptrdiff_t count),                                                       \
    (destination, destination_outer, destination_inner, source,              \
     source_outer, source_inner, outer, inner, count))                       \
  /* sums[j] += factors[k] * rows[k*stride + j], k ascending */              \
  K(void, add_row_combination_##suffix,                                      \
    (type *sums, const type *factors, const type *rows, ptrdiff_t stride,    \
     ptrdiff_t depth, ptrdiff_t count),                                      \
    (sums, factors, rows, stride, depth, count))                             \
  /* sums[j] += vector . rows[j*stride ..], in a fixed order of k */         \
  K(void, add_dots_##suffix,                                                 \
    (type *sums, const type *vector, const type *rows, ptrdiff_t stride,     \
     ptrdiff_t depth, ptrdiff_t count),                                      \
    (sums, vector, rows, stride, depth, count))                              \
  /* sums[j] += left[j] * right[j] */                                        \
  K(void, add_products_##suffix,                                             \
    (type *sums, const type *left, const type *right, ptrdiff_t count),      \
    (sums, left, right, count))

// Rows of `count`. Half and bfloat16 are passed by their bits. Widening is
// exact; narrowing rounds to nearest even, keeps subnormals, overflows to
// infinity and keeps NaN a NaN.
#define CONV_CONVERSIONS(K, name)                                            \
  K(void, name,                                                            \
    (void *destination, ptrdiff_t destination_stride, const void *source,    \
     ptrdiff_t source_stride, ptrdiff_t rows, ptrdiff_t count),              \
    (destination, destination_stride, source, source_stride, rows, count))

// destination[c*ds + r] = source[r*ss + c*step], widened or rounded: from the
// first type to the second.
#define CONV_TRANSPOSES(K, pair)                                             \
  K(void, transpose_##pair,                                                  \
    (void *destination, ptrdiff_t destination_stride, const void *source,    \
     ptrdiff_t source_stride, ptrdiff_t source_step, ptrdiff_t rows,         \
     ptrdiff_t columns),                                                     \
    (destination, destination_stride, source, source_stride, source_step,    \
     rows, columns))

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
#define CONV_PIXELS(K, compute, suffix)                                      \
  K(void, gather_pixels_##suffix,                                            \
    (ptrdiff_t width, void *result, ptrdiff_t result_stride,                 \
     const void *source, ptrdiff_t source_stride, const compute *weights,    \
     ptrdiff_t weight_step, const ptrdiff_t *runs, ptrdiff_t run_count,      \
     ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t ahead),                 \
    (width, result, result_stride, source, source_stride, weights,           \
     weight_step, runs, run_count, pixels, channels, ahead))

// Numbers of a run of taps of a plane.
#define CONV_PLANE_RUN 6

// The same of one channel's plane, with one weight a tap. A run of taps goes down
// the rows; it begins with `run = runs + 6t`. Where `rows` is null:
//
//   result[y*rs + x] = sum over runs t, i < run[3] of
//       source[run[5] + (y + i)*stride + x] * weights[run[2] + i*weight_step]
//
// Otherwise rows lie anywhere, and in place of that of source stands
//
//       rows[run[0] + y*row_step + i][run[1] + x*load_step]
//
// where the byte `inside[run[4] + x]` is -1, which is so for all runs from `inner`
// to before `inner_end`; where it is 0, a zero. With `is_exact`, taps that are not
// inside are left out, and so are those of rows that are null. Runs are of 1 to 3
// taps, of 1 where `row_step` is not 1; `load_step` is 1 or 2. Vectors of 16
// numbers (32 for a `load_step` of 2) and bytes are read, also where there are
// fewer columns.
//
// With two `phases`, for a `load_step` of 1, these are the even columns of the
// result, and its odd ones are the sums of `next_count` runs that follow.
#define CONV_PLANE(K, compute, suffix)                                       \
  K(void, gather_plane_##suffix,                                             \
    (void *result, ptrdiff_t result_stride, const void *const *rows,         \
     ptrdiff_t row_step, const void *source, ptrdiff_t stride,               \
     const compute *weights, ptrdiff_t weight_step, const ptrdiff_t *runs,   \
     ptrdiff_t run_count, ptrdiff_t next_count, ptrdiff_t row_count,         \
     ptrdiff_t columns, int phases, int load_step,                           \
     const signed char *inside, ptrdiff_t inner, ptrdiff_t inner_end,        \
     int is_exact),                                                          \
    (result, result_stride, rows, row_step, source, stride, weights,         \
     weight_step, runs, run_count, next_count, row_count, columns, phases,   \
     load_step, inside, inner, inner_end, is_exact))

// Winograd's transforms along one axis, of `runs` runs of `count` numbers:
//
//   destination[i*ds + r*dstep + j] = sum over l of
//       matrix[i][l] * source[l*ss + r*sstep + j]
//
// with the matrix of the set of points that has so many products: see
// WinogradSet. Inverse: for a number of `outputs`.
#define CONV_TRANSFORMS(K, type, suffix)                                     \
  K(void, winograd_forward_##suffix,                                         \
    (int products, type *destination, ptrdiff_t destination_stride,          \
     ptrdiff_t destination_step, const type *source, ptrdiff_t source_stride,\
     ptrdiff_t source_step, ptrdiff_t runs, ptrdiff_t count),                \
    (products, destination, destination_stride, destination_step, source,    \
     source_stride, source_step, runs, count))                               \
  K(void, winograd_inverse_##suffix,                                         \
    (int products, ptrdiff_t outputs, type *destination,                     \
     ptrdiff_t destination_stride, ptrdiff_t destination_step,               \
     const type *source, ptrdiff_t source_stride, ptrdiff_t source_step,     \
     ptrdiff_t runs, ptrdiff_t count),                                       \
    (products, outputs, destination, destination_stride, destination_step,   \
     source, source_stride, source_step, runs, count))                       \
  /* Whether no number is infinite or NaN. */                                \
  K(int, all_finite_##suffix,                                                \
    (const type *numbers, ptrdiff_t count),                                  \
    (numbers, count))

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
// past the caches, where whole lines can be written; `conv_finish_streams` is
// to follow.
#define CONV_WINOGRAD_FILTER(K, type, suffix)                                \
  K(void, winograd_filter_##suffix,                                          \
    (type *destination, ptrdiff_t product_stride,                            \
     ptrdiff_t destination_stride, const type *source,                       \
     ptrdiff_t source_stride, const ptrdiff_t *taps, const double *rows,     \
     ptrdiff_t row_products, ptrdiff_t row_taps, const double *columns,      \
     ptrdiff_t column_products, ptrdiff_t column_taps, ptrdiff_t depth,      \
     ptrdiff_t count, int streams),                                          \
    (destination, product_stride, destination_stride, source, source_stride, \
     taps, rows, row_products, row_taps, columns, column_products,           \
     column_taps, depth, count, streams))

// A transform with any matrix along one axis, of `runs` runs of `count`
// numbers, each from `taps` (1 to 8) that lie source_stride apart:
//
//   destination[i*ds + r*dstep + j] = sum over l of
//       matrix[i*taps + l] * source[l*ss + r*sstep + j]
//
// for i below `products`.
#define CONV_WINOGRAD_GRADIENT(K, type, suffix)                              \
  K(void, winograd_gradient_##suffix,                                        \
    (type *destination, ptrdiff_t destination_stride,                        \
     ptrdiff_t destination_step, const type *source, ptrdiff_t source_stride,\
     ptrdiff_t source_step, const double *matrix, ptrdiff_t products,        \
     ptrdiff_t taps, ptrdiff_t runs, ptrdiff_t count),                       \
    (destination, destination_stride, destination_step, source,              \
     source_stride, source_step, matrix, products, taps, runs, count))

// Outer products, summed over the depth:
//
//   sums[i*ss + j] += sum over k of left[k*ls + i] * right[k*rs + j]
//
// for i below `rows` and j below `columns`.
#define CONV_OUTER_PRODUCTS(K, type, suffix)                                 \
  K(void, add_outer_products_##suffix,                                       \
    (type *sums, ptrdiff_t sums_stride, const type *left,                    \
     ptrdiff_t left_stride, const type *right, ptrdiff_t right_stride,       \
     ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth),                    \
    (sums, sums_stride, left, left_stride, right, right_stride, rows,        \
     columns, depth))

// The gradient of some taps of a filter in groups of `width` (1, 2, 4 or 8)
// channels in and out, over a box of pixels:
//
//   sums[(t*width + k)*channels + c] += sum over rows y, pixels p of
//       input[taps[t] + y*input_row + p*input_pixel + c/width*width + k]
//       * gradients[y*gradient_row + p*gradient_pixel + c]
//
// There are 1 to 3 taps, or 9 where the width is 1. `width` divides
// `channels`.
#define CONV_TAP_PRODUCTS(K, type, suffix)                                   \
  K(void, add_tap_products_##suffix,                                         \
    (ptrdiff_t width, type *sums, const ptrdiff_t *taps,                     \
     ptrdiff_t tap_count, const type *input, ptrdiff_t input_row,            \
     ptrdiff_t input_pixel, const type *gradients, ptrdiff_t gradient_row,   \
     ptrdiff_t gradient_pixel, ptrdiff_t rows, ptrdiff_t pixels,             \
     ptrdiff_t channels),                                                    \
    (width, sums, taps, tap_count, input, input_row, input_pixel, gradients, \
     gradient_row, gradient_pixel, rows, pixels, channels))

// The product of some rows with panels, each of which has a cache line of
// columns, C of them, for each step of the depth: a filter packed so, or planes
// of an image.
//
//   results[r][column + j] = sum over t, k of sources[t*rows + r][k]
//       * panels[j/C*panel_stride + offsets[t] + k*line_stride + j%C]
//
// for j below `columns`, though whole lines are read; added to the results if
// `adds`. The sum of an element is
// one chain of fused multiply-adds from +0, in the order of t and then k,
// whatever the rows beside it; and it is added to +0, or to what is there.
// There are 1 to `block_rows` rows.
#define CONV_PANELS_OF(K, type, suffix)                                      \
  K(void, multiply_panels_##suffix,                                          \
    (ptrdiff_t rows, const type *const *sources, ptrdiff_t taps,             \
     ptrdiff_t depth, const ptrdiff_t *offsets, const type *panels,          \
     ptrdiff_t panel_stride, ptrdiff_t line_stride, type *const *results,    \
     ptrdiff_t column, ptrdiff_t columns, int adds),                         \
    (rows, sources, taps, depth, offsets, panels, panel_stride, line_stride, \
     results, column, columns, adds))                                        \
  /* So many steps of enough fused multiply-adds beside each other, on the   \
     widest vectors, to run at the peak: from 12 numbers, to the same        \
     place. Returns the operations of a step. */                             \
  K(int, spin_##suffix, (type *sums, ptrdiff_t steps), (sums, steps))

// Copies bytes past the caches; `conv_finish_streams` is to follow.
#define CONV_STREAM(K)                                                       \
  K(void, stream,                                                            \
    (void *destination, const void *source, ptrdiff_t byte_count),           \
    (destination, source, byte_count))

// The table. A kernel is a line here, or one more type behind a name above, and
// its body in kernels/.
#define CONV_KERNELS(K)                                                      \
  CONV_RUNS(K, float, f32)                                                   \
  CONV_RUNS(K, double, f64)                                                  \
  CONV_CONVERSIONS(K, widen_f16)                                             \
  CONV_CONVERSIONS(K, narrow_f16)                                            \
  CONV_CONVERSIONS(K, widen_bf16)                                            \
  CONV_CONVERSIONS(K, narrow_bf16)                                           \
  CONV_TRANSPOSES(K, f32_f32)                                                \
  CONV_TRANSPOSES(K, f64_f64)                                                \
  CONV_TRANSPOSES(K, f16_f32)                                                \
  CONV_TRANSPOSES(K, bf16_f32)                                               \
  CONV_TRANSPOSES(K, f32_f16)                                                \
  CONV_TRANSPOSES(K, f32_bf16)                                               \
  CONV_PIXELS(K, float, f32)                                                 \
  CONV_PIXELS(K, double, f64)                                                \
  CONV_PIXELS(K, float, f16)                                                 \
  CONV_PIXELS(K, float, bf16)                                                \
  CONV_PLANE(K, float, f32)                                                  \
  CONV_PLANE(K, double, f64)                                                 \
  CONV_PLANE(K, float, f16)                                                  \
  CONV_PLANE(K, float, bf16)                                                 \
  CONV_TRANSFORMS(K, float, f32)                                             \
  CONV_TRANSFORMS(K, double, f64)                                            \
  CONV_WINOGRAD_FILTER(K, float, f32)                                        \
  CONV_WINOGRAD_FILTER(K, double, f64)                                       \
  CONV_WINOGRAD_GRADIENT(K, float, f32)                                      \
  CONV_WINOGRAD_GRADIENT(K, double, f64)                                     \
  CONV_OUTER_PRODUCTS(K, float, f32)                                         \
  CONV_OUTER_PRODUCTS(K, double, f64)                                        \
  CONV_TAP_PRODUCTS(K, float, f32)                                           \
  CONV_TAP_PRODUCTS(K, double, f64)                                          \
  CONV_PANELS_OF(K, float, f32)                                              \
  CONV_PANELS_OF(K, double, f64)                                             \
  CONV_STREAM(K)

// MARK: Dispatch

// The kernels for an instruction set: "avx512", "avx2" or "baseline", which is
// what every processor of an architecture has.
struct conv_kernels {
  const char *isa;
  /* Most rows of a product with panels. */
  int block_rows;
  /* Panels that so many rows are multiplied with at a time. */
  int block_panels[11];
#define CONV_ENTRY(result, name, parameters, arguments)                      \
  result (*name) parameters;
  CONV_KERNELS(CONV_ENTRY)
#undef CONV_ENTRY
};

// The best that this processor has and the environment variable
// CONVOLUTIONS_MAX_ISA allows; chosen when the library is loaded.
extern const struct conv_kernels *conv_kernels;

// Its name.
const char *conv_isa(void);

// The most rows of a product with panels.
int conv_block_rows(void);

// How many panels 1 to that many rows are multiplied with at a time.
int conv_block_panels(int rows);

// How many there are that this processor has, and their names, the best first.
int conv_runnable_count(void);
const char *conv_runnable_isa(int index);

// conv_name(...) runs the kernel `name` of the table.
#define CONV_CALL(result, name, parameters, arguments)                       \
  static inline result conv_##name parameters {                              \
    return conv_kernels->name arguments;                                     \
  }
CONV_KERNELS(CONV_CALL)
#undef CONV_CALL

// MARK: The rest

// Makes what was streamed visible to other threads with the next that is.
void conv_finish_streams(void);

// Tells the processor that the thread is only waiting.
void conv_pause(void);

// Names the calling thread, in at most 15 bytes.
void conv_name_thread(const char *name);

// Starts to bring memory into the L2 cache; byte_count bytes from address.
void conv_prefetch(const void *address, ptrdiff_t byte_count);

#endif
