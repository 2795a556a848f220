#!/usr/bin/env bash
# server_free.sh build|test PRESET: builds what needs no server with sanitizers, in the preset's own folder; tests it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/build.sh
verb=$1 preset=$2
sanitizers_on
if [[ $verb == build ]]; then
  build "$preset" sanitized_tests
else
  "${launcher[@]}" ctest --test-dir "build-$preset" -L '^sanitized$' --output-on-failure --no-tests=error
fi
