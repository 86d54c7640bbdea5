// Half and bfloat16 to float and back.

#include "CConvolutionKernels.h"
#include "dispatch.h"
#include "vectors.h"

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
  for (ptrdiff_t i = 0; i < count; i++) destination[i] = one_bf16(bits + i);
}

CONV_CLONES
void conv_narrow_bf16(void *destination, const float *source, ptrdiff_t count) {
  uint16_t *half = destination;
  for (ptrdiff_t i = 0; i < count; i++) put_bf16(half + i, source[i]);
}
