#!/usr/bin/env bash
# Shows that an execution of a plan allocates nothing: counts the calls of
# malloc and its kin in a run with 10 and in one with 210 executions, on one
# thread; the counts must agree. Calls from within OpenBLAS are counted apart:
# its small products allocate a buffer for some odd shapes, which is not ours to
# change. Linux, with the clang that Swift brings.
set -euo pipefail
cd "$(dirname "$0")/.."

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat > "$folder/count.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_long ours, blas;

static void count(void *caller) {
  Dl_info info;
  int in_blas = dladdr(caller, &info) && info.dli_fname
      && strstr(info.dli_fname, "openblas");
  atomic_fetch_add(in_blas ? &blas : &ours, 1);
}

void *malloc(size_t size) {
  static void *(*real)(size_t);
  if (!real) real = dlsym(RTLD_NEXT, "malloc");
  count(__builtin_return_address(0));
  return real(size);
}

void *realloc(void *old, size_t size) {
  static void *(*real)(void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "realloc");
  count(__builtin_return_address(0));
  return real(old, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  static int (*real)(void **, size_t, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "posix_memalign");
  count(__builtin_return_address(0));
  return real(memory, alignment, size);
}

__attribute__((destructor)) static void report(void) {
  fprintf(stderr, "allocations %ld, OpenBLAS %ld\n", ours, blas);
}
C
clang -shared -fPIC -O2 "$folder/count.c" -o "$folder/count.so" -ldl
swift build -c release --product convbench >&2
convbench="$(swift build -c release --show-bin-path)/convbench"

allocations() {
  LD_PRELOAD="$folder/count.so" "$convbench" tune "$2" --algorithm "$3" \
    --dtype "$4" --layout "$5" --op "$6" --percent 100 --rounds "$1" 2>&1 >/dev/null \
    | sed -n 's/^allocations //p'
}

passed=0
failed=0
while read -r operation algorithm problem; do
  # What the column algorithm takes where OpenBLAS packs every product.
  case $algorithm in
    panels) algorithm=column; export OPENBLAS_CORETYPE=Haswell ;;
    *) unset OPENBLAS_CORETYPE ;;
  esac
  for dtype in f32 bf16; do
    for layout in nhwc nchw; do
      few="$(allocations 10 $problem $algorithm $dtype $layout $operation)"
      many="$(allocations 210 $problem $algorithm $dtype $layout $operation)"
      echo "$operation $algorithm $problem $dtype $layout: 10 executions $few;" \
        "210 executions $many"
      # A run differs from the next by an allocation or two.
      if [ -n "$few" ] && [ "${many%%,*}" -le $((${few%%,*} + 5)) ]; then
        passed=$((passed + 1))
      else
        failed=$((failed + 1))
      fi
    done
  done
done <<'PROBLEMS'
input-gradient column mb2ic64ih14oc64oh14kh3ph1
input-gradient column mb2ic24ih20oc40oh10kh3sh2ph1
input-gradient panels mb2ic64ih14oc64oh14kh3ph1
input-gradient panels mb2ic24ih20oc40oh10kh3sh2ph1
input-gradient taps mb2ic64ih14oc64oh14kh3ph1
input-gradient taps mb2ic24ih20oc40oh10kh3sh2ph1
input-gradient taps mb2ic48ih14oc40oh14kh1ph0
input-gradient groups g32mb2ic32ih14oc32oh14kh3ph1
input-gradient winograd mb2ic64ih14oc64oh14kh3ph1
input-gradient winograd mb2ic64ih14oc128oh14kh5ph2
input-gradient direct mb2ic24ih20oc40oh10kh3sh2ph1
forward taps mb2ic24ih20oc40oh10kh3sh2ph1
input-gradient implicit mb2ic24ih20oc40oh10kh3sh2ph1
forward implicit mb2ic3ih30oc24oh15kh7sh2ph3
forward groups g32mb2ic32ih14oc32oh7kh3sh2ph1
forward winograd mb2ic24ih20oc40oh10kh3sh2ph1
forward direct mb2ic24ih20oc40oh10kh3sh2ph1
filter-gradient taps mb2ic24ih20oc40oh10kh3sh2ph1
filter-gradient taps mb2ic3ih20oc40oh10kh3sh2ph1
filter-gradient groups g32mb2ic32ih14oc32oh14kh3ph1
filter-gradient winograd mb2ic64ih14oc64oh14kh3ph1
filter-gradient direct mb2ic24ih20oc40oh10kh3sh2ph1
PROBLEMS
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
