#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for SECONDS (default 10). A finding is written to
# build/fuzz/findings and fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}
bash .ci/setup clang libclang-rt-14-dev
targets=()
for source in tests/fuzz/*_fuzz.cpp; do targets+=("$(basename "$source" .cpp)"); done
cmake --preset fuzz
cmake --build --preset fuzz -j "$(nproc)" --target "${targets[@]}"
mkdir -p build/fuzz/findings
for target in "${targets[@]}"; do
  mkdir -p "build/fuzz/corpus/$target"
  echo "== $target, $seconds s"
  seeds=()
  [ -d "tests/fuzz/seeds/$target" ] && seeds=("tests/fuzz/seeds/$target")
  "build/fuzz/bin/$target" -max_total_time="$seconds" -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix=build/fuzz/findings/ "build/fuzz/corpus/$target" "${seeds[@]}" 2>&1 | grep -E '^==.*ERROR|SUMMARY|number_of_executed|slowest|Test unit'
done
