// Small vector loops, compiled for several instruction sets, and the table of
// them that this process takes.
//
// Counts and strides are in elements. Runs that are written do not overlap
// what is read. No loop reads or writes beyond the counts given.
#ifndef CONVOLUTIONS_KERNELS_H
#define CONVOLUTIONS_KERNELS_H

#include <stddef.h>

// MARK: Of a storage type
//
// A storage type is what tensors hold: half, bfloat16, float or double. Its sums
// are taken in float or double, which pointers to `compute` numbers point to.
struct conv_storage {
  // destination[r*ds + c] = source[r*ss + c] for `rows` of `count`: widened,
  // which is exact, or narrowed, which rounds to nearest even, keeps subnormals,
  // overflows to infinity and keeps NaN a NaN.
  void (*widen)(
      void *compute_destination, ptrdiff_t destination_stride,
      const void *source, ptrdiff_t source_stride, ptrdiff_t rows,
      ptrdiff_t count);
  void (*narrow)(
      void *destination, ptrdiff_t destination_stride,
      const void *compute_source, ptrdiff_t source_stride, ptrdiff_t rows,
      ptrdiff_t count);

  // destination[c*ds + r] = source[r*ss + c*step], widened or narrowed.
  void (*widen_transposed)(
      void *compute_destination, ptrdiff_t destination_stride,
      const void *source, ptrdiff_t source_stride, ptrdiff_t source_step,
      ptrdiff_t rows, ptrdiff_t columns);
  void (*narrow_transposed)(
      void *destination, ptrdiff_t destination_stride,
      const void *compute_source, ptrdiff_t source_stride,
      ptrdiff_t source_step, ptrdiff_t rows, ptrdiff_t columns);

  // Pixels of the result of a convolution in groups of `width` (1, 2, 4 or 8)
  // channels in and out, each from the pixels that reach it. Taps come in runs of
  // 1 to 3, whose pixels lie beside each other:
  //
  //   result[p*rs + c] = sum over runs t, i < runs[3t+2], k of
  //       source[runs[3t] + (p + i)*ss + c/width*width + k]
  //       * weights[runs[3t+1] + i*weight_step + k*channels + c]
  //
  // `width` divides `channels`, of which there are at least 16; weights are
  // compute numbers. What lies `ahead` of the pixels in source is read soon.
  void (*gather_pixels)(
      ptrdiff_t width, void *result, ptrdiff_t result_stride,
      const void *source, ptrdiff_t source_stride, const void *weights,
      ptrdiff_t weight_step, const ptrdiff_t *runs, ptrdiff_t run_count,
      ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t ahead);

  // The same of one channel's plane, with one weight a tap. A run of taps goes
  // down the rows; it begins with `run = runs + 6t`. Where `rows` is null:
  //
  //   result[y*rs + x] = sum over runs t, i < run[3] of
  //       source[run[5] + (y + i)*stride + x] * weights[run[2] + i*weight_step]
  //
  // Otherwise rows lie anywhere, and in place of that of source stands
  //
  //       rows[run[0] + y*row_step + i][run[1] + x*load_step]
  //
  // where the byte `inside[run[4] + x]` is -1, which is so for all runs from
  // `inner` to before `inner_end`; where it is 0, a zero. With `is_exact`, taps
  // that are not inside are left out, and so are those of rows that are null.
  // Runs are of 1 to 3 taps, of 1 where `row_step` is not 1; `load_step` is 1 or
  // 2. Vectors of 16 numbers (32 for a `load_step` of 2) and bytes are read, also
  // where there are fewer columns.
  //
  // With two `phases`, for a `load_step` of 1, these are the even columns of the
  // result, and its odd ones are the sums of `next_count` runs that follow.
  void (*gather_plane)(
      void *result, ptrdiff_t result_stride, const void *const *rows,
      ptrdiff_t row_step, const void *source, ptrdiff_t stride,
      const void *weights, ptrdiff_t weight_step, const ptrdiff_t *runs,
      ptrdiff_t run_count, ptrdiff_t next_count, ptrdiff_t row_count,
      ptrdiff_t columns, int phases, int load_step,
      const signed char *inside, ptrdiff_t inner, ptrdiff_t inner_end,
      int is_exact);
};

// Numbers of a run of taps of a plane.
#define CONV_PLANE_RUN 6

enum conv_storage_type {
  CONV_STORAGE_f16,
  CONV_STORAGE_bf16,
  CONV_STORAGE_f32,
  CONV_STORAGE_f64,
  CONV_STORAGE_TYPES
};

// MARK: Of a compute type

// The most products and taps of an axis of Winograd's.
#define CONV_WINOGRAD_PRODUCTS 11
#define CONV_WINOGRAD_TAPS 8

