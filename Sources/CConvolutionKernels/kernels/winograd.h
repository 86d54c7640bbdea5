// Winograd's transforms along one axis, as straight lines; the matrices are
// made from the same points in Swift, and a test holds the two against each
// other. A set of points is known by its number of products.

// y = B^T x: the row of a modulus has the coefficients of the product of all
// others, that of infinity the product of all. Points come as p and -p, so that
// products are polynomials in x^2: here from x[i] on, the last coefficient 1.
#define SUM2(i, c0) MULTIPLY_ADD(c0, x[i], x[i + 2])
#define SUM3(i, c0, c1) MULTIPLY_ADD(c0, x[i], SUM2(i + 2, c1))
#define SUM4(i, c0, c1, c2) MULTIPLY_ADD(c0, x[i], SUM3(i + 2, c1, c2))
#define SUM5(i, c0, c1, c2, c3)                                              \
  MULTIPLY_ADD(c0, x[i], SUM4(i + 2, c1, c2, c3))

// The rows of p and -p, by the product of the others; z is 1 with the point 0.
#define PAIR(i, z, p, SUM, ...)                                              \
  {                                                                          \
    vector even = SUM(z + 1, __VA_ARGS__), odd = (p) * SUM(z, __VA_ARGS__);  \
    y[i] = even + odd;                                                       \
    y[i + 1] = even - odd;                                                   \
  }

// The rows of x^2 + 1 at 0, at 1 and at infinity.
#define IMAGINARY(i, z, SUM, ...)                                            \
  {                                                                          \
    vector low = SUM(z, __VA_ARGS__), high = SUM(z + 1, __VA_ARGS__);        \
    y[i] = z ? high + low : high - low;                                      \
    y[i + 1] = z ? low : high;                                               \
    y[i + 2] = z ? high - low : high + low;                                  \
  }

// No transform.
#define FORWARD_1(T) y[0] = x[0];

// 0, 1, -1, infinity.
#define FORWARD_4(T)                                                         \
  y[0] = x[2] - x[0];                                                        \
  y[1] = x[2] + x[1];                                                        \
  y[2] = x[2] - x[1];                                                        \
  y[3] = x[3] - x[1];

// 0, 1, -1, x^2 + 1, infinity.
#define FORWARD_7(T)                                                         \
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

// 0 if z, +-a, +-b, infinity.
#define FORWARD_PAIRS2(T, z, a, b)                                           \
  {                                                                          \
    const T aa = (T)(a) * (T)(a), bb = (T)(b) * (T)(b);                      \
    if (z) y[0] = SUM3(0, aa * bb, -(aa + bb));                              \
    PAIR(z, z, (T)(a), SUM2, -bb)                                            \
    PAIR(z + 2, z, (T)(b), SUM2, -aa)                                        \
    y[z + 4] = SUM3(z, aa * bb, -(aa + bb));                                 \
  }
#define FORWARD_5(T) FORWARD_PAIRS2(T, 0, 0.375, 1.25)
#define FORWARD_6(T) FORWARD_PAIRS2(T, 1, 0.625, 1.5)

// 0 if z, +-a, +-b, x^2 + 1, infinity.
#define FORWARD_PAIRS2I(T, z, a, b)                                          \
  {                                                                          \
    const T aa = (T)(a) * (T)(a), bb = (T)(b) * (T)(b);                      \
    const T s1 = aa + bb, s2 = aa * bb;                                      \
    if (z) y[0] = SUM4(0, s2, s2 - s1, 1 - s1);                              \
    PAIR(z, z, (T)(a), SUM3, -bb, 1 - bb)                                    \
    PAIR(z + 2, z, (T)(b), SUM3, -aa, 1 - aa)                                \
    IMAGINARY(z + 4, z, SUM3, s2, -s1)                                       \
    y[z + 7] = SUM4(z, s2, s2 - s1, 1 - s1);                                 \
  }
