// Every operation in every type is what its definition gives.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "interface_test.h"

// Whole numbers, whose sums are exact.
static double number(int tensor, int index) {
  return (double)((index * 7 + tensor * 5 + index / 3) % 9 - 4);
}

// result += first * second over all products of the operation, by definition.
static void by_definition(
    conv_operation operation, const double *first, const double *second,
    double *result) {
  for (int n = 0; n < N; n++)
    for (int oh = 0; oh < OH; oh++)
      for (int ow = 0; ow < OW; ow++)
        for (int r = 0; r < KH; r++)
          for (int c = 0; c < KW; c++)
            for (int co = 0; co < CO; co++)
              for (int ci = 0; ci < CI / G; ci++) {
                int y = oh * SH - PT + r * DH, x = ow * SW - PL + c * DW;
                if (y < 0 || y >= H || x < 0 || x >= W) continue;
                int channel = co / (CO / G) * (CI / G) + ci;
                int in = ((n * H + y) * W + x) * CI + channel;
                int tap = ((r * KW + c) * (CI / G) + ci) * CO + co;
                int out = ((n * OH + oh) * OW + ow) * CO + co;
                if (operation == CONV_INPUT_GRADIENT)
                  result[in] += first[tap] * second[out];
                else if (operation == CONV_FORWARD)
                  result[out] += first[tap] * second[in];
                else
                  result[tap] += first[in] * second[out];
              }
}

// Types as bits: from small whole numbers, which all of them hold.

static size_t size_of(conv_type type) {
  return type == CONV_FLOAT64 ? 8 : type == CONV_FLOAT32 ? 4 : 2;
}

static void store(conv_type type, void *place, int index, double value) {
  float single = (float)value;
  uint32_t bits;
  memcpy(&bits, &single, 4);
  switch (type) {
    case CONV_FLOAT64: ((double *)place)[index] = value; break;
    case CONV_FLOAT32: ((float *)place)[index] = single; break;
    case CONV_BFLOAT16: ((uint16_t *)place)[index] = bits >> 16; break;
    default: {
      uint16_t half = bits >> 16 & 0x8000;
      if (value != 0)
        half |= ((bits >> 23 & 0xff) - 112) << 10 | (bits >> 13 & 0x3ff);
      ((uint16_t *)place)[index] = half;
    }
  }
}

static double load(conv_type type, const void *place, int index) {
  switch (type) {
    case CONV_FLOAT64: return ((const double *)place)[index];
    case CONV_FLOAT32: return ((const float *)place)[index];
    case CONV_BFLOAT16: {
      uint32_t bits = (uint32_t)((const uint16_t *)place)[index] << 16;
      float single;
      memcpy(&single, &bits, 4);
      return single;
    }
    default: {
      uint16_t half = ((const uint16_t *)place)[index];
      int exponent = half >> 10 & 31;
      double value = exponent == 0
          ? ldexp(half & 0x3ff, -24)
          : ldexp((half & 0x3ff) + 1024, exponent - 25);
      return half & 0x8000 ? -value : value;
    }
  }
}

