// Matrices transposed and converted on the way: NCHW to pixels of channels and
// back, and filters.

// Row i of the next stage is made of rows i/2 and i/2 + n/2 of this one: after
// log2(n) stages n rows of 16 are transposed, and follow each other.
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
#define TRANSPOSE_BLOCK(a, b)                                                \
  STAGE(a, b, 16)                                                            \
  STAGE(b, a, 16)                                                            \
  STAGE(a, b, 16)                                                            \
  STAGE(b, a, 16)

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

// The even and the odd numbers of two vectors.
#define EVEN(a, b)                                                           \
  __builtin_shufflevector(                                                   \
      a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODD(a, b)                                                            \
  __builtin_shufflevector(                                                   \
      a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
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
  CONV_INLINE void block_##source_suffix##_##suffix(                         \
      type *restrict destination, ptrdiff_t destination_stride,              \
      const source_type *restrict source, ptrdiff_t source_stride) {         \
    wide a[16], b[16];                                                       \
    UNROLLED for (int i = 0; i < 16; i++)                                    \
        load_##source_suffix(&a[i], source + i * source_stride);             \
    TRANSPOSE_BLOCK(a, b)                                                    \
    UNROLLED for (int i = 0; i < 16; i++)                                    \
        store_##suffix(destination + i * destination_stride, &a[i]);         \
  }                                                                          \
                                                                             \
  /* Fewer rows than a vector has numbers, to rows that follow each other:   \
     what a store writes too much, the next one mends. */                    \
  CONV_INLINE void few_##source_suffix##_##suffix(                           \
      type *restrict destination, const source_type *restrict source,        \
      ptrdiff_t source_stride, ptrdiff_t rows, ptrdiff_t columns) {          \
    const type *end = destination + rows * columns;                          \
    for (ptrdiff_t j = 0; j < columns; j += 16) {                            \
      ptrdiff_t c = j < columns - 16 ? j : columns - 16;                     \
      type *to = destination + c * rows;                                     \
      wide a[16], b[16];                                                     \
      if (rows == 2) {                                                       \
        ZIP(2, source_suffix, suffix, STAGE(a, b, 2), b)                     \
        continue;                                                            \
      }                                                                      \
      if (rows == 3) {                                                       \
        ZIP(3, source_suffix, suffix, ZIP3(a, b), b)                         \
        continue;                                                            \
      }                                                                      \
      if (rows == 4) {                                                       \
        ZIP(4, source_suffix, suffix, STAGE(a, b, 4) STAGE(b, a, 4), a)      \
        continue;                                                            \
      }                                                                      \
      UNROLLED for (int i = 0; i < 16; i++) {                                \
        ptrdiff_t row = i < rows ? i : 0;                                    \
        load_##source_suffix(&a[i], source + row * source_stride + c);       \
      }                                                                      \
      TRANSPOSE_BLOCK(a, b)                                                  \
      UNROLLED for (int i = 0; i < 16; i++) {                                \
        type *place = to + i * rows;                                         \
        if (end - place >= 16) {                                             \
          store_##suffix(place, &a[i]);                                      \
        } else {                                                             \
          type last[16];                                                     \
          store_##suffix(last, &a[i]);                                       \
          memcpy(place, last, (size_t)rows * sizeof *last);                  \
        }                                                                    \
      }                                                                      \
    }                                                                        \
  }                                                                          \
                                                                             \
  /* The other way round: from rows that are shorter than a vector. */       \
  CONV_INLINE void narrow_##source_suffix##_##suffix(                        \
      type *restrict destination, ptrdiff_t destination_stride,              \
      const source_type *restrict source, ptrdiff_t source_stride,           \
      ptrdiff_t rows, ptrdiff_t columns) {                                   \
    const source_type *end = source + (rows - 1) * source_stride + columns;  \
    for (ptrdiff_t i = 0; i < rows; i += 16) {                               \
      ptrdiff_t r = i < rows - 16 ? i : rows - 16;                           \
      const source_type *from = source + r * source_stride;                  \
      wide a[16], b[16];                                                     \
      if (source_stride == 2 && columns == 2) {                              \
        UNZIP(2, source_suffix, suffix, UNSTAGE(a, b, 2), b)                 \
        continue;                                                            \
      }                                                                      \
      if (source_stride == 3 && columns == 3) {                              \
        UNZIP(3, source_suffix, suffix, UNZIP3(a, b), b)                     \
        continue;                                                            \
      }                                                                      \
      if (source_stride == 4 && columns == 4) {                              \
        UNZIP(4, source_suffix, suffix, UNSTAGE(a, b, 4) UNSTAGE(b, a, 4), a)\
        continue;                                                            \
      }                                                                      \
      UNROLLED for (int l = 0; l < 16; l++) {                                \
        const source_type *place = from + l * source_stride;                 \
        if (end - place >= 16) {                                             \
          load_##source_suffix(&a[l], place);                                \
        } else {                                                             \
          source_type last[16] = {0};                                        \
          memcpy(last, place, (size_t)columns * sizeof *last);               \
          load_##source_suffix(&a[l], last);                                 \
        }                                                                    \
      }                                                                      \
      TRANSPOSE_BLOCK(a, b)                                                  \
      UNROLLED for (int l = 0; l < 16; l++)                                  \
          if (l < columns)                                                   \
              store_##suffix(destination + l * destination_stride + r, &a[l]);\
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_KERNEL(void, transpose_##source_suffix##_##suffix)(                   \
      void *restrict to, ptrdiff_t destination_stride,                       \
      const void *restrict from, ptrdiff_t source_stride, ptrdiff_t rows,    \
      ptrdiff_t columns) {                                                   \
    CONV_REQUIRE(rows >= 0 && columns >= 0);                                 \
    type *destination = to;                                                  \
    const source_type *source = from;                                        \
    if (rows >= 16 && columns >= 16) {                                       \
      /* The last block of a row or column may do some work twice. */        \
      for (ptrdiff_t i = 0; i < rows; i += 16) {                             \
        ptrdiff_t r = i < rows - 16 ? i : rows - 16;                         \
        for (ptrdiff_t j = 0; j < columns; j += 16) {                        \
          ptrdiff_t c = j < columns - 16 ? j : columns - 16;                 \
          block_##source_suffix##_##suffix(                                  \
              destination + c * destination_stride + r, destination_stride,  \
              source + r * source_stride + c, source_stride);                \
        }                                                                    \
      }                                                                      \
      return;                                                                \
    }                                                                        \
    if (rows > 1 && columns >= 16 && destination_stride == rows) {           \
      few_##source_suffix##_##suffix(                                        \
          destination, source, source_stride, rows, columns);                \
      return;                                                                \
    }                                                                        \
    if (columns > 1 && rows >= 16 && source_stride >= columns) {             \
      narrow_##source_suffix##_##suffix(                                     \
          destination, destination_stride, source, source_stride, rows,      \
          columns);                                                          \
      return;                                                                \
    }                                                                        \
    for (ptrdiff_t r = 0; r < rows; r++)                                     \
      for (ptrdiff_t c = 0; c < columns; c++)                                \
        put_##suffix(                                                        \
            destination + c * destination_stride + r,                        \
            one_##source_suffix(source + r * source_stride + c));            \
  }

DEFINE_TRANSPOSE(float, f32, float, f32, f32x16)
DEFINE_TRANSPOSE(double, f64, double, f64, f64x16)
DEFINE_TRANSPOSE(_Float16, f16, float, f32, f32x16)
DEFINE_TRANSPOSE(uint16_t, bf16, float, f32, f32x16)
DEFINE_TRANSPOSE(float, f32, _Float16, f16, f32x16)
DEFINE_TRANSPOSE(float, f32, uint16_t, bf16, f32x16)