#define FORWARD_8(T) FORWARD_PAIRS2I(T, 0, 0.5, 1.25)
#define FORWARD_9(T) FORWARD_PAIRS2I(T, 1, 0.75, 1.5)

// 0 if z, +-a, +-b, +-c, x^2 + 1, infinity.
#define FORWARD_PAIRS3I(T, z, a, b, c)                                       \
  {                                                                          \
    const T aa = (T)(a) * (T)(a), bb = (T)(b) * (T)(b);                      \
    const T cc = (T)(c) * (T)(c), ab = aa * bb, bc = bb * cc, ca = cc * aa;  \
    const T s1 = aa + bb + cc, s2 = ab + bc + ca, s3 = aa * bc;              \
    if (z) y[0] = SUM5(0, -s3, s2 - s3, s2 - s1, 1 - s1);                    \
    PAIR(z, z, (T)(a), SUM4, bc, bc - bb - cc, 1 - bb - cc)                  \
    PAIR(z + 2, z, (T)(b), SUM4, ca, ca - cc - aa, 1 - cc - aa)              \
    PAIR(z + 4, z, (T)(c), SUM4, ab, ab - aa - bb, 1 - aa - bb)              \
    IMAGINARY(z + 6, z, SUM4, -s3, s2, -s1)                                  \
    y[z + 9] = SUM5(z, -s3, s2 - s3, s2 - s1, 1 - s1);                       \
  }
#define FORWARD_10(T) FORWARD_PAIRS3I(T, 0, 0.375, 0.875, 1.75)
#define FORWARD_11(T) FORWARD_PAIRS3I(T, 1, 0.5, 1, 1.75)

// y = A^T x for m outputs, at least 2: powers of the points, and the last also
// takes the product at infinity.

#define INVERSE_1(T, m) y[0] = x[0];

#define INVERSE_4(T, m)                                                      \
  {                                                                          \
    vector even = x[1] + x[2], odd = x[1] - x[2];                            \
    y[0] = x[0] + even;                                                      \
    y[1] = odd;                                                              \
    if (m > 2) y[2] = even;                                                  \
    y[m - 1] += x[3];                                                        \
  }

#define ADD_IMAGINARY(i, m)                                                  \
  vector real = x[i] + x[i + 1], unreal = x[i + 1] + x[i + 2];               \
  y[0] += real;                                                              \
  y[1] += unreal;                                                            \
  if (m > 2) y[2] -= real;                                                   \
  if (m > 3) y[3] -= unreal;                                                 \
  if (m > 4) y[4] += real;                                                   \
  if (m > 5) y[5] += unreal;                                                 \
  if (m > 6) y[6] -= real;                                                   \
  if (m > 7) y[7] -= unreal;

#define INVERSE_7(T, m)                                                      \
  {                                                                          \
    vector even = x[1] + x[2], odd = x[1] - x[2];                            \
    y[0] = x[0] + even;                                                      \
    y[1] = odd;                                                              \
    if (m > 2) y[2] = even;                                                  \
    if (m > 3) y[3] = odd;                                                   \
    if (m > 4) y[4] = even;                                                  \
    ADD_IMAGINARY(3, m)                                                      \
    y[m - 1] += x[6];                                                        \
  }

#define ADD_PAIRS2(T, m, z, a, b)                                            \
  const T aa = (T)(a) * (T)(a), bb = (T)(b) * (T)(b);                        \
  vector even_a = x[z] + x[z + 1], odd_a = (T)(a) * (x[z] - x[z + 1]);       \
  vector even_b = x[z + 2] + x[z + 3];                                       \
  vector odd_b = (T)(b) * (x[z + 2] - x[z + 3]);                             \
  y[0] = even_a + even_b;                                                    \
  if (z) y[0] += x[0];                                                       \
  y[1] = odd_a + odd_b;                                                      \
  if (m > 2) y[2] = MULTIPLY_ADD(aa, even_a, bb * even_b);                   \
  if (m > 3) y[3] = MULTIPLY_ADD(aa, odd_a, bb * odd_b);                     \
  if (m > 4) y[4] = MULTIPLY_ADD(aa * aa, even_a, bb * bb * even_b);         \
  if (m > 5) y[5] = MULTIPLY_ADD(aa * aa, odd_a, bb * bb * odd_b);

