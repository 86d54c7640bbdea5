// The C interface of Convolutions: 2-D convolutions and their two gradients on
// CPUs. Link with -lConvolutionsC.
//
//   conv_problem problem = {.size = sizeof problem, ...};
//   conv_plan *plan;
//   conv_status status = conv_plan_create(
//       &problem, NULL, &plan, message, sizeof message);
//   if (status != CONV_OK) { fprintf(stderr, "%s\n", message); ... }
//   status = conv_plan_execute(
//       plan, filter, out_backprop, result, NULL, 0, message, sizeof message);
//   conv_plan_destroy(plan);
//
// A plan and a prepared filter do not change: many threads may use one at the
// same time, each with a workspace of its own. A function that returns a
// conv_status writes, if that is not CONV_OK, what is wrong to `message`: at most
// `capacity` bytes with the ending zero; `message` may be NULL if `capacity` is 0.
// It has then written nothing else.
//
// No call changes what another one computes. All that the process has but once:
//
// - Worker threads, named "convolutions", that sleep between calls: as many as
//   there are processors beside one caller, or as one call has asked for.
// - OpenBLAS's thread count. It is 1 while an execution is in a task with larger
//   products, and the host's again afterwards: what it was before, or what the
//   host has set meanwhile. But a 1 that the host sets in the middle of such a
//   task cannot be told from the library's, and is lost.
// - Handlers of fork, which waits for such tasks, some milliseconds. The child
//   may use plans and filters of before, and has workers of its own.

#ifndef CONVOLUTIONS_H
#define CONVOLUTIONS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What a function answers. The numbers stay; others may come.
typedef int32_t conv_status;
enum {
  CONV_OK = 0,

  // The call.
  CONV_ERROR_NULL = 1,       // a pointer that must not be NULL is
  CONV_ERROR_VALUE = 2,      // a number that stands for no operation, type,
                             // struct, …
  CONV_ERROR_ALIGNMENT = 3,  // a tensor is not aligned to its scalars
  CONV_ERROR_OVERLAP = 4,    // the result overlaps an operand or the workspace
  CONV_ERROR_FILTER = 5,     // a filter prepared for another kind of plan
  CONV_ERROR_WORKSPACE = 6,  // a workspace is too small

  // The problem, in the order of the checks.
  CONV_ERROR_RANK = 10,         // sizes of a tensor are not four
  CONV_ERROR_LENGTH = 11,       // a list has the wrong number of entries
  CONV_ERROR_NEGATIVE = 12,     // a size or a padding is negative
  CONV_ERROR_EMPTY_FILTER = 13, // of no rows, columns or input channels
  CONV_ERROR_POSITIVE = 14,     // a stride or dilation is below 1
  CONV_ERROR_BATCH_OR_DEPTH = 15,  // an entry there that is not 1, or 0
  CONV_ERROR_TOO_LARGE = 16,    // more than 2^48 scalars
  CONV_ERROR_BATCH = 17,        // batch sizes differ
  CONV_ERROR_DEPTH = 18,        // channels that do not match
  CONV_ERROR_GROUPS = 19,       // output channels that groups do not divide
  CONV_ERROR_OUTPUT_SIZE = 20,  // out_backprop has another size than follows
  CONV_ERROR_WINDOW = 21,       // a window does not fit the padded input

  // The options, and the machine.
  CONV_ERROR_THREADS = 30,          // fewer than 0
  CONV_ERROR_WORKSPACE_LIMIT = 31,  // below what one thread needs
  CONV_ERROR_UNSUPPORTED = 32,      // by the algorithm asked for
  CONV_ERROR_MEMORY = 33            // cannot be had
};

// Which of three tensors follows from the two others. The operands are in this
// order in every call.
typedef int32_t conv_operation;
enum {
  CONV_INPUT_GRADIENT = 0,   // filter, out_backprop -> gradient of the input
  CONV_FORWARD = 1,          // filter, input -> output
  CONV_FILTER_GRADIENT = 2   // input, out_backprop -> gradient of the filter
};

// The type of all three tensors. Half types are summed in float.
typedef int32_t conv_type;
enum {
  CONV_FLOAT32 = 0,
  CONV_FLOAT64 = 1,
  CONV_FLOAT16 = 2,
  CONV_BFLOAT16 = 3
};

// The order of the input, the output, and of the lists of a problem. A filter
// is [kh, kw, Cin / groups, Cout] in both.
typedef int32_t conv_data_format;
enum { CONV_NHWC = 0, CONV_NCHW = 1 };

typedef int32_t conv_padding;
enum {
  CONV_VALID = 0,
  CONV_SAME = 1,
  CONV_EXPLICIT = 2  // the numbers in explicit_paddings
};

// `count` numbers at `values`, which may be NULL if there are none.
typedef struct conv_list {
  const int64_t *values;
  int64_t count;
} conv_list;

// A convolution. What is zero has its default. Any numbers are safe.
//
// `size` is sizeof(conv_problem): a later library, whose struct has more fields at
// its end, takes those that a program was not compiled with to be zero. One whose
// struct has fewer refuses what it does not know, unless that is zero.
typedef struct conv_problem {
  size_t size;
  conv_operation operation;
  conv_type type;
  conv_data_format data_format;
  conv_padding padding;
  conv_list input_sizes;   // 4, or for an input gradient 2: H, W
  conv_list filter_sizes;  // kh, kw, Cin / groups, Cout
  conv_list out_backprop_sizes;  // 4; none for CONV_FORWARD: they follow
  conv_list strides;             // 4, or none for 1, 1, 1, 1
  conv_list dilations;           // 4, or none for 1, 1, 1, 1; 1 is dense
  // 8: before and after for each of the 4 dimensions, with CONV_EXPLICIT only.
  conv_list explicit_paddings;
} conv_problem;

