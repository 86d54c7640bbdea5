#!/usr/bin/env bash
# What becomes of a run where the system fails: no threads, no memory, another
# BLAS in OpenBLAS's place, or none. A right answer or a clear error each time,
# never a crash. Linux with Debian's packages: the reference BLAS and LAPACK are
# taken from its alternatives, or fetched and unpacked into a temporary folder;
# nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
swift build -c release --product convbench >&2
convbench="$(swift build -c release --show-bin-path)/convbench"

passed=0
failed=0

# expect <name> <status> <text> <command>...: the status and a text of the output.
expect() {
  local name="$1" wanted="$2" text="$3" status=0
  shift 3
  timeout 300 "$@" > "$folder/output" 2>&1 || status=$?
  if [ "$status" = "$wanted" ] \
    && { [ -z "$text" ] || grep -qF -- "$text" "$folder/output"; }; then
    echo "passed: $name"
    passed=$((passed + 1))
  else
    echo "FAILED: $name: status $status, wanted $wanted and '$text'; got:"
    tail -n 5 "$folder/output"
    failed=$((failed + 1))
  fi
}

# Refuses threads, or the n-th large piece of memory, to the program itself or to
# all; the libraries below it have failures of their own.
cat > "$folder/refuse.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_long refused, pieces;

static int is_program(void *caller) {
  Dl_info info;
  return dladdr(caller, &info) && info.dli_fname
      && strstr(info.dli_fname, "convbench") != NULL;
}

int pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes,
    void *(*start)(void *), void *argument) {
  static int (*real)(
      pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (!real) real = dlsym(RTLD_NEXT, "pthread_create");
  const char *whom = getenv("REFUSE_THREADS");
  if (whom && (!strcmp(whom, "all")
               || is_program(__builtin_return_address(0)))) {
    atomic_fetch_add(&refused, 1);
    return EAGAIN;
  }
  return real(thread, attributes, start, argument);
}

static int refuses(void *caller, size_t size) {
  const char *which = getenv("REFUSE_MEMORY");
  if (!which || size < 1 << 16 || !is_program(caller)) return 0;
  if (atomic_fetch_add(&pieces, 1) + 1 != atol(which)) return 0;
  atomic_fetch_add(&refused, 1);
  return 1;
}

void *malloc(size_t size) {
  static void *(*real)(size_t);
  if (!real) real = dlsym(RTLD_NEXT, "malloc");
  return refuses(__builtin_return_address(0), size) ? NULL : real(size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  static int (*real)(void **, size_t, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "posix_memalign");
  return refuses(__builtin_return_address(0), size)
      ? ENOMEM : real(memory, alignment, size);
}

__attribute__((destructor)) static void report(void) {
  if (refused) fprintf(stderr, "something was refused\n");
}
C
clang -shared -fPIC -O2 "$folder/refuse.c" -o "$folder/refuse.so" -ldl
verify=("$convbench" verify --suite all --cases 4000)

# A layer with work for several threads.
python3 - "$folder" <<'PYTHON'
import struct, sys

def write(name, shape):
    count = 1
    for size in shape:
        count *= size
    header = repr(
        {"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    values = ((index * 7919 % 23 - 11) / 8 for index in range(count))
    with open(f"{sys.argv[1]}/{name}.npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header + struct.pack(f"<{count}f", *values))

write("filter", (3, 3, 96, 160))
write("dy", (2, 24, 24, 160))
PYTHON
# apply <result> <thread count>
apply() {
  echo "$convbench" apply --input-sizes 2,24,24,96 --padding SAME \
    --filter "$folder/filter.npy" --out-backprop "$folder/dy.npy" \
    --output "$folder/$1.npy" --threads "$2"
}

echo "== no threads"
for core in "" Haswell; do
  expect "the caller does all the work${core:+ on $core}" 0 \
    "something was refused" env ${core:+OPENBLAS_CORETYPE=$core} \
    REFUSE_THREADS=program LD_PRELOAD="$folder/refuse.so" "${verify[@]}"
done
if [ "$(nproc)" -gt 1 ]; then
  # OpenBLAS starts its threads before the program begins.
  expect "OpenBLAS says that it has no threads" 130 "pthread_create failed" \
    bash -c 'LD_PRELOAD="$1" REFUSE_THREADS=all "$2" env' - \
    "$folder/refuse.so" "$convbench"
fi
expect "a result to compare with" 0 "" $(apply alone 1)
expect "no thread at all" 0 "something was refused" \
  env REFUSE_THREADS=all OPENBLAS_NUM_THREADS=1 \
  LD_PRELOAD="$folder/refuse.so" $(apply refused 4)
expect "the same result" 0 "" cmp "$folder/alone.npy" "$folder/refused.npy"

echo "== no memory"
expect "memory refused" 1 "out of memory" \
  env REFUSE_MEMORY=1 LD_PRELOAD="$folder/refuse.so" $(apply memory1 2)
expect "all memory there is asked for in one piece" 0 "" \
  env REFUSE_MEMORY=2 LD_PRELOAD="$folder/refuse.so" $(apply memory2 2)

echo "== another BLAS"
# find_library <package> <file>: installed as an alternative, or fetched.
find_library() {
  local found
  found="$(ls /usr/lib/*/"$2" 2>/dev/null | head -n 1)"
  if [ -z "$found" ]; then
    (cd "$folder" && apt-get download -qq "$1" >&2 \
      && dpkg -x "$1"_*.deb unpacked)
    found="$(ls "$folder"/unpacked/usr/lib/*/"$2")"
  fi
  echo "$found"
}
blas="$(find_library libblas3 blas/libblas.so.3)"
lapack="$(find_library liblapack3 lapack/liblapack.so.3)"
mkdir "$folder/foreign"
ln -s "$blas" "$folder/foreign/libopenblas.so.0"
ln -s "$blas" "$folder/foreign/libblas.so.3"
ln -s "$lapack" "$folder/foreign/liblapack.so.3"
expect "the reference BLAS is known for what it is" 0 "not OpenBLAS" \
  env LD_LIBRARY_PATH="$folder/foreign" "$convbench" env
expect "right results on the reference BLAS" 0 "failed:0" \
  env LD_LIBRARY_PATH="$folder/foreign" "${verify[@]}"
expect "right results where it comes before OpenBLAS" 0 "failed:0" \
  env LD_PRELOAD="$blas" "${verify[@]}"

echo "== no BLAS"
# The same program, asking for a library that nobody has.
LC_ALL=C sed 's/libopenblas\.so\.0/libopenblas.so.X/g' "$convbench" \
  > "$folder/convbench"
chmod +x "$folder/convbench"
expect "a missing library is named" 127 "libopenblas.so.X: cannot open" \
  env LD_LIBRARY_PATH="$(dirname "$convbench")" "$folder/convbench" env

echo "failures: $((passed + failed)), passed: $passed, failed: $failed"
[ $failed -eq 0 ]