#define ADD_PAIR(T, m, i, c)                                                 \
  const T cc = (T)(c) * (T)(c);                                              \
  vector even_c = x[i] + x[i + 1], odd_c = (T)(c) * (x[i] - x[i + 1]);       \
  y[0] += even_c;                                                            \
  y[1] += odd_c;                                                             \
  if (m > 2) y[2] = MULTIPLY_ADD(cc, even_c, y[2]);                          \
  if (m > 3) y[3] = MULTIPLY_ADD(cc, odd_c, y[3]);                           \
  if (m > 4) y[4] = MULTIPLY_ADD(cc * cc, even_c, y[4]);                     \
  if (m > 5) y[5] = MULTIPLY_ADD(cc * cc, odd_c, y[5]);                      \
  const T aaa = aa * aa * aa, bbb = bb * bb * bb, ccc = cc * cc * cc;        \
  if (m > 6)                                                                 \
    y[6] = MULTIPLY_ADD(                                                     \
        ccc, even_c, MULTIPLY_ADD(aaa, even_a, bbb * even_b));               \
  if (m > 7)                                                                 \
    y[7] = MULTIPLY_ADD(                                                     \
        ccc, odd_c, MULTIPLY_ADD(aaa, odd_a, bbb * odd_b));

#define INVERSE_PAIRS2(T, m, z, a, b)                                        \
  {                                                                          \
    ADD_PAIRS2(T, m, z, a, b)                                                \
    y[m - 1] += x[z + 4];                                                    \
  }
#define INVERSE_5(T, m) INVERSE_PAIRS2(T, m, 0, 0.375, 1.25)
#define INVERSE_6(T, m) INVERSE_PAIRS2(T, m, 1, 0.625, 1.5)

#define INVERSE_PAIRS2I(T, m, z, a, b)                                       \
  {                                                                          \
    ADD_PAIRS2(T, m, z, a, b)                                                \
    ADD_IMAGINARY(z + 4, m)                                                  \
    y[m - 1] += x[z + 7];                                                    \
  }
#define INVERSE_8(T, m) INVERSE_PAIRS2I(T, m, 0, 0.5, 1.25)
#define INVERSE_9(T, m) INVERSE_PAIRS2I(T, m, 1, 0.75, 1.5)

#define INVERSE_PAIRS3I(T, m, z, a, b, c)                                    \
  {                                                                          \
    ADD_PAIRS2(T, m, z, a, b)                                                \
    ADD_PAIR(T, m, z + 4, c)                                                 \
    ADD_IMAGINARY(z + 6, m)                                                  \
    y[m - 1] += x[z + 9];                                                    \
  }
#define INVERSE_10(T, m) INVERSE_PAIRS3I(T, m, 0, 0.375, 0.875, 1.75)
#define INVERSE_11(T, m) INVERSE_PAIRS3I(T, m, 1, 0.5, 1, 1.75)

