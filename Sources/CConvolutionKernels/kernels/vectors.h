// Vectors of 16 numbers, whatever the type and instruction set, and single
// numbers: loaded widened to float, stored rounded to nearest even.
#ifndef CONVOLUTIONS_VECTORS_H
#define CONVOLUTIONS_VECTORS_H

#include <stdint.h>
#include <string.h>

typedef float f32x16 __attribute__((vector_size(64), aligned(4)));
typedef double f64x16 __attribute__((vector_size(128), aligned(8)));
typedef _Float16 f16x16 __attribute__((vector_size(32), aligned(2)));
typedef uint16_t u16x16 __attribute__((vector_size(32), aligned(2)));
typedef uint32_t u32x16 __attribute__((vector_size(64), aligned(4)));
typedef uint64_t u64x16 __attribute__((vector_size(128), aligned(8)));
typedef int32_t signed_u32x16 __attribute__((vector_size(64), aligned(4)));
typedef int64_t signed_u64x16 __attribute__((vector_size(128), aligned(8)));
typedef signed char i8x16 __attribute__((vector_size(16), aligned(1)));

// The types that are storage alone, whose sums are taken in float: T(type, suffix)
// of each. A further one has its line here, its loads and stores below, and its
// number in conv_storage_type.
#define CONV_HALF_TYPES(T) T(_Float16, f16) T(uint16_t, bf16)

// Through pointers: vectors as parameters depend on the instruction set.
CONV_INLINE void load_f32(f32x16 *v, const float *p) {
  *v = *(const f32x16 *)p;
}

CONV_INLINE void store_f32(float *p, const f32x16 *v) { *(f32x16 *)p = *v; }

CONV_INLINE void load_f64(f64x16 *v, const double *p) {
  *v = *(const f64x16 *)p;
}

CONV_INLINE void store_f64(double *p, const f64x16 *v) { *(f64x16 *)p = *v; }

CONV_INLINE void load_f16(f32x16 *v, const _Float16 *p) {
  *v = __builtin_convertvector(*(const f16x16 *)p, f32x16);
}

CONV_INLINE void store_f16(_Float16 *p, const f32x16 *v) {
  *(f16x16 *)p = __builtin_convertvector(*v, f16x16);
}

CONV_INLINE void load_bf16(f32x16 *v, const uint16_t *p) {
  *v = (f32x16)(__builtin_convertvector(*(const u16x16 *)p, u32x16) << 16);
}

CONV_INLINE void store_bf16(uint16_t *p, const f32x16 *v) {
  // As put_bf16, on vectors.
  u32x16 bits = (u32x16)*v;
  u32x16 upper = bits >> 16;
  u32x16 rounded = (bits + 0x7FFF + (upper & 1)) >> 16;
  u32x16 is_nan = (u32x16)((bits & 0x7FFFFFFF) > 0x7F800000);
  u32x16 chosen = (is_nan & (upper | 0x40)) | (~is_nan & rounded);
  *(u16x16 *)p = __builtin_convertvector(chosen, u16x16);
}

CONV_INLINE float one_f32(const float *p) { return *p; }
CONV_INLINE double one_f64(const double *p) { return *p; }
CONV_INLINE float one_f16(const _Float16 *p) { return (float)*p; }

CONV_INLINE float one_bf16(const uint16_t *p) {
  uint32_t bits = (uint32_t)*p << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

CONV_INLINE void put_f32(float *p, float value) { *p = value; }
CONV_INLINE void put_f64(double *p, double value) { *p = value; }
CONV_INLINE void put_f16(_Float16 *p, float value) { *p = (_Float16)value; }

CONV_INLINE void put_bf16(uint16_t *p, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint32_t upper = bits >> 16;
  uint32_t rounded = (bits + 0x7FFF + (upper & 1)) >> 16;
  // A NaN's payload may lie in the lost half: set the quiet bit instead of
  // rounding.
  int is_nan = (bits & 0x7FFFFFFF) > 0x7F800000;
  *p = (uint16_t)(is_nan ? (upper | 0x40) : rounded);
}

#endif
