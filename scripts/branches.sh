#!/usr/bin/env bash
# branches.sh: ./run simulate --branches.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/install.sh
source scripts/build.sh

# branches_taken MACHINES ENGINE: prints two tables, of the machines and of the whole client. Fails if the percentage of taken branches
# is below MACHINES or ENGINE. Branches for exceptions and in headers do not count.
branches_taken() {
  local taken=(gcovr -r . --exclude-throw-branches --exclude-unreachable-branches --branches)
  local machines='engine/(health_machine|hold_machine|observe_machine|release_machine|request_queue|retry_queue|outbox|turns)|protocol/(acquire|lease_schedule|observation)'
  "${taken[@]}" --fail-under-branch "$1" -f "src/($machines)\.cpp" build-coverage/src
  "${taken[@]}" --fail-under-branch "$2" -f "src/(engine/.*|$machines)\.cpp" build-coverage/src
}

need_compiler
need_packages gcovr
say "==> building with counters"
build coverage dlock_simulate dlock_simulator_test dlock_engine_tests
find build-coverage -name '*.gcda' -delete
build-coverage/bin/dlock-simulate --seeds 1..1000 >build-coverage/output || die "$(<build-coverage/output)"
build-coverage/bin/dlock_simulator_test >build-coverage/output || die "$(<build-coverage/output)"
say "==> what 1,000 seeds and the scenarios take"
branches_taken 95 93
build-coverage/bin/dlock_engine_tests >build-coverage/output || die "$(<build-coverage/output)"
say "==> and with the tests of the engine's machines"
branches_taken 97 95
