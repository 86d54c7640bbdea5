// Depthwise layers and narrow groups in NHWC: pixels of the result from the
// pixels of out_backprop that reach them, with channels as the vector dimension.
//
// Four positions are done together, and up to three taps whose positions of
// out_backprop lie beside each other: six vectors are read, and in groups
// spread, in place of twelve, and a weight is read once for all four.
//
// Vectors are clang's, 16 numbers whatever the type, so that each instruction
// set cuts them as it likes; plain loops over the channels of a group were not
// vectorised (groups of 4: 5 against 48 GFLOP/s on Zen 4).

enum { POSITIONS = 4, LONGEST_RUN = 3 };

// A weight for each channel from channel k of its group. A vector is used up
// before the next is read, so that four pixels fit into 16 registers, and the
// weights of a run too, but for groups of 8, whose every channel has its own
// (`convbench bench --algorithm groups`, AVX2: 2.0 times faster from memory).
#define MULTIPLY_CHANNELS(k, W, suffix)                                      \
  {                                                                          \
    vector held[LONGEST_RUN];                                                \
    if (W < 8)                                                               \
      UNROLLED for (int i = 0; i < taps; i++)                                \
          held[i] =                                                          \
              *(const vector *)(weights + i * weight_step + k * channels);   \
    UNROLLED for (int r = 0; r < positions + taps - 1; r++) {                \
      vector at;                                                             \
      load_##suffix(&at, source + r * source_stride);                        \
      UNROLLED for (int i = 0; i < taps; i++) {                              \
        const int p = r - i;                                                 \
        if (p < 0 || p >= positions) continue;                               \
        vector weight = W < 8                                                \
            ? held[i]                                                        \
            : *(const vector *)(weights + i * weight_step + k * channels);   \
        sums[p] = MULTIPLY_ADD(SPREAD##W(at, k), weight, sums[p]);           \
      }                                                                      \
    }                                                                        \
  }

#define ADD_RUN(suffix, W, positions, taps)                                  \
  add_run_##suffix##_##W(                                                    \
      sums, positions, taps, source + run[0], source_stride,                 \
      weights + run[1], weight_step, channels)