// Runs of `count` numbers, each from `inputs` that lie source_stride apart.
#define APPLY(T, number, width, inputs, outputs, ...)                        \
  for (ptrdiff_t j = 0; j < count; j += width) {                             \
    /* The last vector may do some numbers twice. */                         \
    ptrdiff_t c = j < count - width ? j : count - width;                     \
    typedef number vector;                                                   \
    vector x[CONV_WINOGRAD_PRODUCTS], y[CONV_WINOGRAD_PRODUCTS];             \
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

#define INVERSES(T, wide, products, m)                                       \
  case 16 * products + m: RUNS(T, wide, products, m, INVERSE_##products(T, m))

#define DEFINE_TRANSFORMS(T, wide, suffix)                                   \
  CONV_KERNEL(void, winograd_forward_##suffix)(                              \
      int products, void *restrict to, ptrdiff_t destination_stride,         \
      ptrdiff_t destination_step, const void *restrict from,                 \
      ptrdiff_t source_stride, ptrdiff_t source_step, ptrdiff_t runs,        \
      ptrdiff_t count) {                                                     \
    T *destination = to;                                                     \
    const T *source = from;                                                  \
    switch (products) {                                                      \
      case 1: RUNS(T, wide, 1, 1, FORWARD_1(T))                              \
      case 4: RUNS(T, wide, 4, 4, FORWARD_4(T))                              \
      case 5: RUNS(T, wide, 5, 5, FORWARD_5(T))                              \
      case 6: RUNS(T, wide, 6, 6, FORWARD_6(T))                              \
      case 7: RUNS(T, wide, 6, 7, FORWARD_7(T))                              \
      case 8: RUNS(T, wide, 7, 8, FORWARD_8(T))                              \
      case 9: RUNS(T, wide, 8, 9, FORWARD_9(T))                              \
      case 10: RUNS(T, wide, 9, 10, FORWARD_10(T))                           \
      case 11: RUNS(T, wide, 10, 11, FORWARD_11(T))                          \
      default: CONV_REQUIRE(0);                                              \
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_KERNEL(void, winograd_inverse_##suffix)(                              \
      int products, ptrdiff_t outputs, void *restrict to,                    \
      ptrdiff_t destination_stride, ptrdiff_t destination_step,              \
      const void *restrict from, ptrdiff_t source_stride,                    \
      ptrdiff_t source_step, ptrdiff_t runs, ptrdiff_t count) {              \
    T *destination = to;                                                     \
    const T *source = from;                                                  \
    switch (16 * products + outputs) {                                       \
      INVERSES(T, wide, 1, 1)                                                \
      INVERSES(T, wide, 4, 2)                                                \
      INVERSES(T, wide, 4, 3)                                                \
      INVERSES(T, wide, 5, 2)                                                \
      INVERSES(T, wide, 5, 3)                                                \
      INVERSES(T, wide, 5, 4)                                                \
      INVERSES(T, wide, 6, 2)                                                \
      INVERSES(T, wide, 6, 3)                                                \
      INVERSES(T, wide, 6, 4)                                                \
      INVERSES(T, wide, 6, 5)                                                \
      INVERSES(T, wide, 7, 2)                                                \
      INVERSES(T, wide, 7, 3)                                                \
      INVERSES(T, wide, 7, 4)                                                \
      INVERSES(T, wide, 7, 5)                                                \
      INVERSES(T, wide, 8, 3)                                                \
      INVERSES(T, wide, 8, 4)                                                \
      INVERSES(T, wide, 8, 5)                                                \
      INVERSES(T, wide, 8, 6)                                                \
      INVERSES(T, wide, 9, 3)                                                \
      INVERSES(T, wide, 9, 4)                                                \
      INVERSES(T, wide, 9, 5)                                                \
      INVERSES(T, wide, 9, 6)                                                \
      INVERSES(T, wide, 10, 3)                                               \
      INVERSES(T, wide, 10, 4)                                               \
      INVERSES(T, wide, 10, 5)                                               \
      INVERSES(T, wide, 10, 6)                                               \
      INVERSES(T, wide, 10, 7)                                               \
      INVERSES(T, wide, 11, 3)                                               \
      INVERSES(T, wide, 11, 4)                                               \
      INVERSES(T, wide, 11, 5)                                               \
      INVERSES(T, wide, 11, 6)                                               \
      INVERSES(T, wide, 11, 7)                                               \
      INVERSES(T, wide, 11, 8)                                               \
      default: CONV_REQUIRE(0);                                              \
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_KERNEL(int, all_finite_##suffix)(const void *from, ptrdiff_t count) { \
    const T *numbers = from;                                                 \
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
