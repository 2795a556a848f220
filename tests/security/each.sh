#!/bin/sh
# each.sh TEST.py...: runs all of them with the server in DLOCK_TEST_URL, one after the other; status 1 if any fails.
status=0
for script in "$@"; do
  echo "== $script"
  /usr/bin/python3 -B "$script" --real || status=1
done
exit $status
