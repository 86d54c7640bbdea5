// Forks in the middle of executions: other threads of the process are in
// products, plans and preparations. The child must compute right, on threads of
// its own, with OpenBLAS's thread count as the host had it; so must the parent.
//
//   fork_test <forks>
//
// scripts/c_interface.sh compiles and runs it.

#define _DEFAULT_SOURCE

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "convolutions.h"

int openblas_get_num_threads(void);
void openblas_set_num_threads(int count);

// Of the host, and not 1, which is the library's while products run.
enum { HOST_THREADS = 3, CALLERS = 3, SECONDS = 60 };

// One layer in each algorithm that has products, of several tasks.
enum { SIZE = 24, DEPTH = 64, TENSOR = 2 * SIZE * SIZE * DEPTH };
enum { TAPS = 9 * DEPTH * DEPTH, PLANS = 6 };
static const int64_t tensor_sizes[] = {2, SIZE, SIZE, DEPTH};
static const int64_t filter_sizes[] = {3, 3, DEPTH, DEPTH};

static const struct {
  conv_operation operation;
  conv_algorithm algorithm;
} kinds[PLANS] = {
    {CONV_INPUT_GRADIENT, CONV_COLUMN}, {CONV_INPUT_GRADIENT, CONV_TAPS},
    {CONV_FORWARD, CONV_IMPLICIT},       {CONV_FORWARD, CONV_WINOGRAD},
    {CONV_FILTER_GRADIENT, CONV_TAPS},  {CONV_INPUT_GRADIENT, CONV_DIRECT}};

static float filter[TAPS], tensor[TENSOR], other[TENSOR];
static conv_plan *plans[PLANS];
static float *expected[PLANS];

static void check(conv_status status, const char *message) {
  if (status == CONV_OK) return;
  printf("%d %s\n", status, message);
  exit(1);
}

static conv_plan *make_plan(int kind, conv_algorithm algorithm) {
  conv_problem problem = {
      .size = sizeof problem, .operation = kinds[kind].operation,
      .padding = CONV_SAME,
      .input_sizes = {tensor_sizes, 4},
      .filter_sizes = {filter_sizes, 4},
      .out_backprop_sizes = {
          tensor_sizes, kinds[kind].operation == CONV_FORWARD ? 0 : 4}};
  conv_options options = {
      .size = sizeof options, .algorithm = algorithm, .threads = 2};
  conv_plan *plan;
  char message[256];
  check(
      conv_plan_create(&problem, &options, &plan, message, sizeof message),
      message);
  return plan;
}

static size_t result_size(int kind) {
  return sizeof(float)
      * (kinds[kind].operation == CONV_FILTER_GRADIENT ? TAPS : TENSOR);
}

static void execute(const conv_plan *plan, int kind, float *result) {
  char message[256];
  int is_filter = kinds[kind].operation == CONV_FILTER_GRADIENT;
  memset(result, 0xff, result_size(kind));
  check(
      conv_plan_execute(
          plan, is_filter ? other : filter, tensor, result, NULL, 0, message,
          sizeof message),
      message);
}

// Whether a result has the expected bits.
static int computes(int kind, float *result) {
  execute(plans[kind], kind, result);
  return memcmp(result, expected[kind], result_size(kind)) == 0;
}

static atomic_int stops, wrong, executions;

static void *call(void *argument) {
  float *result = malloc(sizeof(float) * TENSOR);
  for (int kind = *(int *)argument; !stops; kind = (kind + 1) % PLANS) {
    if (!computes(kind, result)) wrong++;
    executions++;
    conv_plan_destroy(make_plan(kind, CONV_AUTOMATIC));
  }
  free(result);
  return NULL;
}

// Threads of this process that work for the library, by their name; where that
// cannot be told, 1.
static int workers(void) {
#ifndef __linux__
  return 1;
#endif
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *task; tasks && (task = readdir(tasks));) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fgets(name, sizeof name, file))
      count += strcmp(name, "convolutions\n") == 0;
    fclose(file);
  }
  if (tasks) closedir(tasks);
  return count;
}

