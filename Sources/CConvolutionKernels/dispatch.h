// What all kernels are written with.
//
// Every kernel is compiled once an instruction set: each of avx512.c, avx2.c
// and baseline.c includes all of them, and kernels.h makes a table of them, of
// which dispatch.c picks one when the library is loaded.
#ifndef CONVOLUTIONS_DISPATCH_H
#define CONVOLUTIONS_DISPATCH_H

// Of a result type and with a name, without its `conv_`.
#define CONV_KERNEL(result, name) CONV_KERNEL_OF(result, name)
#define CONV_KERNEL_OF(result, name) static result kernel_##name

// What the planner guarantees: looked at in debug builds, where a kernel that
// is called otherwise traps.
#ifdef DEBUG
#define CONV_REQUIRE(condition)                                              \
  do {                                                                       \
    if (!(condition)) __builtin_trap();                                      \
  } while (0)
#else
#define CONV_REQUIRE(condition) (void)0
#endif

#define CONV_INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("clang loop unroll(full)")

// Of a cache line.
#define CONV_LINE_BYTES 64

// The tables, of which a processor may have no use for some.
extern const struct conv_kernels conv_kernels_baseline;
#if defined(__x86_64__)
extern const struct conv_kernels conv_kernels_avx512;
extern const struct conv_kernels conv_kernels_avx2;
#endif

#endif
