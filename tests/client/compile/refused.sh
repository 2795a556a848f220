#!/bin/sh
# refused.sh PATTERN COMPILER...: the compiler must refuse, and for the right reason: with PATTERN in its message.
pattern=$1
shift
if message=$("$@" 2>&1); then
  echo "it compiles: $*"
  exit 1
fi
printf '%s\n' "$message"
printf '%s\n' "$message" | grep -q -e "$pattern"
