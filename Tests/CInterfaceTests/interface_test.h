// What the files of the test of the C interface share.

#ifndef INTERFACE_TEST_H
#define INTERFACE_TEST_H

#include <stdint.h>
#include <stdio.h>

#include "convolutions.h"

extern int passed, failed;

#define CHECK(condition, ...)                                    \
  do {                                                           \
    if (condition) {                                             \
      passed++;                                                  \
    } else {                                                     \
      failed++;                                                  \
      printf("failed, %s, line %d: ", __FILE__, __LINE__);       \
      printf(__VA_ARGS__);                                       \
      printf("\n");                                              \
    }                                                            \
  } while (0)

#define LIST(...)                                                      \
  {                                                                    \
    (const int64_t[]){__VA_ARGS__},                                    \
        sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)       \
  }

// A convolution that a test can also write as loops.
enum { N = 2, H = 7, W = 6, CI = 4, CO = 6, KH = 3, KW = 2, G = 2 };
enum { SH = 2, SW = 1, PT = 1, PB = 2, PL = 0, PR = 1, DH = 1, DW = 2 };
enum {
  OH = (H + PT + PB - DH * (KH - 1) - 1) / SH + 1,
  OW = (W + PL + PR - DW * (KW - 1) - 1) / SW + 1,
  INPUT = N * H * W * CI,
  FILTER = KH * KW * (CI / G) * CO,
  OUTPUT = N * OH * OW * CO
};

// That convolution, on NHWC.
// Options with what is asked for.
#define OPTIONS(...) \
  &(conv_options) { .size = sizeof(conv_options), __VA_ARGS__ }

conv_problem a_problem(conv_operation operation, conv_type type);

// The promises, a file each.
void computes_every_operation_and_type(void);
void computes_nothing(void);
void refuses_problems(void);
void refuses_calls(void);
void knows_legal_sizes(void);
void is_shared(void);
void keeps_nothing(void);

#endif