// A compute type is what sums are taken in, float or double: all numbers are
// of the one type where nothing else is said.
// What a product asks for before it is read.
enum conv_asks { CONV_ASKS_NOTHING, CONV_ASKS_PANELS, CONV_ASKS_ROWS };

struct conv_compute {
  // destination[o*do + i*di + j] += source[o*so + i*si + j], or =
  void (*add_runs)(
      void *destination, ptrdiff_t destination_outer,
      ptrdiff_t destination_inner, const void *source, ptrdiff_t source_outer,
      ptrdiff_t source_inner, ptrdiff_t outer, ptrdiff_t inner,
      ptrdiff_t count);
  void (*copy_runs)(
      void *destination, ptrdiff_t destination_outer,
      ptrdiff_t destination_inner, const void *source, ptrdiff_t source_outer,
      ptrdiff_t source_inner, ptrdiff_t outer, ptrdiff_t inner,
      ptrdiff_t count);

  // sums[j] += factors[k] * rows[k*stride + j], k ascending
  void (*add_row_combination)(
      void *sums, const void *factors, const void *rows, ptrdiff_t stride,
      ptrdiff_t depth, ptrdiff_t count);
  // sums[j] += vector . rows[j*stride ..], in a fixed order of k
  void (*add_dots)(
      void *sums, const void *vector, const void *rows, ptrdiff_t stride,
      ptrdiff_t depth, ptrdiff_t count);
  // sums[j] += left[j] * right[j]
  void (*add_products)(
      void *sums, const void *left, const void *right, ptrdiff_t count);

  // Outer products, summed over the depth:
  //
  //   sums[i*ss + j] += sum over k of left[k*ls + i] * right[k*rs + j]
  //
  // for i below `rows` and j below `columns`.
  void (*add_outer_products)(
      void *sums, ptrdiff_t sums_stride, const void *left,
      ptrdiff_t left_stride, const void *right, ptrdiff_t right_stride,
      ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth);

  // The gradient of some taps of a filter in groups of `width` (1, 2, 4 or 8)
  // channels in and out, over a box of pixels:
  //
  //   sums[(t*width + k)*channels + c] += sum over rows y, pixels p of
  //       input[taps[t] + y*input_row + p*input_pixel + c/width*width + k]
  //       * gradients[y*gradient_row + p*gradient_pixel + c]
  //
  // There are 1 to 3 taps, or 9 where the width is 1. `width` divides
  // `channels`.
  void (*add_tap_products)(
      ptrdiff_t width, void *sums, const ptrdiff_t *taps, ptrdiff_t tap_count,
      const void *input, ptrdiff_t input_row, ptrdiff_t input_pixel,
      const void *gradients, ptrdiff_t gradient_row, ptrdiff_t gradient_pixel,
      ptrdiff_t rows, ptrdiff_t pixels, ptrdiff_t channels);

  // The product of some rows with panels, each of which has a cache line of
  // columns, C of them, for each step of the depth: a filter packed so, or
  // planes of an image.
  //
  //   results[r][column + j] = sum over t, k of sources[t*rows + r][k]
  //       * panels[j/C*panel_stride + offsets[t] + k*line_stride + j%C]
  //
  // for j below `columns`, though whole lines are read; added to the results if
  // `adds`. The sum of an element is one chain of fused multiply-adds from +0,
  // in the order of t and then k, whatever the rows beside it; and it is added to
  // +0, or to what is there. There are 1 to `block_rows` rows. Pointers among
  // the sources and results are to compute numbers. In float32, where the lines
  // of a panel follow each other, those `ahead` numbers behind the first panel's
  // are asked for, which are read next; or with 0, nothing.
  void (*multiply_panels)(
      ptrdiff_t rows, const void *sources, ptrdiff_t taps, ptrdiff_t depth,
      const ptrdiff_t *offsets, const void *panels, ptrdiff_t panel_stride,
      ptrdiff_t line_stride, const void *results, ptrdiff_t column,
      ptrdiff_t columns, int adds, ptrdiff_t ahead);

  // The same of any number of rows that lie `row_stride` apart, for one tap, in
  // register blocks of as even numbers of rows as can be; `together` panels at a
  // time, which stay in the L1 cache for all of them. Meanwhile the panels behind
  // those are asked for, and behind the last ones `next`, if it is no null pointer;
  // or `next_count` numbers from `next` on, which are the next rows.
  void (*multiply_rows)(
      ptrdiff_t rows, const void *source, ptrdiff_t row_stride,
      ptrdiff_t depth, const void *panels, ptrdiff_t panel_stride,
      ptrdiff_t line_stride, void *result, ptrdiff_t result_stride,
      ptrdiff_t columns, int adds, ptrdiff_t together, enum conv_asks asks,
      const void *next, ptrdiff_t next_count);