enum { RIGHT = 0, COUNT, WORKERS, RESULT, OUTCOMES };
static const char *words[OUTCOMES] = {
    "right", "another thread count of OpenBLAS", "no thread to help",
    "a wrong result"};

// What becomes of the child; hanging, it ends by the alarm.
static int child(void) {
  alarm(SECONDS);
  if (openblas_get_num_threads() != HOST_THREADS) return COUNT;
  float *result = malloc(sizeof(float) * TENSOR);
  for (int kind = 0; kind < PLANS; kind++)
    if (!computes(kind, result)) return RESULT;
  // A thread that has hardly begun has no name yet.
  for (int i = 0; workers() == 0; i++) {
    if (i == 10000) return WORKERS;
    usleep(1000);
  }
  free(result);
  return openblas_get_num_threads() == HOST_THREADS ? RIGHT : COUNT;
}

int main(int count, char **arguments) {
  int forks = count > 1 ? atoi(arguments[1]) : 50;
  setbuf(stdout, NULL);
  openblas_set_num_threads(HOST_THREADS);
  // Whole numbers, whose sums are exact.
  for (int i = 0; i < TAPS; i++) filter[i] = (float)((i * 7 + i / 5) % 9 - 4);
  for (int i = 0; i < TENSOR; i++) {
    tensor[i] = (float)((i * 5 + i / 7) % 9 - 4);
    other[i] = (float)((i * 3 + i / 11) % 9 - 4);
  }
  for (int kind = 0; kind < PLANS; kind++) {
    plans[kind] = make_plan(kind, kinds[kind].algorithm);
    expected[kind] = malloc(result_size(kind));
    execute(plans[kind], kind, expected[kind]);
    // Winograd's constants round.
    if (kinds[kind].algorithm == CONV_WINOGRAD) continue;
    conv_plan *loop = make_plan(kind, CONV_REFERENCE);
    float *result = malloc(result_size(kind));
    execute(loop, kind, result);
    if (memcmp(result, expected[kind], result_size(kind)) != 0) {
      printf("plan %d is wrong before any fork\n", kind);
      return 1;
    }
    free(result);
    conv_plan_destroy(loop);
  }

  pthread_t threads[CALLERS];
  static int first[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    first[i] = i * PLANS / CALLERS;
    pthread_create(&threads[i], NULL, call, &first[i]);
  }
  int outcomes[OUTCOMES] = {0}, crashes = 0, hangs = 0;
  for (int i = 0; i < forks; i++) {
    // At another moment of the executions each time.
    usleep(1000 * (unsigned)(i % 7) + 137 * (unsigned)(i % 11));
    alarm(2 * SECONDS);
    pid_t process = fork();
    if (process == 0) _exit(child());
    int status;
    if (process < 0 || waitpid(process, &status, 0) < 0) {
      perror("fork");
      return 1;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) < OUTCOMES)
      outcomes[WEXITSTATUS(status)]++;
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
      hangs++;
    else
      crashes++;
  }
  stops = 1;
  for (int i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
  alarm(0);

  printf(
      "forks: %d during %d executions, %d crashed, %d hung", forks,
      executions, crashes, hangs);
  for (int i = 0; i < OUTCOMES; i++) printf(", %d %s", outcomes[i], words[i]);
  printf("; %d wrong in the parent\n", wrong);
  int threads_left = openblas_get_num_threads();
  if (threads_left != HOST_THREADS)
    printf("the parent is left with %d threads of OpenBLAS\n", threads_left);
  for (int kind = 0; kind < PLANS; kind++) {
    conv_plan_destroy(plans[kind]);
    free(expected[kind]);
  }
  return outcomes[RIGHT] != forks || wrong || threads_left != HOST_THREADS;
}
