// All kernels for one instruction set, and the table of them.
//
// CONV_ISA names the set, CONV_TABLE the table; CONV_TARGET has the attributes
// of functions for the set, if they are not the compiler's own. CONV_BLOCKS(B)
// has B(rows, panels) for each size of a block of sums: for every number of rows
// up to CONV_MOST_ROWS, up to CONV_PANELS(rows) panels, of CONV_MOST_SUMS
// vectors of CONV_VECTOR_BYTES at most. Blocks of up to CONV_ASKING_ROWS can ask
// for what is read next.

#include <stdint.h>
#include <string.h>

#include "../dispatch.h"
#include "CConvolutionKernels.h"

// After the headers of others, which are compiled for no set in particular.
#ifdef CONV_TARGET
#pragma clang attribute push(CONV_TARGET, apply_to = function)
#endif

// Every multiply-add that is one operation is written as one: no compiler, and
// no option of one, has a say in the bits.
#pragma clang fp contract(off)

// a * b + c of numbers or vectors, where `a` may be a number beside vectors.
#if CONV_HAS_FMA
#define MULTIPLY_ADD(a, b, c) \
  __builtin_elementwise_fma((a) - (__typeof__(c)){0}, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

#include "vectors.h"
#include "spread.h"

#include "accumulate.h"
#include "convert.h"
#include "filter_gradient.h"
#include "groups.h"
#include "panels.h"
#include "planes.h"
#include "stream.h"
#include "transpose.h"
#include "winograd.h"
#include "winograd_filter.h"
#include "winograd_gradient.h"

#ifdef CONV_TARGET
#pragma clang attribute pop
#endif

#define STORAGE(type, compute)                                               \
  [CONV_STORAGE_##type] = {                                                  \
    .widen = kernel_convert_##type##_##compute,                              \
    .narrow = kernel_convert_##compute##_##type,                             \
    .widen_transposed = kernel_transpose_##type##_##compute,                 \
    .narrow_transposed = kernel_transpose_##compute##_##type,                \
    .gather_pixels = kernel_gather_pixels_##type,                            \
    .gather_plane = kernel_gather_plane_##type,                              \
  },
#define STORAGE_OF_HALF(type, suffix) STORAGE(suffix, f32)
#define COMPUTE(type)                                                        \
  {                                                                          \
    .add_runs = kernel_add_runs_##type,                                      \
    .copy_runs = kernel_copy_runs_##type,                                    \
    .add_row_combination = kernel_add_row_combination_##type,                \
    .add_dots = kernel_add_dots_##type,                                      \
    .add_products = kernel_add_products_##type,                              \
    .add_outer_products = kernel_add_outer_products_##type,                  \
    .add_tap_products = kernel_add_tap_products_##type,                      \
    .multiply_panels = kernel_multiply_panels_##type,                        \
    .multiply_rows = kernel_multiply_rows_##type,                            \
    .multiply_pixels = kernel_multiply_pixels_##type,                        \
    .spin = kernel_spin_##type,                                              \
    .winograd_forward = kernel_winograd_forward_##type,                      \
    .winograd_inverse = kernel_winograd_inverse_##type,                      \
    .winograd_gradient = kernel_winograd_gradient_##type,                    \
    .winograd_filter = kernel_winograd_filter_##type,                        \
    .all_finite = kernel_all_finite_##type,                                  \
  }
const struct conv_kernels CONV_TABLE = {
    .isa = CONV_ISA,
    .block_rows = CONV_MOST_ROWS,
    .asking_rows = CONV_ASKING_ROWS,
    .block_panels = {1, CONV_PANELS(1), CONV_PANELS(2), CONV_PANELS(3),
                     CONV_PANELS(4), CONV_PANELS(5), CONV_PANELS(6),
                     CONV_PANELS(7), CONV_PANELS(8), CONV_PANELS(9),
                     CONV_PANELS(10)},
    .storage = {CONV_HALF_TYPES(STORAGE_OF_HALF) STORAGE(f32, f32)
                    STORAGE(f64, f64)},
    .f32 = COMPUTE(f32),
    .f64 = COMPUTE(f64),
    .stream = kernel_stream};
