// Matrices transposed and converted on the way: NCHW to pixels of channels and
// back, and filters.

// Sixteen rows, four columns of each: vector i has rows i, i + 4, i + 8 and
// i + 12 and gets column i of all. Or four rows, sixteen columns of each: vector
// i has row i and gets columns i, i + 4, i + 8 and i + 12. Nothing moves further
// than four places, which is cheap on every instruction set.
#define SHUFFLE4(a, b, i, j, k, l)                                           \
  __builtin_shufflevector(                                                   \
      a, b, i, j, k, l, i + 4, j + 4, k + 4, l + 4, i + 8, j + 8, k + 8,     \
      l + 8, i + 12, j + 12, k + 12, l + 12)
#define TRANSPOSE_SQUARES(from, to)                                          \
  do {                                                                       \
    __typeof__(from[0]) low01 = SHUFFLE4(from[0], from[1], 0, 16, 1, 17);    \
    __typeof__(from[0]) high01 = SHUFFLE4(from[0], from[1], 2, 18, 3, 19);   \
    __typeof__(from[0]) low23 = SHUFFLE4(from[2], from[3], 0, 16, 1, 17);    \
    __typeof__(from[0]) high23 = SHUFFLE4(from[2], from[3], 2, 18, 3, 19);   \
    to[0] = SHUFFLE4(low01, low23, 0, 1, 16, 17);                            \
    to[1] = SHUFFLE4(low01, low23, 2, 3, 18, 19);                            \
    to[2] = SHUFFLE4(high01, high23, 0, 1, 16, 17);                          \
    to[3] = SHUFFLE4(high01, high23, 2, 3, 18, 19);                          \
  } while (0)

// Four numbers, `step` apart.
#define FOUR(v, p, step)                                                     \
  do {                                                                       \
    if ((step) == 1)                                                         \
      memcpy(&v, p, sizeof v);                                               \
    else                                                                     \
      v = (__typeof__(v)){(p)[0], (p)[step], (p)[2 * (step)], (p)[3 * (step)]};\
  } while (0)

#define DEFINE_FOUR(type, suffix)                                            \
  typedef type four_##suffix                                                 \
      __attribute__((vector_size(4 * sizeof(type)), aligned(sizeof(type))));
DEFINE_FOUR(float, f32)
DEFINE_FOUR(double, f64)
CONV_HALF_TYPES(DEFINE_FOUR)

