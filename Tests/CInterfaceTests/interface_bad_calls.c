// Calls with memory or filters that do not suit the plan are refused, and write
// nothing.

#include <stdlib.h>
#include <string.h>

#include "interface_test.h"

void refuses_calls(void) {
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
      &problem, OPTIONS(.algorithm = CONV_DIRECT), &plan, NULL, 0);
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

  // As much workspace as there can be.
  CHECK(
      conv_plan_execute(
          plan, filter, output, result, workspace, SIZE_MAX, message,
          capacity) == CONV_OK,
      "%s", message);

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
    conv_options options = {
        .size = sizeof options,
        .algorithm = i == 2 ? CONV_REFERENCE : CONV_DIRECT};
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
