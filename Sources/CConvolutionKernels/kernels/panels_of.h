// The products of panels of one type: SCALAR, with names that end in SUFFIX.

#define NAMED_(name, suffix) name##_##suffix
#define NAMED_2(name, suffix) NAMED_(name, suffix)
#define NAMED(name) NAMED_2(name, SUFFIX)

#define COLUMNS ((int)(CONV_LINE_BYTES / sizeof(SCALAR)))
#define LANES ((int)(CONV_VECTOR_BYTES / sizeof(SCALAR)))
#define PARTS (CONV_LINE_BYTES / CONV_VECTOR_BYTES)
#define VECTOR NAMED(panel_vector)

typedef SCALAR VECTOR
    __attribute__((vector_size(CONV_VECTOR_BYTES), aligned(sizeof(SCALAR))));

// The first numbers of a vector, fewer than it has, by halves of it.
CONV_INLINE void NAMED(copy_some)(SCALAR *to, const SCALAR *from, int count) {
  int j = 0;
  UNROLLED for (int half = LANES / 2; half > 0; half /= 2) {
    if (!(count & half)) continue;
    memcpy(to + j, from + j, half * sizeof *to);
    j += half;
  }
}

// Writes sums, of which the last panel has `columns`, or adds them to what is
// there. A block of a sum begins at +0, and so does the sum of blocks: a sum
// that is zero is +0, whatever zeros were or were not added to it.
CONV_INLINE void NAMED(store_row)(
    SCALAR *to, const VECTOR *sums, const int panels, int columns, int adds) {
  UNROLLED for (int i = 0; i < panels * PARTS; i++) {
    SCALAR *place = to + i * LANES;
    int count = columns - (i - (panels - 1) * PARTS) * LANES;
    if (i < (panels - 1) * PARTS || count >= LANES) {
      *(VECTOR *)place =
          (adds ? *(const VECTOR *)place : (VECTOR){0}) + sums[i];
    } else if (count > 0) {
      SCALAR some[LANES] = {0};
      if (adds) NAMED(copy_some)(some, place, count);
      *(VECTOR *)some = *(const VECTOR *)some + sums[i];
      NAMED(copy_some)(place, some, count);
    }
  }
}

// Adds one term to the sums of a block: a line of each panel, times FACTOR of each
// row `r`. What there is less of stays in registers.
#define ADD_TERM(rows, panels, line, panel_stride, FACTOR)                   \
  if (rows < panels * PARTS) {                                               \
    VECTOR factors[CONV_MOST_ROWS];                                          \
    UNROLLED for (int r = 0; r < rows; r++)                                  \
        factors[r] = (FACTOR) - (VECTOR){0};                                 \
    UNROLLED for (int i = 0; i < panels * PARTS; i++) {                      \
      VECTOR weights = *(const VECTOR *)(                                    \
          line + i / PARTS * panel_stride + i % PARTS * LANES);              \
      UNROLLED for (int r = 0; r < rows; r++) {                              \
        VECTOR *sum = &sums[r * panels * PARTS + i];                         \
        *sum = MULTIPLY_ADD(factors[r], weights, *sum);                      \
      }                                                                      \
    }                                                                        \
  } else {                                                                   \
    VECTOR weights[CONV_MOST_PANELS * PARTS];                                \
    UNROLLED for (int i = 0; i < panels * PARTS; i++)                        \
        weights[i] = *(const VECTOR *)(                                      \
            line + i / PARTS * panel_stride + i % PARTS * LANES);            \
    UNROLLED for (int r = 0; r < rows; r++) {                                \
      VECTOR factor = (FACTOR) - (VECTOR){0};                                \
      UNROLLED for (int i = 0; i < panels * PARTS; i++) {                    \
        VECTOR *sum = &sums[r * panels * PARTS + i];                         \
        *sum = MULTIPLY_ADD(factor, weights[i], *sum);                       \
      }                                                                      \
    }                                                                        \
  }

