#!/usr/bin/env bash
# portability_inside.sh PACKAGE...: in a fresh Debian with the source in /src, builds and installs as docs/install.md says, with only
# these packages, and with warnings as errors. Then runs the tests that do not start their own servers. See portability.py.
set -euo pipefail
trap 'exit 130' INT # the first process of a PID namespace does not end by itself
trap 'exit 143' TERM
cd /src
source scripts/install.sh
apt_is_fresh=yes # portability.py got the lists
export DEBIAN_FRONTEND=noninteractive

# part TITLE: says what comes now, and how long the part before it took
part() {
  [[ -z ${title:-} ]] || say "    $title: $((SECONDS - began)) s"
  title=$1 began=$SECONDS
  say "==> $title"
}

part "the packages of docs/install.md, on $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
apt-get -qq install -y --no-install-recommends "$@" >/dev/null </dev/null
say "    $(g++ --version | head -1); $(cmake --version | head -1); $(dpkg-query -W -f='libmongoc ${Version}' libmongoc-dev)"

part "building and installing as docs/install.md says"
mapfile -t commands < <(sed -n '/^## Build and install$/,/^## /s/^\$ \(sudo \)\?//p' docs/install.md)
[[ ${#commands[@]} == 3 ]] || die "docs/install.md has ${#commands[@]} commands under 'Build and install', not 3"
strict=-DCMAKE_COMPILE_WARNING_AS_ERROR=ON
commands[0]+=" $strict"
commands+=("dlock --version" "cmake -S tests/consumer/project -B /tmp/consumer $strict" "cmake --build /tmp/consumer" /tmp/consumer/consumer)
for command in "${commands[@]}"; do
  say "    $command"
  bash -euc "$command" >/tmp/output 2>&1 || die "this ended with $?:"$'\n'"$(cat /tmp/output)"
done

part "the packages that tests need"
need_compiler
need_packages python3 python3-pymongo procps

part "building the tests"
cmake -B build-install -DDLOCK_BUILD_TESTS=ON --log-level=WARNING
cmake --build build-install -j "$(nproc)" --target unit_tests >/tmp/output 2>&1 || die "this ended with $?:"$'\n'"$(cat /tmp/output)"

part "the tests"
# The model and the comments are the same everywhere.
ctest --test-dir build-install -L '^(unit|cli)$' -E '^(model[.]|headers[.]documented$|docs[.]site$)' --output-on-failure --no-tests=error --timeout 300 -j $((2 * $(nproc) + 1))
