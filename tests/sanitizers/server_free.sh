#!/usr/bin/env bash
# server_free.sh PRESET: what needs no server once more, with sanitizers, in the preset's own folder. ./run test has built it before.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/build.sh
sanitizers_on
build "$1" sanitized_tests
"${launcher[@]}" ctest --test-dir "build-$1" -L '^sanitized$' --output-on-failure --no-tests=error
