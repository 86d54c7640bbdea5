// Memory that the next tile reads.

#include "CConvolutionKernels.h"

void conv_prefetch(const void *address, ptrdiff_t byte_count) {
  const char *bytes = address;
  for (ptrdiff_t i = 0; i < byte_count; i += 64)
    __builtin_prefetch(bytes + i, 0, 2);
}
