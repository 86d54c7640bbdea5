// CONV_CLONES before a function compiles it for AVX-512, for AVX2 and for the
// baseline; the loader picks the version that the CPU has. The width lets
// clang keep a vector of 16 floats in one register instead of two, where there
// are such: then twice as many fit (groups of 4: 1.5x).
#ifndef CONVOLUTIONS_DISPATCH_H
#define CONVOLUTIONS_DISPATCH_H

// The loader picks before the thread sanitizer is there to watch: no versions
// under it.
#if defined(__x86_64__) && defined(__linux__) && \
    !__has_feature(thread_sanitizer)
#define CONV_CLONES                                                          \
  __attribute__((                                                            \
      target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"),          \
      min_vector_width(512)))
#else
#define CONV_CLONES
#endif

// What the planner guarantees: looked at in debug builds, where a kernel that is
// called otherwise traps.
#ifdef DEBUG
#define CONV_REQUIRE(condition)                                              \
  do {                                                                       \
    if (!(condition)) __builtin_trap();                                      \
  } while (0)
#else
#define CONV_REQUIRE(condition) (void)0
#endif

#define CONV_INLINE static inline __attribute__((always_inline))

#endif
