// The legal input sizes of one axis are those that plans take.

#include <string.h>

#include "interface_test.h"

void knows_legal_sizes(void) {
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
            .size = sizeof problem, .padding = padding,
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