// Adds the terms of one tap to the sums of a block. The counts, and whether it
// asks for lines, are constants where this is called. Terms are counted from
// behind the last, as there is no register for the depth.
CONV_INLINE void NAMED(add_terms)(
    VECTOR *restrict sums, const int rows, const int panels, const int asks,
    const SCALAR *const *restrict sources, ptrdiff_t depth,
    const SCALAR *restrict line, ptrdiff_t panel_stride, const ptrdiff_t step,
    ptrdiff_t ahead) {
  const SCALAR *from[CONV_MOST_ROWS];
  UNROLLED for (int r = 0; r < rows; r++) from[r] = sources[r] + depth;
  _Pragma("clang loop unroll_count(2)")
  for (ptrdiff_t k = -depth; k < 0; k++, line += step) {
    if (asks) __builtin_prefetch(line + ahead, 0, 2);
    ADD_TERM(rows, panels, line, panel_stride, from[r][k])
  }
}

// Whether lines follow each other, as those of a filter do, is a constant too: a
// stride of lines takes a register more, and blocks of a filter have none to
// spare. A block of a float32 filter asks for a line `ahead` of each of its own,
// if that is not 0: evenly, as many at once would wait.
CONV_INLINE void NAMED(block)(
    const int rows, const int panels, const int packed,
    const SCALAR *const *restrict sources, ptrdiff_t taps, ptrdiff_t depth,
    const ptrdiff_t *restrict offsets, const SCALAR *restrict filter,
    ptrdiff_t panel_stride, ptrdiff_t line_stride,
    SCALAR *const *restrict results, ptrdiff_t first_column, int columns,
    int adds, ptrdiff_t ahead) {
  const ptrdiff_t step = packed ? COLUMNS : line_stride;
  const int may_ask =
      packed && rows <= CONV_ASKING_ROWS && sizeof(SCALAR) == sizeof(float);
  VECTOR sums[CONV_MOST_SUMS];
  UNROLLED for (int i = 0; i < rows * panels * PARTS; i++)
      sums[i] = (VECTOR){0};
  for (ptrdiff_t tap = 0; tap < taps; tap++) {
    const SCALAR *line = filter + offsets[tap];
    if (may_ask && ahead)
      NAMED(add_terms)(
          sums, rows, panels, 1, sources + tap * rows, depth, line,
          panel_stride, step, ahead);
    else
      NAMED(add_terms)(
          sums, rows, panels, 0, sources + tap * rows, depth, line,
          panel_stride, step, 0);
  }
  UNROLLED for (int r = 0; r < rows; r++)
      NAMED(store_row)(
          results[r] + first_column, sums + r * panels * PARTS, panels, columns,
          adds);
}

#define BLOCK_PARAMETERS                                                     \
  const SCALAR *const *sources, ptrdiff_t taps, ptrdiff_t depth,             \
      const ptrdiff_t *offsets, const SCALAR *filter, ptrdiff_t panel_stride,\
      ptrdiff_t line_stride, SCALAR *const *results, ptrdiff_t first_column, \
      int columns, int adds, ptrdiff_t ahead

#define DEFINE_BLOCK(name, rows, panels, packed)                             \
  static __attribute__((noinline)) void NAMED(name##_##rows##x##panels)(     \
      BLOCK_PARAMETERS) {                                                    \
    NAMED(block)(                                                            \
        rows, panels, packed, sources, taps, depth, offsets, filter,         \
        panel_stride, line_stride, results, first_column, columns, adds,     \
        ahead);                                                              \
  }
#define FILTER_BLOCK(rows, panels) DEFINE_BLOCK(block, rows, panels, 1)
#define PLANE_BLOCK(rows, panels) DEFINE_BLOCK(planes, rows, panels, 0)
CONV_BLOCKS(FILTER_BLOCK)
CONV_BLOCKS(PLANE_BLOCK)

