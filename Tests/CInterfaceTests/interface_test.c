// The C interface from C: every function, every status code, threads.
// scripts/c_interface.sh compiles all interface_*.c into one program, and runs it.

#include "interface_test.h"

#include <string.h>

int passed, failed;

static const int64_t input_sizes[] = {N, H, W, CI};
static const int64_t filter_sizes[] = {KH, KW, CI / G, CO};
static const int64_t output_sizes[] = {N, OH, OW, CO};
static const int64_t strides[] = {1, SH, SW, 1};
static const int64_t dilations[] = {1, DH, DW, 1};
static const int64_t paddings[] = {0, 0, PT, PB, PL, PR, 0, 0};

conv_problem a_problem(conv_operation operation, conv_type type) {
  return (conv_problem){
      .size = sizeof(conv_problem), .operation = operation,
      .type = type,
      .padding = CONV_EXPLICIT,
      .input_sizes = {input_sizes, 4},
      .filter_sizes = {filter_sizes, 4},
      .out_backprop_sizes = {output_sizes, 4},
      .strides = {strides, 4},
      .dilations = {dilations, 4},
      .explicit_paddings = {paddings, 8},
  };
}

int main(void) {
  CHECK(strchr(conv_version(), '.'), "%s", conv_version());
  computes_every_operation_and_type();
  computes_nothing();
  knows_legal_sizes();
  refuses_problems();
  refuses_calls();
  is_shared();
  keeps_nothing();
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
