#!/usr/bin/env bash
# branches.sh: ./run simulate --branches.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/install.sh
source scripts/build.sh

# branches_taken MACHINES ENGINE: two tables. Fails if fewer percent are taken, of the machines one by one and of all that a client
# does. What only exceptions or headers take is none of the machines'.
branches_taken() {
  local taken=(gcovr -r . --exclude-throw-branches --exclude-unreachable-branches --branches)
  local machines='engine/(health_machine|hold_machine|observe_machine|release_machine|request_queue|retry_queue|outbox|turns)|protocol/(acquire|lease_schedule|observation)'
  "${taken[@]}" --fail-under-branch "$1" -f "src/($machines)\.cpp" build-coverage/src
  "${taken[@]}" --fail-under-branch "$2" -f "src/(engine/.*|$machines)\.cpp" build-coverage/src
}

need_compiler
need_packages gcovr
say "==> building it with counters"
build coverage dlock_simulate dlock_simulator_test dlock_engine_tests
find build-coverage -name '*.gcda' -delete
build-coverage/bin/dlock-simulate --seeds 1..1000 >build-coverage/output || die "$(<build-coverage/output)"
build-coverage/bin/dlock_simulator_test >build-coverage/output || die "$(<build-coverage/output)"
say "==> what 1,000 seeds and the scenarios take"
branches_taken 95 93
build-coverage/bin/dlock_engine_tests >build-coverage/output || die "$(<build-coverage/output)"
say "==> and with the tests of the engine's machines"
branches_taken 97 95
