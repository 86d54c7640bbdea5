// Winograd's transforms along one axis, as straight lines; the matrices are made
// from the same points in Swift, and a test holds the two against each other.

#include "CConvolutionKernels.h"
#include "dispatch.h"
#include "vectors.h"

#define UNROLLED _Pragma("clang loop unroll(full)")

// y = B^T x; all constants are exact in float.

// No transform.
#define FORWARD_0(T) y[0] = x[0];

// 0, 1, -1, infinity.
#define FORWARD_1(T)                                                         \
  y[0] = x[2] - x[0];                                                        \
  y[1] = x[2] + x[1];                                                        \
  y[2] = x[2] - x[1];                                                        \
  y[3] = x[3] - x[1];

// 0, +-a, +-b, infinity with a = 5/8, b = 3/2.
#define A ((T)0.625)
#define B ((T)1.5)
#define FORWARD_2(T_)                                                        \
  {                                                                          \
    typedef T_ T;                                                            \
    vector even = x[4] - (B * B) * x[2], odd = x[3] - (B * B) * x[1];        \
    y[0] = (A * A * B * B) * x[0] - (A * A + B * B) * x[2] + x[4];           \
    y[1] = even + A * odd;                                                   \
    y[2] = even - A * odd;                                                   \
    even = x[4] - (A * A) * x[2];                                            \
    odd = x[3] - (A * A) * x[1];                                             \
    y[3] = even + B * odd;                                                   \
    y[4] = even - B * odd;                                                   \
    y[5] = (A * A * B * B) * x[1] - (A * A + B * B) * x[3] + x[5];           \
  }

// 0, 1, -1, x^2 + 1 at 0, 1, infinity, infinity.
#define FORWARD_3(T)                                                         \
  {                                                                          \
    vector sum = x[4] + x[2], other = x[3] + x[1];                           \
    vector even = x[4] - x[2], odd = x[3] - x[1];                            \
    y[0] = x[4] - x[0];                                                      \
    y[1] = sum + other;                                                      \
    y[2] = sum - other;                                                      \
    y[3] = even + odd;                                                       \
    y[4] = odd;                                                              \
    y[5] = even - odd;                                                       \
    y[6] = x[5] - x[1];                                                      \
  }

// y = A^T x for m outputs: the last also takes the product at infinity.

#define INVERSE_0(T, m) y[0] = x[0];

#define INVERSE_1(T, m)                                                      \
  {                                                                          \
    vector even = x[1] + x[2], odd = x[1] - x[2];                            \
    y[0] = x[0] + even;                                                      \
    if (m > 1) y[1] = odd;                                                   \
    if (m > 2) y[2] = even;                                                  \
    y[m - 1] += x[3];                                                        \
  }

#define INVERSE_2(T_, m)                                                     \
  {                                                                          \
    typedef T_ T;                                                            \
    vector even_a = x[1] + x[2], odd_a = x[1] - x[2];                        \
    vector even_b = x[3] + x[4], odd_b = x[3] - x[4];                        \
    y[0] = x[0] + even_a + even_b;                                           \
    if (m > 1) y[1] = A * odd_a + B * odd_b;                                 \
    if (m > 2) y[2] = (A * A) * even_a + (B * B) * even_b;                   \
    if (m > 3) y[3] = (A * A * A) * odd_a + (B * B * B) * odd_b;             \
    if (m > 4) y[4] = (A * A * A * A) * even_a + (B * B * B * B) * even_b;   \
    y[m - 1] += x[5];                                                        \
  }

#define INVERSE_3(T, m)                                                      \
  {                                                                          \
    vector even = x[1] + x[2], odd = x[1] - x[2];                            \
    vector real = x[3] + x[4], unreal = x[4] + x[5];                         \
    y[0] = x[0] + even + real;                                               \
    if (m > 1) y[1] = odd + unreal;                                          \
    if (m > 2) y[2] = even - real;                                           \
    if (m > 3) y[3] = odd - unreal;                                          \
    if (m > 4) y[4] = even + real;                                           \
    y[m - 1] += x[6];                                                        \
  }

