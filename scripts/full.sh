#!/usr/bin/env bash
# full.sh [COMMAND]: runs the stages of ./run test --full, and COMMAND as the first stage. Some 60 minutes with 2 processors. All stages
# run, even if one fails. At the end it prints a table of the stages, and the sum of their tests: "N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

output=$(mktemp) # of the stage that runs
failures=$(mktemp)
trap 'rm -f "$output" "$failures"' EXIT
table=()
passed=0
failed=0

# stage COMMAND...: runs it. A stage that counts no tests counts as one.
stage() {
  local began=$SECONDS status=0 sum good bad
  printf '\n==> %s\n' "$*"
  "$@" 2>&1 | tee "$output" || status=$?
  if [[ $status == 3 && $2 =~ ^(portability|package|chaos)$ ]]; then # no such Debian, or version, can be made here
    table+=("$(printf '%6d s  %-24s  %s' $((SECONDS - began)) "not tried" "$*")")
    return
  fi
  # What ctest says at its end, or ./run stress.
  sum=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+$|^[0-9]+ passed, [0-9]+ failed$' "$output" | tail -1) || true
  case $sum in
    *out\ of*) bad=$(cut -d ' ' -f 4 <<<"$sum") good=$((${sum##* } - bad)) ;;
    *failed) good=${sum%% *} bad=$(cut -d ' ' -f 3 <<<"$sum") ;;
    *) good=$((status == 0)) bad=0 ;;
  esac
  if [[ $status != 0 && $bad == 0 ]]; then bad=1; fi
  # What failed tests said, once more: the end of a long log is what people see first.
  if [[ $bad != 0 ]]; then
    printf '\n==> from %s\n' "$*" >>"$failures"
    grep -E -m 6 -A 25 '^(FAIL|ERROR)(: | +[0-9.]+ s  )|\.cpp:[0-9]+: Failure$|BROKEN|PROBLEM' "$output" >>"$failures" || tail -40 "$output" >>"$failures"
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  table+=("$(printf '%6d s  %5d passed  %3d failed  %s' $((SECONDS - began)) "$good" "$bad" "$*")")
}

if [[ $# != 0 ]]; then stage "$@"; fi
stage ./run test -L '^full$'
stage ./run test --server 4.4 -L '^(contract|replica|cli)$'
stage ./run model
stage ./run planted
stage ./run mutants --sample 60
stage ./run simulate --seeds 1..20000 --threads 2
stage ./run simulate --branches
stage ./run chaos --planted quick
stage ./run chaos --seconds 90 --seed 7
stage ./run chaos --beside 4178be0 --seconds 60 --seed 11
stage ./run portability trixie
stage ./run package trixie
stage ./run stress -L unit --minutes 6
stage ./run stress -LE 'unit|chaos' --times 1 --minutes 15

if [[ -s $failures ]]; then printf '\n==> what failed\n' && cat "$failures"; fi
printf '\n==> stages\n'
printf '%s\n' "${table[@]}"
printf '%6d s\n' "$SECONDS"
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
