// Which table of kernels this process takes.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CConvolutionKernels.h"
#include "dispatch.h"

// The best first.
static const struct conv_kernels *const tables[] = {
#if defined(__x86_64__)
    &conv_kernels_avx512, &conv_kernels_avx2,
#endif
    &conv_kernels_baseline};
enum { TABLES = sizeof tables / sizeof *tables };

// Every processor has what is asked for last.
static int best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return 0;
  if (__builtin_cpu_supports("x86-64-v3")) return 1;
#endif
  return TABLES - 1;
}

int conv_runnable_count(void) { return TABLES - best(); }

const char *conv_runnable_isa(int index) { return tables[best() + index]->isa; }

const struct conv_kernels *conv_kernels;

// Takes the best table that this processor has and that CONVOLUTIONS_MAX_ISA
// allows; early, as other constructors may compute.
__attribute__((constructor(101))) static void choose(void) {
  int chosen = best();
  const char *most = getenv("CONVOLUTIONS_MAX_ISA");
  if (most && *most) {
    static const char *const names[] = {"avx512", "avx2", "baseline"};
    int place = 0;
    while (place < 3 && strcmp(names[place], most) != 0) place++;
    // Tables are the last of the names, as those before are other processors'.
    int allowed = place - (3 - TABLES);
    if (place == 3)
      fprintf(
          stderr,
          "CONVOLUTIONS_MAX_ISA is '%s', none of avx512, avx2 and baseline: it "
          "is ignored\n", most);
    else if (allowed > chosen)
      chosen = allowed;
  }
  conv_kernels = tables[chosen];
}
