// Plans and prepared filters serve many threads, and leave no memory behind.

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "interface_test.h"

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

void is_shared(void) {
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
void keeps_nothing(void) {
  enum { SIDE = 256, TIMES = 2000 };
  static float filter[SIDE * SIDE];
  conv_problem problem = {
      .size = sizeof problem, .input_sizes = LIST(1, 1, 1, SIDE),
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