#define FILTER_ENTRY(rows, panels)                                           \
  [1][rows][panels] = NAMED(block_##rows##x##panels),
#define PLANE_ENTRY(rows, panels)                                            \
  [0][rows][panels] = NAMED(planes_##rows##x##panels),
static void (*const NAMED(
    blocks)[2][CONV_MOST_ROWS + 1][CONV_MOST_PANELS + 1])(BLOCK_PARAMETERS) = {
    CONV_BLOCKS(FILTER_ENTRY) CONV_BLOCKS(PLANE_ENTRY)};

CONV_KERNEL(void, NAMED(multiply_panels))(
    ptrdiff_t rows, const void *sources_, ptrdiff_t taps, ptrdiff_t depth,
    const ptrdiff_t *offsets, const void *panels_, ptrdiff_t panel_stride,
    ptrdiff_t line_stride, const void *results_, ptrdiff_t column,
    ptrdiff_t columns, int adds, ptrdiff_t ahead) {
  const SCALAR *const *sources = sources_, *filter = panels_;
  SCALAR *const *results = results_;
  CONV_REQUIRE(rows >= 1 && rows <= CONV_MOST_ROWS && columns >= 1);
  CONV_REQUIRE(taps >= 0 && depth >= 0);
  int most = CONV_PANELS(rows);
  for (ptrdiff_t first = 0; first < columns;) {
    ptrdiff_t rest = columns - first;
    ptrdiff_t there = (rest + COLUMNS - 1) / COLUMNS;
    int panels = there < most ? (int)there : most;
    int last =
        rest < panels * COLUMNS ? (int)rest - (panels - 1) * COLUMNS : COLUMNS;
    NAMED(blocks)[line_stride == COLUMNS][rows][panels](
        sources, taps, depth, offsets, filter, panel_stride, line_stride,
        results, column + first, last, adds, ahead);
    filter += panels * panel_stride;
    first += panels * COLUMNS;
  }
}

CONV_KERNEL(void, NAMED(multiply_rows))(
    ptrdiff_t rows, const void *source_, ptrdiff_t row_stride, ptrdiff_t depth,
    const void *panels_, ptrdiff_t panel_stride, ptrdiff_t line_stride,
    void *result_, ptrdiff_t result_stride, ptrdiff_t columns, int adds,
    ptrdiff_t together, enum conv_asks asks, const void *next_,
    ptrdiff_t next_count) {
  const SCALAR *source = source_, *filter = panels_, *next = next_;
  SCALAR *result = result_;
  CONV_REQUIRE(rows >= 1 && columns >= 1 && together >= 1);
  const ptrdiff_t most = asks ? CONV_ASKING_ROWS : CONV_MOST_ROWS;
  const ptrdiff_t blocks = (rows + most - 1) / most;
  const ptrdiff_t width = together * COLUMNS, start = 0;
  // Calls of register blocks, and those that ask for a part of the next rows.
  const ptrdiff_t calls = blocks * ((columns + width - 1) / width);
  const ptrdiff_t part = depth * COLUMNS;
  const ptrdiff_t asking =
      asks == CONV_ASKS_ROWS && part ? (next_count + part - 1) / part : 0;
  ptrdiff_t call = 0;
  for (ptrdiff_t first = 0; first < columns; first += width) {
    // What is read next: each register block asks for a panel of it.
    const SCALAR *behind = filter + together * panel_stride;
    const SCALAR *then = first + width < columns ? behind : next;
    for (ptrdiff_t block = 0; block < blocks; block++) {
      const ptrdiff_t row = rows * block / blocks;
      const ptrdiff_t count = rows * (block + 1) / blocks - row;
      const SCALAR *from[CONV_MOST_ROWS];
      SCALAR *to[CONV_MOST_ROWS];
      for (ptrdiff_t r = 0; r < count; r++) {
        from[r] = source + (row + r) * row_stride;
        to[r] = result + (row + r) * result_stride;
      }
      ptrdiff_t ahead = 0;
      if (asks == CONV_ASKS_PANELS && then && block < together) {
        ahead = then + block * panel_stride - filter;
      } else if (asking) {
        const ptrdiff_t asked = call * asking / calls;
        if (++call * asking / calls > asked)
          ahead = next + asked * part - filter;
      }
      NAMED(kernel_multiply_panels)(
          count, from, 1, depth, &start, filter, panel_stride, line_stride, to,
          first, columns - first < width ? columns - first : width, adds,
          ahead);
    }
    filter = behind;
  }
}

// The sums of some channels of pixels times channels of others, in registers while
// runs of pixels go by.
CONV_INLINE void NAMED(pixels)(
    const int rows, const int panels, const SCALAR *restrict source,
    ptrdiff_t source_run, ptrdiff_t source_stride,
    const SCALAR *restrict other, ptrdiff_t other_run, ptrdiff_t other_stride,
    ptrdiff_t runs, ptrdiff_t count, SCALAR *restrict result,
    ptrdiff_t result_stride, int columns, int adds) {
  VECTOR sums[CONV_MOST_SUMS];
  UNROLLED for (int i = 0; i < rows * panels * PARTS; i++)
      sums[i] = (VECTOR){0};
  for (ptrdiff_t run = 0; run < runs; run++) {
    const SCALAR *from = source + run * source_run;
    const SCALAR *line = other + run * other_run;
    _Pragma("clang loop unroll_count(2)")
    for (ptrdiff_t k = 0; k < count; k++) {
      ADD_TERM(rows, panels, line, COLUMNS, from[r])
      from += source_stride;
      line += other_stride;
    }
  }
  UNROLLED for (int r = 0; r < rows; r++)
      NAMED(store_row)(
          result + r * result_stride, sums + r * panels * PARTS, panels,
          columns, adds);
}

#define PIXEL_PARAMETERS                                                     \
  const SCALAR *source, ptrdiff_t source_run, ptrdiff_t source_stride,       \
      const SCALAR *other, ptrdiff_t other_run, ptrdiff_t other_stride,      \
      ptrdiff_t runs, ptrdiff_t count, SCALAR *result,                       \
      ptrdiff_t result_stride, int columns, int adds
#define PIXEL_BLOCK(rows, panels)                                            \
  static __attribute__((noinline)) void NAMED(pixels_##rows##x##panels)(     \
      PIXEL_PARAMETERS) {                                                    \
    NAMED(pixels)(                                                           \
        rows, panels, source, source_run, source_stride, other, other_run,   \
        other_stride, runs, count, result, result_stride, columns, adds);    \
  }
#define PIXEL_ENTRY(rows, panels)                                            \
  [rows][panels] = NAMED(pixels_##rows##x##panels),
CONV_BLOCKS(PIXEL_BLOCK)
static void (*const NAMED(pixel_blocks)[CONV_MOST_ROWS + 1]
                                       [CONV_MOST_PANELS + 1])(
    PIXEL_PARAMETERS) = {CONV_BLOCKS(PIXEL_ENTRY)};

CONV_KERNEL(void, NAMED(multiply_pixels))(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t runs, ptrdiff_t count,
    const void *source_, ptrdiff_t source_run, ptrdiff_t source_stride,
    const void *other_, ptrdiff_t other_run, ptrdiff_t other_stride,
    void *result_, ptrdiff_t result_stride, int adds) {
  const SCALAR *source = source_, *other = other_;
  SCALAR *result = result_;
  CONV_REQUIRE(rows >= 1 && columns >= 1 && runs >= 0 && count >= 0);
  const ptrdiff_t blocks = (rows + CONV_MOST_ROWS - 1) / CONV_MOST_ROWS;
  // As many as the largest block takes: they stay in the L1 cache.
  const int most = CONV_PANELS((rows + blocks - 1) / blocks);
  for (ptrdiff_t first = 0; first < columns; first += most * COLUMNS) {
    ptrdiff_t rest = columns - first;
    ptrdiff_t there = (rest + COLUMNS - 1) / COLUMNS;
    int panels = there < most ? (int)there : most;
    int last =
        rest < panels * COLUMNS ? (int)rest - (panels - 1) * COLUMNS : COLUMNS;
    for (ptrdiff_t block = 0; block < blocks; block++) {
      const ptrdiff_t row = rows * block / blocks;
      NAMED(pixel_blocks)[rows * (block + 1) / blocks - row][panels](
          source + row, source_run, source_stride, other + first, other_run,
          other_stride, runs, count, result + row * result_stride + first,
          result_stride, last, adds);
    }
  }
}

CONV_KERNEL(int, NAMED(spin))(void *to_, ptrdiff_t steps) {
  SCALAR *to = to_;
  enum { CHAINS = 12 };
  VECTOR sums[CHAINS];
  VECTOR factor = to[0] - (VECTOR){0};
  UNROLLED for (int i = 0; i < CHAINS; i++) sums[i] = to[i] - (VECTOR){0};
  for (ptrdiff_t step = 0; step < steps; step++)
    UNROLLED for (int i = 0; i < CHAINS; i++)
        sums[i] = MULTIPLY_ADD(sums[i], factor, factor);
  UNROLLED for (int i = 0; i < CHAINS; i++) to[i] = sums[i][0];
  return 2 * CHAINS * LANES;
}

#undef NAMED_
#undef NAMED_2
#undef NAMED
#undef COLUMNS
#undef LANES
#undef PARTS
#undef VECTOR
#undef BLOCK_PARAMETERS
#undef DEFINE_BLOCK
#undef FILTER_BLOCK
#undef PLANE_BLOCK
#undef FILTER_ENTRY
#undef PLANE_ENTRY
#undef ADD_TERM
#undef PIXEL_PARAMETERS
#undef PIXEL_BLOCK
#undef PIXEL_ENTRY