#define DEFINE_WIDTH(W, storage, compute, wide, suffix)                      \
  /* Adds a run of taps to the sums of some positions; both counts are       \
     constants where this is called. */                                      \
  CONV_INLINE void add_run_##suffix##_##W(                                   \
      wide *sums, const int positions, const int taps,                       \
      const storage *source, ptrdiff_t source_stride,                        \
      const compute *weights, ptrdiff_t weight_step, ptrdiff_t channels) {   \
    typedef wide vector;                                                     \
    (void)channels;                                                          \
    EACH##W(MULTIPLY_CHANNELS, W, suffix)                                    \
  }                                                                          \
                                                                             \
  CONV_INLINE void add_##suffix##_##W(                                       \
      wide *sums, const int positions, const storage *source,                \
      ptrdiff_t source_stride, const compute *weights,                       \
      ptrdiff_t weight_step, const ptrdiff_t *runs, ptrdiff_t run_count,     \
      ptrdiff_t channels) {                                                  \
    for (ptrdiff_t t = 0; t < run_count; t++) {                              \
      const ptrdiff_t *run = runs + 3 * t;                                   \
      if (run[2] == 3) {                                                     \
        ADD_RUN(suffix, W, positions, 3);                                    \
      } else if (run[2] == 2) {                                              \
        ADD_RUN(suffix, W, positions, 2);                                    \
      } else {                                                               \
        ADD_RUN(suffix, W, positions, 1);                                    \
      }                                                                      \
    }                                                                        \
  }                                                                          \
                                                                             \
  /* Some pixels, all channels. */                                           \
  CONV_INLINE void block_##suffix##_##W(                                     \
      const int positions, storage *restrict result,                         \
      ptrdiff_t result_stride, const storage *restrict source,               \
      ptrdiff_t source_stride, const compute *restrict weights,              \
      ptrdiff_t weight_step, const ptrdiff_t *restrict runs,                 \
      ptrdiff_t run_count, ptrdiff_t channels,                               \
      ptrdiff_t ahead) {                                                     \
    /* The last vector may do some channels twice: whole groups, since W     \
       divides 16. */                                                        \
    for (ptrdiff_t j = 0; j < channels; j += 16) {                           \
      ptrdiff_t c = j < channels - 16 ? j : channels - 16;                   \
      UNROLLED for (int p = 0; p < positions; p++) {                         \
        __builtin_prefetch(source + p * source_stride + c + ahead);          \
        __builtin_prefetch(                                                  \
            result + (p + positions) * result_stride + c, 1);                \
      }                                                                      \
      wide sums[POSITIONS] = {{0}};                                          \
      add_##suffix##_##W(                                                    \
          sums, positions, source + c, source_stride, weights + c,           \
          weight_step, runs, run_count, channels);                           \
      UNROLLED for (int p = 0; p < positions; p++)                           \
          store_##suffix(result + p * result_stride + c, &sums[p]);          \
    }                                                                        \
  }                                                                          \
                                                                             \
  CONV_INLINE void gather_##suffix##_##W(                                    \
      storage *restrict result, ptrdiff_t result_stride,                     \
      const storage *restrict source, ptrdiff_t source_stride,               \
      const compute *restrict weights, ptrdiff_t weight_step,                \
      const ptrdiff_t *restrict runs, ptrdiff_t run_count,                   \
      ptrdiff_t pixels, ptrdiff_t channels,                                  \
      ptrdiff_t ahead) {                                                     \
    if (pixels < POSITIONS) {                                                \
      for (ptrdiff_t p = 0; p < pixels; p++)                                 \
        block_##suffix##_##W(                                                \
            1, result + p * result_stride, result_stride,                    \
            source + p * source_stride, source_stride, weights, weight_step, \
            runs, run_count, channels, ahead);                               \
      return;                                                                \
    }                                                                        \
    /* The last block may do some pixels twice. */                           \
    for (ptrdiff_t q = 0; q < pixels; q += POSITIONS) {                      \
      ptrdiff_t p = q < pixels - POSITIONS ? q : pixels - POSITIONS;         \
      block_##suffix##_##W(                                                  \
          POSITIONS, result + p * result_stride, result_stride,              \
          source + p * source_stride, source_stride, weights, weight_step,   \
          runs, run_count, channels, ahead);                                 \
    }                                                                        \
  }

#define GATHER(suffix, W)                                                    \
  gather_##suffix##_##W(                                                     \
      result, result_stride, source, source_stride, weights, weight_step,    \
      runs, run_count, pixels, channels, ahead)

#define DEFINE_PIXELS(storage, compute, wide, suffix)                        \
  DEFINE_WIDTH(1, storage, compute, wide, suffix)                            \
  DEFINE_WIDTH(2, storage, compute, wide, suffix)                            \
  DEFINE_WIDTH(4, storage, compute, wide, suffix)                            \
  DEFINE_WIDTH(8, storage, compute, wide, suffix)                            \
                                                                             \
  CONV_KERNEL(void, gather_pixels_##suffix)(                                 \
      ptrdiff_t width, void *result, ptrdiff_t result_stride,                \
      const void *source, ptrdiff_t source_stride, const void *weights,      \
      ptrdiff_t weight_step, const ptrdiff_t *runs, ptrdiff_t run_count,     \
      ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t ahead) {               \
    CONV_REQUIRE(pixels >= 0 && run_count >= 0);                             \
    CONV_REQUIRE(channels >= 16 && channels % width == 0);                   \
    switch (width) {                                                         \
      case 1: GATHER(suffix, 1); break;                                      \
      case 2: GATHER(suffix, 2); break;                                      \
      case 4: GATHER(suffix, 4); break;                                      \
      case 8: GATHER(suffix, 8); break;                                      \
      default: CONV_REQUIRE(0);                                              \
    }                                                                        \
  }

DEFINE_PIXELS(float, float, f32x16, f32)
DEFINE_PIXELS(double, double, f64x16, f64)
#define PIXELS(type, suffix) DEFINE_PIXELS(type, float, f32x16, suffix)
CONV_HALF_TYPES(PIXELS)
