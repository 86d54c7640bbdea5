// The kernels for what every processor of an architecture has: SSE2, or NEON.

#define CONV_ISA "baseline"
#define CONV_TABLE conv_kernels_baseline

#if defined(__aarch64__)
// 32 registers of 16 bytes; more sums have been seen to spill.
#define CONV_HAS_FMA 1
#define CONV_MOST_ROWS 5
#define CONV_ASKING_ROWS 5
#define CONV_MOST_PANELS 4
#define CONV_MOST_SUMS 20
#define CONV_PANELS(rows) ((rows) == 1 ? 4 : (rows) == 2 ? 2 : 1)
#define CONV_BLOCKS(B)                                                       \
  B(1, 1) B(1, 2) B(1, 3) B(1, 4) B(2, 1) B(2, 2) B(3, 1) B(4, 1) B(5, 1)
#else
// 16 registers of 16 bytes, and no fused multiply-add on SSE2.
#define CONV_HAS_FMA 0
#define CONV_MOST_ROWS 3
#define CONV_ASKING_ROWS 3
#define CONV_MOST_PANELS 3
#define CONV_MOST_SUMS 12
#define CONV_PANELS(rows) ((rows) == 1 ? 3 : 1)
#define CONV_BLOCKS(B) B(1, 1) B(1, 2) B(1, 3) B(2, 1) B(3, 1)
#endif
#define CONV_VECTOR_BYTES 16

#include "kernels/kernels.h"
