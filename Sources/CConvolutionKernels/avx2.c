// The kernels for AVX2 with fused multiply-add, as Haswell has it.
#if defined(__x86_64__)

#define CONV_ISA "avx2"
#define CONV_TABLE conv_kernels_avx2
#define CONV_TARGET __attribute__((target("arch=x86-64-v3")))

// 16 registers: 12 sums at most.
#define CONV_HAS_FMA 1
#define CONV_VECTOR_BYTES 32
#define CONV_MOST_ROWS 6
#define CONV_ASKING_ROWS 6
#define CONV_MOST_PANELS 4
#define CONV_MOST_SUMS 12
#define CONV_PANELS(rows) ((rows) == 1 ? 4 : (rows) <= 3 ? 2 : 1)
#define CONV_BLOCKS(B)                                                       \
  B(1, 1) B(1, 2) B(1, 3) B(1, 4) B(2, 1) B(2, 2) B(3, 1) B(3, 2)            \
  B(4, 1) B(5, 1) B(6, 1)

#include "kernels/kernels.h"

#endif