typedef int32_t conv_algorithm;
enum {
  CONV_AUTOMATIC = 0,  // the plan chooses
  CONV_TAPS = 1,
  CONV_COLUMN = 2,
  CONV_GROUPS = 3,
  CONV_WINOGRAD = 4,
  CONV_DIRECT = 5,
  CONV_REFERENCE = 6,
  CONV_IMPLICIT = 7
};

// What is promised: the relative Frobenius error on independent random data in
// float, beside that of a running sum, one chain of fused multiply-adds over the
// same terms. Plain sums are never refused; CONV_WINOGRAD, where it might break
// the promise, is CONV_ERROR_UNSUPPORTED, and the message has both figures.
typedef int32_t conv_accuracy;
enum {
  CONV_STANDARD = 0,  // at most 1e-6, or a running sum's where that is larger
  CONV_TIGHT = 1      // at most 1.05 of a running sum's
};

typedef int32_t conv_tuning;
enum {
  CONV_ESTIMATE = 0,  // by a cost model: the same choice every time
  CONV_MEASURE = 1    // by running each algorithm while the plan is made
};

// Who computes the matrix products of CONV_COLUMN, which has both. CONV_TAPS,
// CONV_IMPLICIT and CONV_WINOGRAD have one, and are CONV_ERROR_UNSUPPORTED where
// the other is asked for; to those without matrix products it is all the same.
typedef int32_t conv_products;
enum {
  CONV_PRODUCTS_AUTOMATIC = 0,  // the plan chooses
  CONV_PRODUCTS_BLAS = 1,       // the linked BLAS
  CONV_PRODUCTS_PANELS = 2      // kernels of the library, on a packed filter
};

// How to compute. What is zero has its default, but for `size`, which is
// sizeof(conv_options), as conv_problem's is.
typedef struct conv_options {
  size_t size;
  conv_algorithm algorithm;
  conv_accuracy accuracy;
  conv_tuning tuning;
  int32_t threads;  // 0: the processors that the process may run on
  // In bytes; 0: no limit, 1: no workspace at all.
  int64_t workspace_limit;
  conv_products products;
  int32_t reserved;  // 0
} conv_options;

// An operation on one geometry, with all that can be decided beforehand.
typedef struct conv_plan conv_plan;

// A filter in the order in which a plan reads it.
typedef struct conv_filter conv_filter;

// The version of the library, as in "0.1.0"; never freed.
const char *conv_version(void);

// Writes the least and the largest input size, along one axis, for which the
// convolution has `output_size` windows; who asks for an input gradient has to
// pick one from there on up to here. Where there is none, or none that fits 64
// bits, the second is below the first.
//
// `output_size` is at least 0; `kernel_size`, `stride` and `dilation` are at
// least 1, a dilation of 1 being dense. The pads are those of CONV_EXPLICIT,
// not negative; with another padding 0.
conv_status conv_legal_input_sizes(
    int64_t output_size, int64_t kernel_size, int64_t stride,
    int64_t dilation, conv_padding padding, int64_t pad_before,
    int64_t pad_after, int64_t sizes[2], char *message, size_t capacity);

// Validates a problem and plans it.
//
// `options` may be NULL. On CONV_OK, `*plan` is to be destroyed; else it is
// NULL.
conv_status conv_plan_create(
    const conv_problem *problem, const conv_options *options,
    conv_plan **plan, char *message, size_t capacity);

// Ends the life of a plan. NULL is nothing to destroy.
void conv_plan_destroy(conv_plan *plan);

// Writes what was planned, in words, as snprintf does: at most `capacity` bytes
// with the ending zero. Returns the bytes that the whole text needs, without
// it.
size_t conv_plan_describe(
    const conv_plan *plan, char *text, size_t capacity);

// Writes the four sizes of the result.
void conv_plan_result_sizes(const conv_plan *plan, int64_t sizes[4]);

// The algorithm taken; never CONV_AUTOMATIC. One that is asked for again, of
// fewer or more images, gives each image the same bits.
conv_algorithm conv_plan_algorithm(const conv_plan *plan);

// Bytes that an execution needs for itself, at any address.
size_t conv_plan_workspace_size(const conv_plan *plan);

// Bytes that a prepared filter takes.
size_t conv_plan_prepared_filter_size(const conv_plan *plan);

// Brings a filter into the order that executions read it in: once for many of
// them. Of a plan with CONV_FILTER_GRADIENT, which has no filter to read,
// CONV_ERROR_VALUE.
//
// On CONV_OK, `*prepared` is to be destroyed; else it is NULL. It holds no
// reference to the filter or the plan, and suits every plan of the same
// operation, type, geometry, algorithm, accuracy and products.
conv_status conv_plan_prepare_filter(
    const conv_plan *plan, const void *filter, conv_filter **prepared,
    char *message, size_t capacity);

// Ends the life of a prepared filter. NULL is nothing to destroy.
void conv_filter_destroy(conv_filter *prepared);

// Computes the result from the operands in the order of conv_operation.
//
// The tensors are dense and as large as the problem says; the caller answers
// for that. Tensors without scalars may be NULL. `workspace` is
// `workspace_size` bytes of any content, at least conv_plan_workspace_size, or
// NULL: then the call allocates what it needs.
conv_status conv_plan_execute(
    const conv_plan *plan, const void *first, const void *second,
    void *result, void *workspace, size_t workspace_size, char *message,
    size_t capacity);

// The same with a prepared filter as the first operand.
conv_status conv_plan_execute_prepared(
    const conv_plan *plan, const conv_filter *filter, const void *second,
    void *result, void *workspace, size_t workspace_size, char *message,
    size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
