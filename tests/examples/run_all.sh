#!/bin/sh
# run_all.sh PROGRAM...: each of them against $DLOCK_TEST_URL; all must end well.
for program; do
  echo "== $program"
  "$program" "$DLOCK_TEST_URL" || exit 1
done