// Runs of `count` numbers, each from `inputs` that lie source_stride apart.
#define APPLY(T, number, width, inputs, outputs, ...)                        \
  for (ptrdiff_t j = 0; j < count; j += width) {                             \
    /* The last vector may do some numbers twice. */                         \
    ptrdiff_t c = j < count - width ? j : count - width;                     \
    typedef number vector;                                                   \
    vector x[8], y[8];                                                       \
    UNROLLED for (int i = 0; i < inputs; i++)                                \
        x[i] = *(const vector *)(s + i * source_stride + c);                 \
    __VA_ARGS__                                                              \
    UNROLLED for (int i = 0; i < outputs; i++)                               \
        *(vector *)(d + i * destination_stride + c) = y[i];                  \
  }

#define RUNS(T, wide, inputs, outputs, ...)                                  \
  for (ptrdiff_t run = 0; run < runs; run++) {                               \
    T *d = destination + run * destination_step;                             \
    const T *s = source + run * source_step;                                 \
    if (count >= 16) {                                                       \
      APPLY(T, wide, 16, inputs, outputs, __VA_ARGS__)                       \
    } else {                                                                 \
      APPLY(T, T, 1, inputs, outputs, __VA_ARGS__)                           \
    }                                                                        \
  }                                                                          \
  break;

#define INVERSES(T, wide, set, inputs, m)                                    \
  case 8 * set + m: RUNS(T, wide, inputs, m, INVERSE_##set(T, m))

#define DEFINE_TRANSFORMS(T, wide, suffix)                                   \
  CONV_CLONES                                                                \
  void conv_winograd_forward_##suffix(                                       \
      int set, T *restrict destination, ptrdiff_t destination_stride,        \
      ptrdiff_t destination_step, const T *restrict source,                  \
      ptrdiff_t source_stride, ptrdiff_t source_step, ptrdiff_t runs,        \
      ptrdiff_t count) {                                                     \
    switch (set) {                                                           \
      case 0: RUNS(T, wide, 1, 1, FORWARD_0(T))                              \
      case 1: RUNS(T, wide, 4, 4, FORWARD_1(T))                              \
      case 2: RUNS(T, wide, 6, 6, FORWARD_2(T))                              \
      case 3: RUNS(T, wide, 6, 7, FORWARD_3(T))                              \
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_CLONES                                                                \
  void conv_winograd_inverse_##suffix(                                       \
      int set, ptrdiff_t outputs, T *restrict destination,                   \
      ptrdiff_t destination_stride, ptrdiff_t destination_step,              \
      const T *restrict source, ptrdiff_t source_stride,                     \
      ptrdiff_t source_step, ptrdiff_t runs, ptrdiff_t count) {              \
    switch (8 * set + outputs) {                                             \
      INVERSES(T, wide, 0, 1, 1)                                             \
      INVERSES(T, wide, 1, 4, 2)                                             \
      INVERSES(T, wide, 1, 4, 3)                                             \
      INVERSES(T, wide, 2, 6, 2)                                             \
      INVERSES(T, wide, 2, 6, 3)                                             \
      INVERSES(T, wide, 2, 6, 4)                                             \
      INVERSES(T, wide, 2, 6, 5)                                             \
      INVERSES(T, wide, 3, 7, 2)                                             \
      INVERSES(T, wide, 3, 7, 3)                                             \
      INVERSES(T, wide, 3, 7, 4)                                             \
      INVERSES(T, wide, 3, 7, 5)                                             \
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_CLONES                                                                \
  int conv_all_finite_##suffix(const T *numbers, ptrdiff_t count) {          \
    /* A number that is not finite, times zero, is NaN, and so is the sum. */\
    T sum = 0;                                                               \
    ptrdiff_t j = 0;                                                         \
    wide sums = {0};                                                         \
    for (; j + 16 <= count; j += 16)                                         \
      sums += *(const wide *)(numbers + j) * 0;                              \
    for (int i = 0; i < 16; i++) sum += sums[i];                             \
    for (; j < count; j++) sum += numbers[j] * 0;                            \
    return sum == 0;                                                         \
  }

DEFINE_TRANSFORMS(float, f32x16, f32)
DEFINE_TRANSFORMS(double, f64x16, f64)
