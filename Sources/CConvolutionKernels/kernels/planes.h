// Depthwise layers and narrow groups in NCHW: rows of the result from the rows
// of out_backprop that reach them, with columns as the vector dimension. Four
// rows are done together, as pixels are in groups.h, and two phases of columns,
// so that the result is written once (`convbench bench --layout nchw`, 3x3 with
// stride 2: 1.5 to 2.7).

// Of taps that are outside: zeros that lie there, zeros in place of what lies
// there, or nothing.
enum { ZEROS_THERE, ZEROS_IN_PLACE, LEFT_OUT };

// Rows that are read where they lie come from memory, in more places at a time
// than processors foresee (`convbench bench`, 224x224 depthwise: 2.6x).
enum { ROWS_AHEAD = 20 };

#define DEFINE_PLANE(storage, compute, wide, bits, suffix)                   \
  /* Adds a run of taps to the sums of some rows. A vector is used up before \
     the next is read, so that all fits into 16 registers. */                \
  CONV_INLINE void plane_run_##suffix(                                       \
      wide *sums, const int positions, const int taps, const int step,       \
      const int outside, const void *const *rows, ptrdiff_t row_step,        \
      const storage *first, ptrdiff_t stride, ptrdiff_t column,              \
      const bits *mask, const compute *weights, ptrdiff_t weight_step) {     \
    compute weight[LONGEST_RUN];                                             \
    UNROLLED for (int i = 0; i < taps; i++)                                  \
        weight[i] = weights[i * weight_step];                                \
    const ptrdiff_t apart = taps > 1 ? 1 : row_step;                         \
    UNROLLED for (int r = 0; r < positions + taps - 1; r++) {                \
      const storage *row = rows ? rows[r * apart] : first + r * stride;      \
      if (outside == LEFT_OUT && !row) continue;                             \
      wide at;                                                               \
      load_##suffix(&at, row + column);                                      \
      if (step == 2) {                                                       \
        wide next;                                                           \
        load_##suffix(&next, row + column + 16);                             \
        at = EVEN(at, next);                                                 \
      }                                                                      \
      if (outside == ZEROS_IN_PLACE) at = (wide)((bits)at & *mask);          \
      UNROLLED for (int i = 0; i < taps; i++) {                              \
        const int p = r - i;                                                 \
        if (p < 0 || p >= positions) continue;                               \
        wide added = MULTIPLY_ADD(weight[i], at, sums[p]);                   \
        sums[p] = outside == LEFT_OUT                                        \
            ? (wide)(((bits)added & *mask) | ((bits)sums[p] & ~*mask))       \
            : added;                                                         \
      }                                                                      \
    }                                                                        \
  }                                                                          \
                                                                             \
  /* Rows of fewer numbers than vectors hold, in pieces, each of which one   \
     store before it serves. */                                              \
  static __attribute__((noinline)) void store_parts_##suffix(                \
      storage *result, ptrdiff_t result_stride, const storage *some,         \
      ptrdiff_t rows, ptrdiff_t count) {                                     \
    for (ptrdiff_t y = 0; y < rows; y++) {                                   \
      storage *at = result + y * result_stride;                              \
      const storage *piece = some + 32 * y;                                  \
      UNROLLED for (ptrdiff_t size = 16; size > 0; size /= 2)                \
          if (count & size) {                                                \
        memcpy(at, piece, size * sizeof *piece);                             \
        at += size;                                                          \
        piece += size;                                                       \
      }                                                                      \
    }                                                                        \
  }                                                                          \
                                                                             \
  /* The sums of 16 columns of some rows. */                                 \
  CONV_INLINE void plane_sums_##suffix(                                      \
      wide *sums, const int positions, const int step, const int outside,    \
      const void *const *rows, ptrdiff_t row_step, const storage *source,    \
      ptrdiff_t stride, const compute *restrict weights,                     \
      ptrdiff_t weight_step, const ptrdiff_t *restrict runs,                 \
      ptrdiff_t run_count, ptrdiff_t x, const signed char *inside) {         \
    UNROLLED for (int p = 0; p < positions; p++) sums[p] = (wide){0};        \
    for (ptrdiff_t t = 0; t < run_count; t++) {                              \
      const ptrdiff_t *run = runs + CONV_PLANE_RUN * t;                      \
      bits mask = {0};                                                       \
      if (outside != ZEROS_THERE)                                            \
        mask = (bits)__builtin_convertvector(                                \
            *(const i8x16 *)(inside + run[4] + x), signed_##bits);           \
      const void *const *table = rows ? rows + run[0] : rows;                \
      const storage *first = rows ? source : source + run[5];                \
      const ptrdiff_t column = (rows ? run[1] : 0) + x * step;               \
      const compute *weight = weights + run[2];                              \
      if (run[3] == 3) {                                                     \
        RUN_OF_PLANE(suffix, 3);                                             \
      } else if (run[3] == 2) {                                              \
        RUN_OF_PLANE(suffix, 2);                                             \
      } else {                                                               \
        RUN_OF_PLANE(suffix, 1);                                             \
      }                                                                      \
    }                                                                        \
  }                                                                          \
                                                                             \
  /* 16 columns of one phase of some rows, or of two, between each other. */ \
  CONV_INLINE void plane_block_##suffix(                                     \
      const int positions, const int phases, const int step,                 \
      const int outside, storage *restrict result, ptrdiff_t result_stride,  \
      const void *const *rows, ptrdiff_t row_step, const storage *source,    \
      ptrdiff_t stride, const compute *restrict weights,                     \
      ptrdiff_t weight_step, const ptrdiff_t *restrict runs,                 \
      ptrdiff_t run_count, ptrdiff_t next_count, ptrdiff_t x,                \
      ptrdiff_t columns, const signed char *inside, const storage *end) {    \
    wide sums[POSITIONS], next[POSITIONS];                                   \
    SUMS_OF_PLANE(suffix, sums, runs, run_count);                            \
    if (phases == 2) {                                                       \
      SUMS_OF_PLANE(                                                         \
          suffix, next, runs + CONV_PLANE_RUN * run_count, next_count);      \
      UNROLLED for (int p = 0; p < positions; p++) {                         \
        wide first = sums[p], second = next[p];                              \
        sums[p] = BETWEEN(first, second, 0);                                 \
        next[p] = BETWEEN(first, second, 8);                                 \
      }                                                                      \
    }                                                                        \
    const ptrdiff_t rest = columns - x * phases;                             \
    result += x * phases;                                                    \
    if (rest >= 16 * phases ||                                               \
        result + (positions - 1) * result_stride + 16 * phases <= end) {     \
      UNROLLED for (int p = 0; p < positions; p++) {                         \
        store_##suffix(result + p * result_stride, &sums[p]);                \
        if (phases == 2)                                                     \
          store_##suffix(result + p * result_stride + 16, &next[p]);         \
      }                                                                      \
      return;                                                                \
    }                                                                        \
    storage some[32 * POSITIONS];                                            \
    UNROLLED for (int p = 0; p < positions; p++) {                           \
      store_##suffix(some + 32 * p, &sums[p]);                               \
      if (phases == 2) store_##suffix(some + 32 * p + 16, &next[p]);         \
    }                                                                        \
    store_parts_##suffix(result, result_stride, some, positions, rest);      \
  }                                                                          \
                                                                             \
  /* What is read after some rows that are about so wide. */                 \
  CONV_INLINE void prefetch_rows_##suffix(                                   \
      const storage *row, ptrdiff_t width, ptrdiff_t rows, const int step) { \
    enum { PER_LINE = CONV_LINE_BYTES / sizeof(storage) };                   \
    for (ptrdiff_t p = 0; p < rows; p++)                                     \
        UNROLLED for (int i = 0; i < 16 * step; i += PER_LINE)               \
            __builtin_prefetch(row + (ROWS_AHEAD + p) * width + i);          \
  }                                                                          \
                                                                             \
  /* All columns of some rows at a time; the last may be done twice. */      \
  CONV_INLINE void plane_rows_##suffix(                                      \
      const int positions, const int phases, const int step,                 \
      const int outside, storage *restrict result, ptrdiff_t result_stride,  \
      const void *const *rows, ptrdiff_t row_step, const storage *source,    \
      ptrdiff_t stride, const compute *restrict weights,                     \
      ptrdiff_t weight_step, const ptrdiff_t *restrict runs,                 \
      ptrdiff_t run_count, ptrdiff_t next_count, ptrdiff_t row_count,        \
      ptrdiff_t columns, const signed char *inside, ptrdiff_t inner,         \
      ptrdiff_t inner_end) {                                                 \
    const ptrdiff_t count = (columns + phases - 1) / phases;                 \
    /* Whole vectors of short rows are overwritten by the next row, as far   \
       as there is one. */                                                   \
    const storage *end = result_stride == columns && count <= 16             \
        ? result + row_count * columns : result;                             \
    for (ptrdiff_t q = 0; q < row_count; q += positions) {                   \
      ptrdiff_t y = q < row_count - positions ? q : row_count - positions;   \
      storage *line = result + y * result_stride;                            \
      const void *const *table = rows ? rows + y * row_step : rows;          \
      const storage *first = rows ? source : source + y * stride;            \
      for (ptrdiff_t j = 0; j < count; j += 16) {                            \
        ptrdiff_t x = j == 0 || j < count - 16 ? j : count - 16;             \
        if (outside == ZEROS_IN_PLACE)                                       \
          prefetch_rows_##suffix(                                            \
              (const storage *)table[0] + x * step, count * step,            \
              positions > 1 || row_step > 4 ? positions : row_step, step);   \
        if (outside == ZEROS_IN_PLACE && x >= inner && x + 16 <= inner_end)  \
          BLOCK_OF_PLANE(suffix, ZEROS_THERE);                               \
        else                                                                 \
          BLOCK_OF_PLANE(suffix, outside);                                   \
      }                                                                      \
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_KERNEL(void, gather_plane_##suffix)(                                  \
      void *result, ptrdiff_t result_stride, const void *const *rows,        \
      ptrdiff_t row_step, const void *source, ptrdiff_t stride,              \
      const void *weights, ptrdiff_t weight_step, const ptrdiff_t *runs,     \
      ptrdiff_t run_count, ptrdiff_t next_count, ptrdiff_t row_count,        \
      ptrdiff_t columns, int phases, int load_step,                          \
      const signed char *inside, ptrdiff_t inner, ptrdiff_t inner_end,       \
      int is_exact) {                                                        \
    CONV_REQUIRE(columns >= 0 && row_count >= 0);                            \
    CONV_REQUIRE(run_count >= 0 && next_count >= 0);                         \
    CONV_REQUIRE(phases == 1 || (phases == 2 && load_step == 1));            \
    CONV_REQUIRE(load_step == 1 || (load_step == 2 && rows));                \
    CONV_REQUIRE(rows || (source && !is_exact));                             \
    if (phases == 2)                                                         \
      PLANE_OF_PHASES(suffix, 2);                                            \
    else if (load_step == 1)                                                 \
      PLANE_OF_PHASES(suffix, 1);                                            \
    else if (is_exact)                                                       \
      PLANE(suffix, 1, 1, 2, LEFT_OUT, rows);                                \
    else                                                                     \
      PLANE(suffix, 1, 1, 2, ZEROS_IN_PLACE, rows);                          \
  }

#define RUN_OF_PLANE(suffix, taps)                                           \
  plane_run_##suffix(                                                        \
      sums, positions, taps, step, outside, table, row_step, first, stride,  \
      column, &mask, weight, weight_step)

