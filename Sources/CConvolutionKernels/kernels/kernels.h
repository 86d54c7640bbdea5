// All kernels for one instruction set, and the table of them.
//
// CONV_ISA names the set, CONV_TABLE the table; CONV_TARGET has the attributes
// of functions for the set, if they are not the compiler's own. CONV_BLOCKS(B)
// has B(rows, panels) for each size of a block of sums: for every number of rows
// up to CONV_MOST_ROWS, up to CONV_PANELS(rows) panels, of CONV_MOST_SUMS
// vectors of CONV_VECTOR_BYTES at most.

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

#define CONV_ENTRY(result, name, parameters, arguments) .name = kernel_##name,
const struct conv_kernels CONV_TABLE = {
    .isa = CONV_ISA,
    .block_rows = CONV_MOST_ROWS,
    .block_panels = {1, CONV_PANELS(1), CONV_PANELS(2), CONV_PANELS(3),
                     CONV_PANELS(4), CONV_PANELS(5), CONV_PANELS(6),
                     CONV_PANELS(7), CONV_PANELS(8), CONV_PANELS(9),
                     CONV_PANELS(10)},
    CONV_KERNELS(CONV_ENTRY)};
