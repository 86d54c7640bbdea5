// Numbers of vectors of 16 in other places: channels in groups of 1, 2, 4 or 8,
// and every other number.
#ifndef CONVOLUTIONS_SPREAD_H
#define CONVOLUTIONS_SPREAD_H

// Channel k of each group, in the place of every channel of the group.
#define SPREAD1(v, k) (v)
#define SPREAD2(v, k)                                                        \
  __builtin_shufflevector(                                                   \
      v, v, k, k, 2 + k, 2 + k, 4 + k, 4 + k, 6 + k, 6 + k, 8 + k, 8 + k,    \
      10 + k, 10 + k, 12 + k, 12 + k, 14 + k, 14 + k)
#define SPREAD4(v, k)                                                        \
  __builtin_shufflevector(                                                   \
      v, v, k, k, k, k, 4 + k, 4 + k, 4 + k, 4 + k, 8 + k, 8 + k, 8 + k,     \
      8 + k, 12 + k, 12 + k, 12 + k, 12 + k)
#define SPREAD8(v, k)                                                        \
  __builtin_shufflevector(                                                   \
      v, v, k, k, k, k, k, k, k, k, 8 + k, 8 + k, 8 + k, 8 + k, 8 + k,       \
      8 + k, 8 + k, 8 + k)
// STEP(k, ...) for each channel k of a group.
#define EACH1(STEP, ...) STEP(0, __VA_ARGS__)
#define EACH2(STEP, ...) EACH1(STEP, __VA_ARGS__) STEP(1, __VA_ARGS__)
#define EACH4(STEP, ...)                                                     \
  EACH2(STEP, __VA_ARGS__) STEP(2, __VA_ARGS__) STEP(3, __VA_ARGS__)
#define EACH8(STEP, ...)                                                     \
  EACH4(STEP, __VA_ARGS__) STEP(4, __VA_ARGS__) STEP(5, __VA_ARGS__)         \
  STEP(6, __VA_ARGS__) STEP(7, __VA_ARGS__)

// The even and the odd numbers of two vectors.
#define EVEN(a, b)                                                           \
  __builtin_shufflevector(                                                   \
      a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODD(a, b)                                                            \
  __builtin_shufflevector(                                                   \
      a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
// Eight numbers of each of two vectors in turn, from number k on.
#define BETWEEN(a, b, k)                                                     \
  __builtin_shufflevector(                                                   \
      a, b, k, 16 + k, k + 1, 17 + k, k + 2, 18 + k, k + 3, 19 + k, k + 4,   \
      20 + k, k + 5, 21 + k, k + 6, 22 + k, k + 7, 23 + k)
#endif
