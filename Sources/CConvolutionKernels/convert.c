// Half and bfloat16 to float and back.

#include <stdint.h>
#include <string.h>

#include "CConvolutionKernels.h"
#include "dispatch.h"

CONV_CLONES
void conv_widen_f16(float *destination, const void *source, ptrdiff_t count) {
  const _Float16 *half = source;
  for (ptrdiff_t i = 0; i < count; i++) destination[i] = (float)half[i];
}

CONV_CLONES
void conv_narrow_f16(void *destination, const float *source, ptrdiff_t count) {
  _Float16 *half = destination;
  for (ptrdiff_t i = 0; i < count; i++) half[i] = (_Float16)source[i];
}

CONV_CLONES
void conv_widen_bf16(float *destination, const void *source, ptrdiff_t count) {
  const uint16_t *bits = source;
  for (ptrdiff_t i = 0; i < count; i++) {
    uint32_t wide = (uint32_t)bits[i] << 16;
    memcpy(&destination[i], &wide, sizeof wide);
  }
}

CONV_CLONES
void conv_narrow_bf16(void *destination, const float *source, ptrdiff_t count) {
  uint16_t *half = destination;
  for (ptrdiff_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &source[i], sizeof bits);
    uint32_t upper = bits >> 16;
    uint32_t rounded = (bits + 0x7FFF + (upper & 1)) >> 16;
    // A NaN's payload may lie in the lost half: set the quiet bit instead of
    // rounding.
    int is_nan = (bits & 0x7FFFFFFF) > 0x7F800000;
    half[i] = (uint16_t)(is_nan ? (upper | 0x40) : rounded);
  }
}
