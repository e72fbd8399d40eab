#!/usr/bin/env bash
# Builds with sanitizers and runs every test: units, then the real programs against a real broker.
# Sets up what is missing. Arguments go to ctest, e.g. `tests/run.sh -R store`.
set -euo pipefail
cd "$(dirname "$0")/.."
bash .ci/setup
PATH=$PATH:/usr/sbin  # where Debian keeps mosquitto
cmake --preset dev
cmake --build --preset dev -j "$(nproc)"
ctest --preset dev -j "$(nproc)" "$@"
