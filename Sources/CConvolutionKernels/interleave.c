// Column phases back to the order of the image row.

#include "CConvolutionKernels.h"
#include "dispatch.h"

#define DEFINE_INTERLEAVE(type, suffix)                                      \
  CONV_CLONES                                                                \
  void conv_interleave_##suffix(                                             \
      type *restrict destination, const type *restrict source,               \
      ptrdiff_t phases, ptrdiff_t phase_stride, ptrdiff_t count) {           \
    if (phases == 2) {                                                       \
      const type *odd = source + phase_stride;                               \
      for (ptrdiff_t q = 0; q < count / 2; q++) {                            \
        destination[2 * q] = source[q];                                      \
        destination[2 * q + 1] = odd[q];                                     \
      }                                                                      \
      if (count & 1) destination[count - 1] = source[count / 2];             \
      return;                                                                \
    }                                                                        \
    for (ptrdiff_t p = 0; p < phases; p++)                                   \
      for (ptrdiff_t q = 0; q * phases + p < count; q++)                     \
        destination[q * phases + p] = source[p * phase_stride + q];          \
  }

DEFINE_INTERLEAVE(float, f32)
DEFINE_INTERLEAVE(double, f64)
