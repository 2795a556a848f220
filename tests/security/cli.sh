#!/bin/sh
# cli.sh DIRECTORY: the command's tests there, in short: what it asks of the server rather than how it waits. Status 1 if any
# fails.
status=0
run() {
  script=$1
  shift
  echo "== $script"
  /usr/bin/python3 -B "$script" "$@" || status=1
}
run "$1/test_status.py" own others_hold_it a_timeout replaces_inherited inside_another verbose_messages
run "$1/test_watch.py" test_all test_one test_several test_json outage
run "$1/test_inspect.py"
run "$1/test_release.py" one_lock only_those told test_yes does_not_ask_if
exit $status
