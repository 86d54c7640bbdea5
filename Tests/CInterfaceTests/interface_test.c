// The C interface from C: every function, every status code, threads.
// scripts/c_interface.sh compiles and runs it.

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "convolutions.h"

static int passed, failed;

#define CHECK(condition, ...)                    \
  do {                                           \
    if (condition) {                             \
      passed++;                                  \
    } else {                                     \
      failed++;                                  \
      printf("failed, line %d: ", __LINE__);     \
      printf(__VA_ARGS__);                       \
      printf("\n");                              \
    }                                            \
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

static const int64_t input_sizes[] = {N, H, W, CI};
static const int64_t filter_sizes[] = {KH, KW, CI / G, CO};
static const int64_t output_sizes[] = {N, OH, OW, CO};
static const int64_t strides[] = {1, SH, SW, 1};
static const int64_t dilations[] = {1, DH, DW, 1};
static const int64_t paddings[] = {0, 0, PT, PB, PL, PR, 0, 0};

static conv_problem a_problem(conv_operation operation, conv_type type) {
  return (conv_problem){
      .operation = operation,
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
      &problem, &(conv_options){.threads = 2, .accuracy = CONV_TIGHT}, &plan,
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

// What a broken problem or option answers; nothing is made then.
static void refuses(
    conv_problem problem, const conv_options *options, conv_status expected,
    const char *words) {
  char message[256] = "";
  conv_plan *plan = (conv_plan *)&problem;
  conv_status status =
      conv_plan_create(&problem, options, &plan, message, sizeof message);
  CHECK(
      status == expected && !plan && strstr(message, words),
      "%d instead of %d: %s", status, expected, message);
  CHECK(
      conv_plan_create(&problem, options, &plan, NULL, 0) == expected,
      "without a message");
}

#define BROKEN(field, list, status, words)                              \
  do {                                                                  \
    conv_problem problem = a_problem(CONV_INPUT_GRADIENT, CONV_FLOAT32); \
    problem.field = (conv_list)list;                                    \
    refuses(problem, NULL, status, words);                              \
  } while (0)

static void refuses_problems(void) {
  BROKEN(input_sizes, LIST(N, H, W), CONV_ERROR_LENGTH, "3 entries");
  BROKEN(filter_sizes, LIST(3, 2, 2), CONV_ERROR_RANK, "filter has rank 3");
  BROKEN(out_backprop_sizes, LIST(2), CONV_ERROR_RANK, "out_backprop");
  BROKEN(out_backprop_sizes, {0}, CONV_ERROR_RANK, "rank 0");
  BROKEN(strides, LIST(1, 2), CONV_ERROR_LENGTH, "strides has 2");
  BROKEN(explicit_paddings, LIST(1, 2), CONV_ERROR_LENGTH, "must have 8");
  BROKEN(
      input_sizes, LIST(N, -H, W, CI), CONV_ERROR_NEGATIVE, "negative size");
  BROKEN(
      explicit_paddings, LIST(0, 0, -1, 0, 0, 0, 0, 0), CONV_ERROR_NEGATIVE,
      "nonnegative");
  BROKEN(
      filter_sizes, LIST(KH, 0, CI / G, CO), CONV_ERROR_EMPTY_FILTER,
      "at least 1");
  BROKEN(strides, LIST(1, 0, 1, 1), CONV_ERROR_POSITIVE, "strides");
  BROKEN(dilations, LIST(2, 1, 1, 1), CONV_ERROR_BATCH_OR_DEPTH, "dilations");
  BROKEN(
      input_sizes, LIST(INT64_MAX, H, W, CI), CONV_ERROR_TOO_LARGE,
      "too large");
  BROKEN(input_sizes, LIST(N + 1, H, W, CI), CONV_ERROR_BATCH, "batch");
  BROKEN(
      filter_sizes, LIST(KH, KW, CI / G, CO + 1), CONV_ERROR_DEPTH,
      "out_depth");
  BROKEN(filter_sizes, LIST(KH, KW, 3, CO), CONV_ERROR_DEPTH, "divisible");
  BROKEN(
      filter_sizes, LIST(KH, KW, 1, CO), CONV_ERROR_GROUPS,
      "number of groups");
  BROKEN(
      out_backprop_sizes, LIST(N, OH + 1, OW, CO), CONV_ERROR_OUTPUT_SIZE,
      "doesn't match");
  BROKEN(
      filter_sizes, LIST(20, KW, CI / G, CO), CONV_ERROR_WINDOW, "negative");

  conv_list list = {NULL, 4};
  conv_problem problem = a_problem(CONV_INPUT_GRADIENT, CONV_FLOAT32);
  problem.strides = list;
  refuses(problem, NULL, CONV_ERROR_NULL, "strides.values");
  list.count = -1;
  problem.strides = list;
  refuses(problem, NULL, CONV_ERROR_LENGTH, "-1 entries");
  list.count = INT64_MAX;
  problem.strides = list;
  refuses(problem, NULL, CONV_ERROR_LENGTH, "no list");

  problem = a_problem(3, CONV_FLOAT32);
  refuses(problem, NULL, CONV_ERROR_VALUE, "operation is 3");
  problem = a_problem(-1, CONV_FLOAT32);
  refuses(problem, NULL, CONV_ERROR_VALUE, "operation is -1");
  problem = a_problem(CONV_FORWARD, 4);
  refuses(problem, NULL, CONV_ERROR_VALUE, "type is 4");
  problem = a_problem(CONV_FORWARD, CONV_FLOAT32);
  problem.data_format = 2;
  refuses(problem, NULL, CONV_ERROR_VALUE, "data_format is 2");
  problem.data_format = CONV_NHWC;
  problem.padding = 3;
  refuses(problem, NULL, CONV_ERROR_VALUE, "padding is 3");
  problem.padding = CONV_SAME;
  refuses(problem, NULL, CONV_ERROR_VALUE, "explicit_paddings");
  problem = a_problem(CONV_FORWARD, CONV_FLOAT32);
  problem.input_sizes.count = 2;
  refuses(problem, NULL, CONV_ERROR_RANK, "input has rank 2");

  problem = a_problem(CONV_FORWARD, CONV_FLOAT32);
  refuses(
      problem, &(conv_options){.threads = -1}, CONV_ERROR_THREADS, "got -1");
  refuses(
      problem, &(conv_options){.algorithm = 9}, CONV_ERROR_VALUE, "algorithm");
  refuses(
      problem, &(conv_options){.accuracy = 2}, CONV_ERROR_VALUE, "accuracy");
  refuses(problem, &(conv_options){.tuning = 2}, CONV_ERROR_VALUE, "tuning");
  refuses(
      problem, &(conv_options){.products = 3}, CONV_ERROR_VALUE, "products");
  refuses(
      problem,
      &(conv_options){
          .algorithm = CONV_TAPS, .products = CONV_PRODUCTS_PANELS},
      CONV_ERROR_UNSUPPORTED, "linked BLAS's");
  refuses(
      problem, &(conv_options){.workspace_limit = -1},
      CONV_ERROR_WORKSPACE_LIMIT, "got -1");
  refuses(
      problem, &(conv_options){.algorithm = CONV_DIRECT, .workspace_limit = 1},
      CONV_ERROR_WORKSPACE_LIMIT, "limit is 1 ");
  refuses(
      problem, &(conv_options){.algorithm = CONV_COLUMN},
      CONV_ERROR_UNSUPPORTED, "column");
}

static void refuses_calls(void) {
  char message[256] = "";
  size_t capacity = sizeof message;
  conv_plan *plan;
  conv_problem problem = a_problem(CONV_INPUT_GRADIENT, CONV_FLOAT32);
  CHECK(
      conv_plan_create(NULL, NULL, &plan, message, capacity) ==
              CONV_ERROR_NULL && strstr(message, "problem"),
      "%s", message);
  CHECK(
      conv_plan_create(&problem, NULL, NULL, message, capacity) ==
              CONV_ERROR_NULL && strstr(message, "plan"),
      "%s", message);
  conv_plan_create(
      &problem, &(conv_options){.algorithm = CONV_DIRECT}, &plan, NULL, 0);
  CHECK(
      conv_plan_algorithm(plan) == CONV_DIRECT &&
          conv_plan_algorithm(NULL) == CONV_AUTOMATIC,
      "algorithm");

  static float filter[FILTER], output[OUTPUT + 1], result[INPUT + OUTPUT];
  size_t space = conv_plan_workspace_size(plan);
  char *workspace = malloc(space);
  memset(result, 0x55, sizeof result);
  struct {
    const conv_plan *plan;
    const void *first, *second;
    void *result, *workspace;
    size_t size;
    conv_status status;
    const char *words;
  } calls[] = {
      {NULL, filter, output, result, NULL, 0, CONV_ERROR_NULL, "plan"},
      {plan, NULL, output, result, NULL, 0, CONV_ERROR_NULL, "filter"},
      {plan, filter, NULL, result, NULL, 0, CONV_ERROR_NULL, "out_backprop"},
      {plan, filter, output, NULL, NULL, 0, CONV_ERROR_NULL, "result"},
      {plan, (char *)filter + 1, output, result, NULL, 0,
       CONV_ERROR_ALIGNMENT, "filter is not aligned to 4"},
      {plan, filter, (char *)output + 2, result, NULL, 0,
       CONV_ERROR_ALIGNMENT, "out_backprop"},
      {plan, filter, output, (char *)result + 1, NULL, 0,
       CONV_ERROR_ALIGNMENT, "result"},
      {plan, filter, result + INPUT - 1, result, NULL, 0, CONV_ERROR_OVERLAP,
       "out_backprop"},
      {plan, result, output, result, NULL, 0, CONV_ERROR_OVERLAP, "filter"},
      {plan, filter, output, result, result, sizeof result,
       CONV_ERROR_OVERLAP, "workspace"},
      {plan, filter, output, result, filter, sizeof filter,
       CONV_ERROR_OVERLAP, "workspace overlaps that of filter"},
      {plan, filter, output, result, output, sizeof output,
       CONV_ERROR_OVERLAP, "workspace overlaps that of out_backprop"},
      {plan, filter, output, result, workspace, space - 1,
       CONV_ERROR_WORKSPACE, "workspace has"},
  };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    conv_status status = conv_plan_execute(
        calls[i].plan, calls[i].first, calls[i].second, calls[i].result,
        calls[i].workspace, calls[i].size, message, capacity);
    CHECK(
        status == calls[i].status && strstr(message, calls[i].words),
        "call %zu: %d %s", i, status, message);
  }
  for (size_t i = 0; i < sizeof result; i++)
    if (((unsigned char *)result)[i] != 0x55) {
      CHECK(0, "written although refused");
      break;
    }

  // Filters of other plans.
  conv_filter *prepared = (conv_filter *)&problem;
  CHECK(
      conv_plan_prepare_filter(plan, NULL, &prepared, message, capacity) ==
              CONV_ERROR_NULL && !prepared,
      "%s", message);
  CHECK(
      conv_plan_prepare_filter(plan, filter, NULL, message, capacity) ==
          CONV_ERROR_NULL,
      "%s", message);
  CHECK(
      conv_plan_prepare_filter(NULL, filter, &prepared, message, capacity) ==
          CONV_ERROR_NULL,
      "%s", message);
  CHECK(
      conv_plan_execute_prepared(
          plan, NULL, output, result, NULL, 0, message, capacity) ==
          CONV_ERROR_NULL,
      "%s", message);
  for (int i = 0; i < 3; i++) {
    conv_problem other = a_problem(
        i == 0 ? CONV_FORWARD : CONV_INPUT_GRADIENT,
        i == 1 ? CONV_FLOAT64 : CONV_FLOAT32);
    conv_options options = {.algorithm = i == 2 ? CONV_REFERENCE : CONV_DIRECT};
    conv_plan *plan2;
    static double wide[FILTER];
    conv_plan_create(&other, &options, &plan2, NULL, 0);
    conv_plan_prepare_filter(plan2, wide, &prepared, NULL, 0);
    conv_status status = conv_plan_execute_prepared(
        plan, prepared, output, result, NULL, 0, message, capacity);
    CHECK(status == CONV_ERROR_FILTER, "%d %s", status, message);
    conv_filter_destroy(prepared);
    conv_plan_destroy(plan2);
  }
  conv_plan_destroy(plan);
  free(workspace);
  conv_plan_destroy(NULL);
  conv_filter_destroy(NULL);
  CHECK(
      conv_plan_workspace_size(NULL) == 0 &&
          conv_plan_describe(NULL, NULL, 0) == 0,
      "no plan");
}

// Nothing to compute: an empty batch, no output channels.
static void computes_nothing(void) {
  char message[256] = "";
  conv_problem problem = {
      .padding = CONV_VALID,
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

// Of one axis, as the geometry itself takes them.
static void knows_legal_sizes(void) {
  char message[256] = "";
  int64_t sizes[2];
  for (int out = 0; out < 4; out++)
    for (int code = 0; code < 3 * 3 * 3 * 18; code++) {
      int kernel = 1 + code % 3, stride = 1 + code / 3 % 3;
      int dilation = 1 + code / 9 % 3, pads = code / 27;
      conv_padding padding = pads < 2 ? pads : CONV_EXPLICIT;
      int before = pads < 2 ? 0 : (pads - 2) % 4;
      int after = pads < 2 ? 0 : (pads - 2) / 4;
      conv_status status = conv_legal_input_sizes(
          out, kernel, stride, dilation, padding, before, after, sizes,
          message, sizeof message);
      CHECK(status == CONV_OK, "%d %s", status, message);
      for (int input = 0; input < 20; input++) {
        conv_problem problem = {
            .padding = padding,
            .input_sizes = LIST(1, input, 1, 1),
            .filter_sizes = LIST(kernel, 1, 1, 1),
            .out_backprop_sizes = LIST(1, out, 1, 1),
            .strides = LIST(1, stride, 1, 1),
            .dilations = LIST(1, dilation, 1, 1)};
        int64_t explicit_paddings[] = {0, 0, before, after, 0, 0, 0, 0};
        if (padding == CONV_EXPLICIT)
          problem.explicit_paddings = (conv_list){explicit_paddings, 8};
        conv_plan *plan;
        int legal =
            conv_plan_create(&problem, NULL, &plan, NULL, 0) == CONV_OK;
        conv_plan_destroy(plan);
        CHECK(
            legal == (sizes[0] <= input && input <= sizes[1]),
            "%d windows of %d, stride %d, dilation %d, padding %d %d %d: %d",
            out, kernel, stride, dilation, padding, before, after, input);
      }
    }

  struct {
    int64_t numbers[7];
    conv_status status;
    const char *words;
  } calls[] = {
      {{-1, 3, 1, 1, CONV_VALID, 0, 0}, CONV_ERROR_NEGATIVE, "output_size"},
      {{2, 0, 1, 1, CONV_VALID, 0, 0}, CONV_ERROR_POSITIVE, "kernel_size"},
      {{2, 3, 0, 1, CONV_VALID, 0, 0}, CONV_ERROR_POSITIVE, "stride"},
      {{2, 3, 1, -9, CONV_VALID, 0, 0}, CONV_ERROR_POSITIVE, "got -9"},
      {{2, 3, 1, 1, 3, 0, 0}, CONV_ERROR_VALUE, "padding is 3"},
      {{2, 3, 1, 1, CONV_EXPLICIT, -1, 0}, CONV_ERROR_NEGATIVE, "pad_before"},
      {{2, 3, 1, 1, CONV_EXPLICIT, 0, -1}, CONV_ERROR_NEGATIVE, "pad_after"},
      {{2, 3, 1, 1, CONV_SAME, 1, 0}, CONV_ERROR_VALUE, "CONV_EXPLICIT"},
      {{INT64_MAX, 3, INT64_MAX, 1, CONV_SAME, 0, 0}, CONV_OK, ""},
  };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    int64_t *n = calls[i].numbers;
    sizes[0] = sizes[1] = 77;
    message[0] = 0;
    conv_status status = conv_legal_input_sizes(
        n[0], n[1], n[2], n[3], (conv_padding)n[4], n[5], n[6], sizes, message,
        sizeof message);
    CHECK(
        status == calls[i].status && strstr(message, calls[i].words),
        "call %zu: %d %s", i, status, message);
    CHECK(
        status == CONV_OK ? sizes[1] < sizes[0]
                          : sizes[0] == 77 && sizes[1] == 77,
        "call %zu: %d to %d", i, (int)sizes[0], (int)sizes[1]);
  }
  CHECK(
      conv_legal_input_sizes(
          2, 3, 1, 1, CONV_VALID, 0, 0, NULL, message, sizeof message) ==
          CONV_ERROR_NULL,
      "%s", message);
}

// One plan and one prepared filter in many threads.
struct shared {
  const conv_plan *plan;
  const conv_filter *filter;
  const float *output, *expected;
};

static void *executes(void *argument) {
  const struct shared *shared = argument;
  float *result = malloc(INPUT * sizeof(float));
  size_t differ = 0;
  for (int i = 0; i < 50; i++) {
    differ += conv_plan_execute_prepared(
                  shared->plan, shared->filter, shared->output, result, NULL,
                  0, NULL, 0) != CONV_OK;
    differ += memcmp(result, shared->expected, INPUT * sizeof(float)) != 0;
  }
  free(result);
  return (void *)differ;
}

static void is_shared(void) {
  static float filter[FILTER], output[OUTPUT], expected[INPUT];
  for (int i = 0; i < FILTER; i++) filter[i] = (float)sin(i);
  for (int i = 0; i < OUTPUT; i++) output[i] = (float)cos(i);
  conv_problem problem = a_problem(CONV_INPUT_GRADIENT, CONV_FLOAT32);
  conv_plan *plan;
  conv_filter *prepared;
  conv_plan_create(&problem, NULL, &plan, NULL, 0);
  conv_plan_prepare_filter(plan, filter, &prepared, NULL, 0);
  conv_plan_execute(plan, filter, output, expected, NULL, 0, NULL, 0);
  struct shared shared = {plan, prepared, output, expected};
  pthread_t threads[8];
  for (int i = 0; i < 8; i++)
    pthread_create(&threads[i], NULL, executes, &shared);
  for (int i = 0; i < 8; i++) {
    void *differ;
    pthread_join(threads[i], &differ);
    CHECK(differ == NULL, "%zu differ", (size_t)differ);
  }
  conv_filter_destroy(prepared);
  conv_plan_destroy(plan);
}

// What is destroyed is given back: the same memory serves again and again.
static void keeps_nothing(void) {
  enum { SIDE = 256, TIMES = 2000 };
  static float filter[SIDE * SIDE];
  conv_problem problem = {
      .input_sizes = LIST(1, 1, 1, SIDE),
      .filter_sizes = LIST(1, 1, SIDE, SIDE),
      .out_backprop_sizes = LIST(1, 1, 1, SIDE)};
  struct rusage before, after;
  for (int i = 0; i < TIMES; i++) {
    // What the first ones bring up is there to stay.
    if (i == TIMES / 10) getrusage(RUSAGE_SELF, &before);
    conv_plan *plan;
    conv_filter *prepared;
    conv_plan_create(&problem, NULL, &plan, NULL, 0);
    conv_plan_prepare_filter(plan, filter, &prepared, NULL, 0);
    conv_filter_destroy(prepared);
    conv_plan_destroy(plan);
  }
  getrusage(RUSAGE_SELF, &after);
  // All filters: some 500 MB. In kilobytes, or in bytes.
  long most = sizeof(filter) / 1024 * (TIMES / 10);
#ifdef __APPLE__
  most *= 1024;
#endif
  CHECK(
      after.ru_maxrss - before.ru_maxrss < most, "%ld more",
      after.ru_maxrss - before.ru_maxrss);
}

int main(void) {
  CHECK(strchr(conv_version(), '.'), "%s", conv_version());
  for (int operation = 0; operation < 3; operation++)
    for (int type = 0; type < 4; type++) computes(operation, type);
  computes_nothing();
  knows_legal_sizes();
  refuses_problems();
  refuses_calls();
  is_shared();
  keeps_nothing();
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
