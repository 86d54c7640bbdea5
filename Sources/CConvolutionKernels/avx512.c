// The kernels for AVX-512 as Skylake has it.
#if defined(__x86_64__)

#define CONV_ISA "avx512"
#define CONV_TABLE conv_kernels_avx512
// The width lets clang keep a vector of 16 floats in one register instead of
// two: then twice as many fit (groups of 4: 1.5x).
#define CONV_TARGET \
  __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))

// 32 registers, and one of 15 for the place of each row: clang keeps some of 27
// sums, or of the places of 11 rows, on the stack; of 10 with what is asked for.
#define CONV_HAS_FMA 1
#define CONV_VECTOR_BYTES 64
#define CONV_MOST_ROWS 10
#define CONV_ASKING_ROWS 9
#define CONV_MOST_PANELS 4
#define CONV_MOST_SUMS 24
#define CONV_PANELS(rows) ((rows) <= 6 ? 4 : (rows) <= 7 ? 3 : 2)
#define CONV_BLOCKS(B)                                                       \
  B(1, 1) B(1, 2) B(1, 3) B(1, 4) B(2, 1) B(2, 2) B(2, 3) B(2, 4)            \
  B(3, 1) B(3, 2) B(3, 3) B(3, 4) B(4, 1) B(4, 2) B(4, 3) B(4, 4)            \
  B(5, 1) B(5, 2) B(5, 3) B(5, 4) B(6, 1) B(6, 2) B(6, 3) B(6, 4)            \
  B(7, 1) B(7, 2) B(7, 3) B(8, 1) B(8, 2) B(9, 1) B(9, 2) B(10, 1) B(10, 2)

#include "kernels/kernels.h"

#endif