static void computes(conv_operation operation, conv_type type) {
  static const int counts[3][3] = {
      {FILTER, OUTPUT, INPUT}, {FILTER, INPUT, OUTPUT},
      {INPUT, OUTPUT, FILTER}};
  const int *count = counts[operation];
  double *first = calloc(count[0], sizeof(double));
  double *second = calloc(count[1], sizeof(double));
  double *expected = calloc(count[2], sizeof(double));
  void *tensors[3];
  for (int i = 0; i < 3; i++) tensors[i] = malloc(count[i] * size_of(type));
  for (int i = 0; i < count[0]; i++)
    store(type, tensors[0], i, first[i] = number(0, i));
  for (int i = 0; i < count[1]; i++)
    store(type, tensors[1], i, second[i] = number(1, i));
  by_definition(operation, first, second, expected);

  conv_problem problem = a_problem(operation, type);
  char message[256] = "";
  conv_plan *plan = NULL;
  conv_status status = conv_plan_create(
      &problem, OPTIONS(.threads = 2, .accuracy = CONV_TIGHT), &plan,
      message, sizeof message);
  CHECK(status == CONV_OK && plan, "%d %s", status, message);

  int64_t sizes[4];
  conv_plan_result_sizes(plan, sizes);
  CHECK(sizes[0] * sizes[1] * sizes[2] * sizes[3] == count[2], "sizes");
  size_t needed = conv_plan_describe(plan, NULL, 0);
  char *text = malloc(needed + 1);
  CHECK(
      conv_plan_describe(plan, text, needed + 1) == needed &&
          strlen(text) == needed && strstr(text, "thread"),
      "%s", text);
  char start[5] = "....";
  CHECK(
      conv_plan_describe(plan, start, 4) == needed && start[3] == 0 &&
          memcmp(start, text, 3) == 0,
      "%s", start);

  // With a workspace of its own, with ours at an odd address, and with a
  // prepared filter: the same bits.
  size_t space = conv_plan_workspace_size(plan);
  char *workspace = malloc(space + 1);
  conv_filter *prepared = NULL;
  status = conv_plan_prepare_filter(
      plan, tensors[0], &prepared, message, sizeof message);
  if (operation == CONV_FILTER_GRADIENT)
    CHECK(status == CONV_ERROR_VALUE && !prepared, "%s", message);
  else
    CHECK(status == CONV_OK && prepared, "%d %s", status, message);
  CHECK(
      (conv_plan_prepared_filter_size(plan) > 0) == (prepared != NULL),
      "prepared");
  for (int way = 0; way < 3; way++) {
    memset(tensors[2], 0xff, count[2] * size_of(type));
    if (way == 2 && !prepared) break;
    status =
        way == 0 ? conv_plan_execute(
                       plan, tensors[0], tensors[1], tensors[2], NULL, 0,
                       message, sizeof message)
        : way == 1
            ? conv_plan_execute(
                  plan, tensors[0], tensors[1], tensors[2], workspace + 1,
                  space, message, sizeof message)
            : conv_plan_execute_prepared(
                  plan, prepared, tensors[1], tensors[2], workspace, space,
                  message, sizeof message);
    CHECK(status == CONV_OK, "%d %s", status, message);
    int differ = 0;
    for (int i = 0; i < count[2]; i++) {
      double got = load(type, tensors[2], i);
      store(type, tensors[0], 0, expected[i]);
      differ += got != load(type, tensors[0], 0);
      store(type, tensors[0], 0, first[0]);
    }
    CHECK(differ == 0, "%d of %d differ, way %d", differ, count[2], way);
  }
  conv_filter_destroy(prepared);
  conv_plan_destroy(plan);
  for (int i = 0; i < 3; i++) free(tensors[i]);
  free(first), free(second), free(expected), free(text), free(workspace);
}

void computes_every_operation_and_type(void) {
  for (int operation = 0; operation < 3; operation++)
    for (int type = 0; type < 4; type++) computes(operation, type);
}

// Nothing to compute: an empty batch, no output channels.
void computes_nothing(void) {
  char message[256] = "";
  conv_problem problem = {
      .size = sizeof problem, .padding = CONV_VALID,
      .input_sizes = LIST(0, 5, 5, 3),
      .filter_sizes = LIST(3, 3, 3, 4),
      .out_backprop_sizes = LIST(0, 3, 3, 4)};
  conv_plan *plan;
  static float filter[108], result[75];
  conv_plan_create(&problem, NULL, &plan, message, sizeof message);
  CHECK(
      conv_plan_execute(
          plan, filter, NULL, NULL, NULL, 0, message, sizeof message) ==
          CONV_OK,
      "%s", message);
  conv_plan_destroy(plan);

  int64_t none[] = {3, 3, 3, 0}, empty[] = {1, 3, 3, 0}, one[] = {1, 5, 5, 3};
  problem.input_sizes.values = one;
  problem.filter_sizes.values = none;
  problem.out_backprop_sizes.values = empty;
  conv_plan_create(&problem, NULL, &plan, message, sizeof message);
  memset(result, 0xff, sizeof result);
  CHECK(
      conv_plan_execute(
          plan, NULL, NULL, result, NULL, 0, message, sizeof message) ==
          CONV_OK,
      "%s", message);
  float sum = 0;
  for (int i = 0; i < 75; i++) sum += fabsf(result[i]);
  CHECK(sum == 0, "%g", sum);
  conv_plan_destroy(plan);
}
