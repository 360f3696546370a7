#!/bin/sh
# Compiles the kernel's side for each architecture. The objects are committed: only who changes the C needs clang.
# The same compiler gives the same bytes: Debian's clang 14 (CI compares). --check compares instead of writing.
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-14}
strip=${LLVM_STRIP:-llvm-strip-14}
for pair in x86_64:x86 aarch64:arm64; do
  object=recorder.${pair%%:*}.bpf.o
  new=$(mktemp)
  "$clang" -O2 -g -target bpf -mcpu=v3 "-D__TARGET_ARCH_${pair##*:}" -fdebug-compilation-dir=. -Wall -Werror \
    -Wno-unused-function -Wno-unused-variable -fno-stack-protector -c recorder.bpf.c -o "$new"
  "$strip" --strip-debug "$new"
  if [ "${1:-}" = --check ]; then
    cmp "$new" "$object" || { echo "$object is not what its source gives: run $0" >&2; exit 1; }
    rm "$new"
  else
    chmod 644 "$new"
    mv "$new" "$object"
  fi
done
