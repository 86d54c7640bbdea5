// Broken problems and options are refused, with a status and in words.

#include <string.h>

#include "interface_test.h"

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

// Structs of another version: what a program lacks is zero, what the library
// does not know must be.
static void knows_sizes(void) {
  struct {
    conv_problem problem;
    int64_t later[4];
  } later = {.problem = a_problem(CONV_INPUT_GRADIENT, CONV_FLOAT32)};
  struct {
    conv_options options;
    int64_t later[4];
  } asked = {.options = {.threads = 1}};
  size_t sizes[] = {sizeof asked.options, sizeof asked};
  for (int i = 0; i < 2; i++) {
    later.problem.size = i == 0 ? sizeof later.problem : sizeof later;
    asked.options.size = sizes[i];
    conv_plan *plan = NULL;
    CHECK(
        conv_plan_create(&later.problem, &asked.options, &plan, NULL, 0) ==
            CONV_OK,
        "size %d", i);
    conv_plan_destroy(plan);
  }
  char message[256] = "";
  conv_plan *plan = NULL;
  asked.later[3] = 1;
  CHECK(
      conv_plan_create(
          &later.problem, &asked.options, &plan, message, sizeof message) ==
              CONV_ERROR_VALUE && strstr(message, "does not know"),
      "an unknown option: %s", message);
  later.later[0] = 1;
  CHECK(
      conv_plan_create(&later.problem, NULL, &plan, message, sizeof message) ==
              CONV_ERROR_VALUE && strstr(message, "problem has fields"),
      "an unknown field: %s", message);
  size_t wrong[] = {0, 1, sizeof(conv_problem) - 1, 5000, SIZE_MAX};
  for (int i = 0; i < 5; i++) {
    conv_problem problem = a_problem(CONV_INPUT_GRADIENT, CONV_FLOAT32);
    problem.size = wrong[i];
    refuses(problem, NULL, CONV_ERROR_VALUE, "problem.size is");
  }
  refuses(
      a_problem(CONV_INPUT_GRADIENT, CONV_FLOAT32), &(conv_options){0},
      CONV_ERROR_VALUE, "options.size is 0");
}

void refuses_problems(void) {
  knows_sizes();
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
      problem, OPTIONS(.reserved = 1), CONV_ERROR_VALUE, "reserved is 1");
  refuses(
      problem, OPTIONS(.threads = -1), CONV_ERROR_THREADS, "got -1");
  refuses(
      problem, OPTIONS(.algorithm = 9), CONV_ERROR_VALUE, "algorithm");
  refuses(
      problem, OPTIONS(.accuracy = 2), CONV_ERROR_VALUE, "accuracy");
  refuses(problem, OPTIONS(.tuning = 2), CONV_ERROR_VALUE, "tuning");
  refuses(
      problem, OPTIONS(.products = 3), CONV_ERROR_VALUE, "products");
  refuses(
      problem,
      OPTIONS(.algorithm = CONV_TAPS, .products = CONV_PRODUCTS_PANELS),
      CONV_ERROR_UNSUPPORTED, "linked BLAS's");
  refuses(
      problem, OPTIONS(.workspace_limit = -1),
      CONV_ERROR_WORKSPACE_LIMIT, "got -1");
  refuses(
      problem, OPTIONS(.algorithm = CONV_DIRECT, .workspace_limit = 1),
      CONV_ERROR_WORKSPACE_LIMIT, "limit is 1 ");
  refuses(
      problem, OPTIONS(.algorithm = CONV_COLUMN),
      CONV_ERROR_UNSUPPORTED, "column");
}