// Two rows to columns beside each other, and back; four by two such stages.
#define LOWER(a, b)                                                          \
  __builtin_shufflevector(                                                   \
      a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define UPPER(a, b)                                                          \
  __builtin_shufflevector(                                                   \
      a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define STAGE(from, to, n)                                                   \
  UNROLLED for (int i = 0; i < n / 2; i++) {                                 \
    to[2 * i] = LOWER(from[i], from[i + n / 2]);                             \
    to[2 * i + 1] = UPPER(from[i], from[i + n / 2]);                         \
  }

// Three rows to columns beside each other, and back: from the first two, then
// from the third.
#define ZIP3(from, to)                                                       \
  to[0] = __builtin_shufflevector(                                           \
      __builtin_shufflevector(from[0], from[1], 0, 16, 0, 1, 17, 0, 2, 18,   \
      0, 3, 19, 0, 4, 20, 0, 5), from[2], 0, 1, 16, 3, 4, 17, 6, 7, 18, 9,   \
      10, 19, 12, 13, 20, 15);                                               \
  to[1] = __builtin_shufflevector(                                           \
      __builtin_shufflevector(from[0], from[1], 21, 0, 6, 22, 0, 7, 23, 0,   \
      8, 24, 0, 9, 25, 0, 10, 26), from[2], 0, 21, 2, 3, 22, 5, 6, 23, 8,    \
      9, 24, 11, 12, 25, 14, 15);                                            \
  to[2] = __builtin_shufflevector(                                           \
      __builtin_shufflevector(from[0], from[1], 0, 11, 27, 0, 12, 28, 0,     \
      13, 29, 0, 14, 30, 0, 15, 31, 0), from[2], 26, 1, 2, 27, 4, 5, 28,     \
      7, 8, 29, 10, 11, 30, 13, 14, 31);
#define UNZIP3(from, to)                                                     \
  to[0] = __builtin_shufflevector(                                           \
      __builtin_shufflevector(from[0], from[1], 0, 3, 6, 9, 12, 15, 18,      \
      21, 24, 27, 30, 0, 0, 0, 0, 0), from[2], 0, 1, 2, 3, 4, 5, 6, 7, 8,    \
      9, 10, 17, 20, 23, 26, 29);                                            \
  to[1] = __builtin_shufflevector(                                           \
      __builtin_shufflevector(from[0], from[1], 1, 4, 7, 10, 13, 16, 19,     \
      22, 25, 28, 31, 0, 0, 0, 0, 0), from[2], 0, 1, 2, 3, 4, 5, 6, 7, 8,    \
      9, 10, 18, 21, 24, 27, 30);                                            \
  to[2] = __builtin_shufflevector(                                           \
      __builtin_shufflevector(from[0], from[1], 2, 5, 8, 11, 14, 17, 20,     \
      23, 26, 29, 0, 0, 0, 0, 0, 0), from[2], 0, 1, 2, 3, 4, 5, 6, 7, 8,     \
      9, 16, 19, 22, 25, 28, 31);

// Takes a stage back.
#define UNSTAGE(from, to, n)                                                 \
  UNROLLED for (int i = 0; i < n / 2; i++) {                                 \
    to[i] = EVEN(from[2 * i], from[2 * i + 1]);                              \
    to[i + n / 2] = ODD(from[2 * i], from[2 * i + 1]);                       \
  }

#define ZIP(n, source_suffix, suffix, STAGES, last)                          \
  UNROLLED for (int i = 0; i < n; i++)                                       \
      load_##source_suffix(&a[i], source + i * source_stride + c);           \
  STAGES                                                                     \
  UNROLLED for (int i = 0; i < n; i++) store_##suffix(to + 16 * i, &last[i]);

#define UNZIP(n, source_suffix, suffix, STAGES, last)                        \
  UNROLLED for (int i = 0; i < n; i++)                                       \
      load_##source_suffix(&a[i], from + 16 * i);                            \
  STAGES                                                                     \
  UNROLLED for (int i = 0; i < n; i++)                                       \
      store_##suffix(destination + i * destination_stride + r, &last[i]);

#define DEFINE_TRANSPOSE(source_type, source_suffix, type, suffix, wide)     \
  /* Sixteen rows and four columns, or four and sixteen. */                  \
  CONV_INLINE void block_##source_suffix##_##suffix(                         \
      type *destination, ptrdiff_t destination_stride,                       \
      const source_type *source, ptrdiff_t source_stride,                    \
      const ptrdiff_t source_step, const int is_tall) {                      \
    wide a[4], b[4];                                                         \
    ptrdiff_t square = 4 * (is_tall ? source_stride : source_step);          \
    UNROLLED for (int i = 0; i < 4; i++) {                                   \
      four_##source_suffix q[4];                                             \
      UNROLLED for (int l = 0; l < 4; l++)                                   \
          FOUR(                                                              \
              q[l], source + i * source_stride + l * square, source_step);   \
      load_##source_suffix(&a[i], (const source_type *)q);                   \
    }                                                                        \
    TRANSPOSE_SQUARES(a, b);                                                 \
    UNROLLED for (int i = 0; i < 4; i++) {                                   \
      if (is_tall) {                                                         \
        store_##suffix(destination + i * destination_stride, &b[i]);         \
        continue;                                                            \
      }                                                                      \
      type column[16];                                                       \
      store_##suffix(column, &b[i]);                                         \
      UNROLLED for (int l = 0; l < 4; l++)                                   \
          memcpy(                                                            \
              destination + (4 * l + i) * destination_stride, column + 4 * l,\
              4 * sizeof *column);                                           \
    }                                                                        \
  }                                                                          \
                                                                             \
  /* The last block of rows or columns may do some work twice. */            \
  CONV_INLINE void blocks_##source_suffix##_##suffix(                        \
      type *restrict destination, ptrdiff_t destination_stride,              \
      const source_type *restrict source, ptrdiff_t source_stride,           \
      const ptrdiff_t source_step, ptrdiff_t rows, ptrdiff_t columns,        \
      const ptrdiff_t block_rows, const ptrdiff_t block_columns) {           \
    /* Where either side's lines lie far apart, a few at a time. */          \
    ptrdiff_t together =                                                     \
        destination_stride > source_stride ? 16 : columns;                   \
    for (ptrdiff_t first = 0; first < columns; first += together) {          \
      ptrdiff_t end = first + together < columns ? first + together : columns;\
      for (ptrdiff_t i = 0; i < rows; i += block_rows) {                     \
        ptrdiff_t r = i < rows - block_rows ? i : rows - block_rows;         \
        for (ptrdiff_t j = first; j < end; j += block_columns) {             \
          ptrdiff_t c =                                                      \
              j < columns - block_columns ? j : columns - block_columns;     \
          type *to = destination + c * destination_stride + r;               \
          const source_type *from =                                          \
              source + r * source_stride + c * source_step;                  \
          block_##source_suffix##_##suffix(                                  \
              to, destination_stride, from, source_stride, source_step,      \
              block_rows == 16);                                             \
        }                                                                    \
      }                                                                      \
    }                                                                        \
  }                                                                          \
                                                                             \
  /* Two to four rows that become rows beside each other. */                 \
  CONV_INLINE void zip_##source_suffix##_##suffix(                           \
      type *restrict destination, const source_type *restrict source,        \
      ptrdiff_t source_stride, ptrdiff_t rows, ptrdiff_t columns) {          \
    for (ptrdiff_t j = 0; j < columns; j += 16) {                            \
      ptrdiff_t c = j < columns - 16 ? j : columns - 16;                     \
      type *to = destination + c * rows;                                     \
      wide a[4], b[4];                                                       \
      if (rows == 2) {                                                       \
        ZIP(2, source_suffix, suffix, STAGE(a, b, 2), b)                     \
      } else if (rows == 3) {                                                \
        ZIP(3, source_suffix, suffix, ZIP3(a, b), b)                         \
      } else {                                                               \
        ZIP(4, source_suffix, suffix, STAGE(a, b, 4) STAGE(b, a, 4), a)      \
      }                                                                      \
    }                                                                        \
  }                                                                          \
                                                                             \
  /* The other way round. */                                                 \
  CONV_INLINE void unzip_##source_suffix##_##suffix(                         \
      type *restrict destination, ptrdiff_t destination_stride,              \
      const source_type *restrict source, ptrdiff_t rows,                    \
      ptrdiff_t columns) {                                                   \
    for (ptrdiff_t i = 0; i < rows; i += 16) {                               \
      ptrdiff_t r = i < rows - 16 ? i : rows - 16;                           \
      const source_type *from = source + r * columns;                        \
      wide a[4], b[4];                                                       \
      if (columns == 2) {                                                    \
        UNZIP(2, source_suffix, suffix, UNSTAGE(a, b, 2), b)                 \
      } else if (columns == 3) {                                             \
        UNZIP(3, source_suffix, suffix, UNZIP3(a, b), b)                     \
      } else {                                                               \
        UNZIP(4, source_suffix, suffix, UNSTAGE(a, b, 4) UNSTAGE(b, a, 4), a)\
      }                                                                      \
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_KERNEL(void, transpose_##source_suffix##_##suffix)(                   \
      void *restrict to, ptrdiff_t destination_stride,                       \
      const void *restrict from, ptrdiff_t source_stride,                    \
      ptrdiff_t source_step, ptrdiff_t rows, ptrdiff_t columns) {            \
    CONV_REQUIRE(rows >= 0 && columns >= 0 && source_step >= 1);             \
    type *destination = to;                                                  \
    const source_type *source = from;                                        \
    ptrdiff_t few = rows < columns ? rows : columns;                         \
    ptrdiff_t many = rows < columns ? columns : rows;                        \
    int follow = source_step == 1                                            \
        && (rows < columns ? destination_stride == rows                      \
                           : source_stride == columns);                      \
    if (many >= 16 && few >= 2 && few <= 4 && follow) {                      \
      if (rows < columns)                                                    \
        zip_##source_suffix##_##suffix(                                      \
            destination, source, source_stride, rows, columns);              \
      else                                                                   \
        unzip_##source_suffix##_##suffix(                                    \
            destination, destination_stride, source, rows, columns);         \
      return;                                                                \
    }                                                                        \
    if (many >= 16 && few >= 4) {                                            \
      ptrdiff_t block = rows >= 16 ? 16 : 4;                                 \
      if (block == 16 && source_step == 1)                                   \
        blocks_##source_suffix##_##suffix(                                   \
            destination, destination_stride, source, source_stride, 1, rows, \
            columns, 16, 4);                                                 \
      else if (block == 16)                                                  \
        blocks_##source_suffix##_##suffix(                                   \
            destination, destination_stride, source, source_stride,          \
            source_step, rows, columns, 16, 4);                              \
      else if (source_step == 1)                                             \
        blocks_##source_suffix##_##suffix(                                   \
            destination, destination_stride, source, source_stride, 1, rows, \
            columns, 4, 16);                                                 \
      else                                                                   \
        blocks_##source_suffix##_##suffix(                                   \
            destination, destination_stride, source, source_stride,          \
            source_step, rows, columns, 4, 16);                              \
      return;                                                                \
    }                                                                        \
    for (ptrdiff_t r = 0; r < rows; r++)                                     \
      for (ptrdiff_t c = 0; c < columns; c++)                                \
        put_##suffix(                                                        \
            destination + c * destination_stride + r,                        \
            one_##source_suffix(source + r * source_stride + c * source_step));\
  }

DEFINE_TRANSPOSE(float, f32, float, f32, f32x16)
DEFINE_TRANSPOSE(double, f64, double, f64, f64x16)
#define TRANSPOSES(type, suffix)                                             \
  DEFINE_TRANSPOSE(type, suffix, float, f32, f32x16)                         \
  DEFINE_TRANSPOSE(float, f32, type, suffix, f32x16)
CONV_HALF_TYPES(TRANSPOSES)
