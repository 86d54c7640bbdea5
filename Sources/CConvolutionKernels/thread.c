// What a thread can do about itself.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>

#include "CConvolutionKernels.h"

void conv_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void conv_name_thread(const char *name) {
#if defined(__APPLE__)
  pthread_setname_np(name);
#else
  pthread_setname_np(pthread_self(), name);
#endif
}

// Streaming stores are ordered by nothing less.
void conv_finish_streams(void) { atomic_thread_fence(memory_order_seq_cst); }