  // Some channels of pixels times some channels of others, summed over the
  // pixels: `runs` runs of `count` each.
  //
  //   result[i*result_stride + j] = sum over t, k of
  //       source[t*source_run + k*source_stride + i]
  //       * other[t*other_run + k*other_stride + j]
  //
  // for i below `rows` and j below `columns`, though whole lines are read; added
  // to the result if `adds`. The sum of an element is one chain of fused
  // multiply-adds from +0, in the order of t and then k, whatever is beside it;
  // and it is added to +0, or to what is there.
  void (*multiply_pixels)(
      ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t runs, ptrdiff_t count,
      const void *source, ptrdiff_t source_run, ptrdiff_t source_stride,
      const void *other, ptrdiff_t other_run, ptrdiff_t other_stride,
      void *result, ptrdiff_t result_stride, int adds);

  // So many steps of enough fused multiply-adds beside each other, on the widest
  // vectors, to run at the peak: from 12 numbers, to the same place. Returns the
  // operations of a step.
  int (*spin)(void *sums, ptrdiff_t steps);

  // Winograd's transforms along one axis, of `runs` runs of `count` numbers:
  //
  //   destination[i*ds + r*dstep + j] = sum over l of
  //       matrix[i][l] * source[l*ss + r*sstep + j]
  //
  // with the matrix of the set of points that has so many products: see
  // WinogradSet. Inverse: for a number of `outputs`.
  void (*winograd_forward)(
      int products, void *destination, ptrdiff_t destination_stride,
      ptrdiff_t destination_step, const void *source, ptrdiff_t source_stride,
      ptrdiff_t source_step, ptrdiff_t runs, ptrdiff_t count);
  void (*winograd_inverse)(
      int products, ptrdiff_t outputs, void *destination,
      ptrdiff_t destination_stride, ptrdiff_t destination_step,
      const void *source, ptrdiff_t source_stride, ptrdiff_t source_step,
      ptrdiff_t runs, ptrdiff_t count);
  // With any matrix, `matrix[i*taps + l]` for i below `products`, of 1 to 8 taps.
  void (*winograd_gradient)(
      void *destination, ptrdiff_t destination_stride,
      ptrdiff_t destination_step, const void *source, ptrdiff_t source_stride,
      ptrdiff_t source_step, const double *matrix, ptrdiff_t products,
      ptrdiff_t taps, ptrdiff_t runs, ptrdiff_t count);

  // Winograd's transform of a filter along both axes, in double precision:
  //
  //   destination[(p*column_products + t)*ps + k*ds + j] = sum over r and q of
  //       rows[p*row_taps + r] * columns[t*column_taps + q]
  //       * source[taps[r*column_taps + q] + k*ss + j]
  //
  // for all products p and t, k below `depth` and j below `count`. With `streams`
  // past the caches, where whole lines can be written; `conv_finish_streams` is
  // to follow.
  void (*winograd_filter)(
      void *destination, ptrdiff_t product_stride,
      ptrdiff_t destination_stride, const void *source,
      ptrdiff_t source_stride, const ptrdiff_t *taps, const double *rows,
      ptrdiff_t row_products, ptrdiff_t row_taps, const double *columns,
      ptrdiff_t column_products, ptrdiff_t column_taps, ptrdiff_t depth,
      ptrdiff_t count, int streams);

  // Whether no number is infinite or NaN.
  int (*all_finite)(const void *numbers, ptrdiff_t count);
};

// MARK: The table

// The kernels for an instruction set: "avx512", "avx2" or "baseline", which is
// what every processor of an architecture has. A kernel is a line in one of the
// structures above, one in kernels/kernels.h, and its body in kernels/.
struct conv_kernels {
  const char *isa;
  // Most rows of a product with panels, and of one that asks for others.
  int block_rows, asking_rows;
  // Panels that so many rows are multiplied with at a time.
  int block_panels[11];
  // By `conv_storage_type`.
  struct conv_storage storage[CONV_STORAGE_TYPES];
  struct conv_compute f32, f64;
  // Copies bytes past the caches; `conv_finish_streams` is to follow.
  void (*stream)(
      void *destination, const void *source, ptrdiff_t byte_count);
};

// The best that this processor has and the environment variable
// CONVOLUTIONS_MAX_ISA allows; chosen when the library is loaded.
extern const struct conv_kernels *conv_kernels;

// How many there are that this processor has, and their names, the best first.
int conv_runnable_count(void);
const char *conv_runnable_isa(int index);

// Parts of it, for Swift, to which a global that C may write is not safe.
static inline const struct conv_kernels *conv_table(void) {
  return conv_kernels;
}

static inline const struct conv_storage *conv_storage(
    enum conv_storage_type type) {
  return &conv_kernels->storage[type];
}

static inline const struct conv_compute *conv_compute_f32(void) {
  return &conv_kernels->f32;
}

static inline const struct conv_compute *conv_compute_f64(void) {
  return &conv_kernels->f64;
}

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
