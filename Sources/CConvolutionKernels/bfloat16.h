// Rounding to bfloat16.
#ifndef CONVOLUTIONS_BFLOAT16_H
#define CONVOLUTIONS_BFLOAT16_H

#include <stdint.h>
#include <string.h>

#include "dispatch.h"

// To nearest even. A NaN's payload may lie in the lost half: set the quiet bit
// instead of rounding.
CONV_INLINE uint16_t narrow_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint32_t upper = bits >> 16;
  uint32_t rounded = (bits + 0x7FFF + (upper & 1)) >> 16;
  int is_nan = (bits & 0x7FFFFFFF) > 0x7F800000;
  return (uint16_t)(is_nan ? (upper | 0x40) : rounded);
}

#endif
