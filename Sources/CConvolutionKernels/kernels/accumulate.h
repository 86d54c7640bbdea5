// The scatter-add of col2im, the copies of im2col and the loops of the direct
// kernel.

// A run of any length in blocks of fixed size, so that each block is a few
// vector instructions and the tail a handful, whatever the count.
#define BLOCK(n, op)                                                         \
  for (int i = 0; i < n; i++) destination[j + i] op source[j + i];

#define DEFINE_RUNS(type, suffix, name, op)                                  \
  CONV_INLINE void name##_run_##suffix(                                      \
      type *restrict destination, const type *restrict source,               \
      ptrdiff_t count) {                                                     \
    ptrdiff_t j = 0;                                                         \
    for (; j + 64 <= count; j += 64) BLOCK(64, op)                           \
    for (; j + 16 <= count; j += 16) BLOCK(16, op)                           \
    if (count & 8) { BLOCK(8, op) j += 8; }                                  \
    if (count & 4) { BLOCK(4, op) j += 4; }                                  \
    if (count & 2) { BLOCK(2, op) j += 2; }                                  \
    if (count & 1) BLOCK(1, op)                                              \
  }                                                                          \
                                                                             \
  CONV_KERNEL(void, name##_runs_##suffix)(                                   \
      void *destination_, ptrdiff_t destination_outer,                       \
      ptrdiff_t destination_inner, const void *source_,                      \
      ptrdiff_t source_outer, ptrdiff_t source_inner, ptrdiff_t outer,       \
      ptrdiff_t inner, ptrdiff_t count) {                                    \
    type *destination = destination_;                                        \
    const type *source = source_;                                            \
    CONV_REQUIRE(outer >= 0 && inner >= 0 && count >= 0);                    \
    for (ptrdiff_t o = 0; o < outer; o++)                                    \
      for (ptrdiff_t i = 0; i < inner; i++)                                  \
        name##_run_##suffix(                                                 \
            destination + o * destination_outer + i * destination_inner,     \
            source + o * source_outer + i * source_inner, count);            \
  }

DEFINE_RUNS(float, f32, add, +=)
DEFINE_RUNS(double, f64, add, +=)
DEFINE_RUNS(float, f32, copy, =)
DEFINE_RUNS(double, f64, copy, =)

// A block of sums stays in registers while the depth runs by.
#define COMBINE_BLOCK(type, n)                                               \
  {                                                                          \
    type block[n];                                                           \
    for (int i = 0; i < n; i++) block[i] = sums[j + i];                      \
    const type *row = rows + j;                                              \
    for (ptrdiff_t k = 0; k < depth; k++, row += stride)                     \
      for (int i = 0; i < n; i++)                                            \
        block[i] = MULTIPLY_ADD(factors[k], row[i], block[i]);               \
    for (int i = 0; i < n; i++) sums[j + i] = block[i];                      \
  }

#define DEFINE_COMBINATION(type, suffix)                                     \
  CONV_KERNEL(void, add_row_combination_##suffix)(                           \
      void *restrict sums_, const void *restrict factors_,                   \
      const void *restrict rows_, ptrdiff_t stride, ptrdiff_t depth,         \
      ptrdiff_t count) {                                                     \
    type *sums = sums_;                                                      \
    const type *factors = factors_, *rows = rows_;                           \
    ptrdiff_t j = 0;                                                         \
    for (; j + 64 <= count; j += 64) COMBINE_BLOCK(type, 64)                 \
    for (; j + 16 <= count; j += 16) COMBINE_BLOCK(type, 16)                 \
    if (count & 8) { COMBINE_BLOCK(type, 8) j += 8; }                        \
    if (count & 4) { COMBINE_BLOCK(type, 4) j += 4; }                        \
    if (count & 2) { COMBINE_BLOCK(type, 2) j += 2; }                        \
    if (count & 1) COMBINE_BLOCK(type, 1)                                    \
  }                                                                          \
                                                                             \
  CONV_KERNEL(void, add_dots_##suffix)(                                      \
      void *restrict sums_, const void *restrict vector_,                    \
      const void *restrict rows_, ptrdiff_t stride, ptrdiff_t depth,         \
      ptrdiff_t count) {                                                     \
    type *sums = sums_;                                                      \
    const type *vector = vector_, *rows = rows_;                             \
    for (ptrdiff_t j = 0; j < count; j++, rows += stride) {                  \
      type lanes[16] = {0};                                                  \
      ptrdiff_t k = 0;                                                       \
      for (; k + 16 <= depth; k += 16)                                       \
        for (int i = 0; i < 16; i++)                                         \
          lanes[i] = MULTIPLY_ADD(vector[k + i], rows[k + i], lanes[i]);     \
      type sum = 0;                                                          \
      for (; k < depth; k++) sum = MULTIPLY_ADD(vector[k], rows[k], sum);    \
      for (int half = 8; half > 0; half /= 2)                                \
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];          \
      sums[j] += sum + lanes[0];                                             \
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_KERNEL(void, add_products_##suffix)(                                  \
      void *restrict sums_, const void *restrict left_,                      \
      const void *restrict right_, ptrdiff_t count) {                        \
    type *sums = sums_;                                                      \
    const type *left = left_, *right = right_;                               \
    for (ptrdiff_t j = 0; j < count; j++)                                    \
      sums[j] = MULTIPLY_ADD(left[j], right[j], sums[j]);                    \
  }

DEFINE_COMBINATION(float, f32)
DEFINE_COMBINATION(double, f64)