#define SUMS_OF_PLANE(suffix, sums, runs, count)                             \
  plane_sums_##suffix(                                                       \
      sums, positions, step, outside, rows, row_step, source, stride,        \
      weights, weight_step, runs, count, x, inside)

#define BLOCK_OF_PLANE(suffix, outside)                                      \
  plane_block_##suffix(                                                      \
      positions, phases, step, outside, line, result_stride, table,          \
      row_step, first, stride, weights, weight_step, runs, run_count,        \
      next_count, x, columns, inside, end)

#define PLANE(suffix, positions, phases, step, outside, rows)                \
  plane_rows_##suffix(                                                       \
      positions, phases, step, outside, result, result_stride, rows,         \
      row_step, source, stride, weights, weight_step, runs, run_count,       \
      next_count, row_count, columns, inside, inner, inner_end)

#define PLANE_OF_PHASES(suffix, phases)                                      \
  do {                                                                       \
    if (!rows && row_count < POSITIONS)                                      \
      PLANE(suffix, 1, phases, 1, ZEROS_THERE, NULL);                        \
    else if (!rows)                                                          \
      PLANE(suffix, POSITIONS, phases, 1, ZEROS_THERE, NULL);                \
    else if (is_exact)                                                       \
      PLANE(suffix, 1, phases, 1, LEFT_OUT, rows);                           \
    else if (row_count < POSITIONS || row_step > 1)                          \
      PLANE(suffix, 1, phases, 1, ZEROS_IN_PLACE, rows);                     \
    else                                                                     \
      PLANE(suffix, POSITIONS, phases, 1, ZEROS_IN_PLACE, rows);             \
  } while (0)

DEFINE_PLANE(float, float, f32x16, u32x16, f32)
DEFINE_PLANE(double, double, f64x16, u64x16, f64)
#define PLANES(type, suffix) DEFINE_PLANE(type, float, f32x16, u32x16, suffix)
CONV_HALF_TYPES(PLANES)
