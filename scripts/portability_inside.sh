#!/usr/bin/env bash
# portability_inside.sh PACKAGE...: in a fresh Debian with the source in /src, does as docs/install.md says, with these packages and
# no others and with warnings as errors; then runs the tests that need no set of their own. See portability.py.
set -euo pipefail
trap 'exit 130' INT # the first process of a PID namespace does not end by itself
trap 'exit 143' TERM
cd /src
source scripts/install.sh
export DEBIAN_FRONTEND=noninteractive

say "==> on $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release): the packages of docs/install.md"
# A mirror that is behind, or is a snapshot, has lists that count as expired.
printf 'Acquire::Check-Valid-Until "false";\n' >/etc/apt/apt.conf.d/90-old-lists
apt-get -qq update
apt-get -qq install -y --no-install-recommends "$@" >/dev/null </dev/null
say "    $(g++ --version | head -1); $(cmake --version | head -1); $(dpkg-query -W -f='libmongoc ${Version}' libmongoc-dev)"

say "==> building and installing as docs/install.md says"
mapfile -t commands < <(sed -n '/^## Build and install$/,/^## /s/^\$ \(sudo \)\?//p' docs/install.md)
[[ ${#commands[@]} == 3 ]] || die "docs/install.md has ${#commands[@]} commands under 'Build and install', not 3"
commands+=("dlock --version" "cmake -S tests/consumer/project -B /tmp/consumer" "cmake --build /tmp/consumer" /tmp/consumer/consumer)
for command in "${commands[@]}"; do
  say "    $command"
  CXXFLAGS=-Werror bash -euc "$command" >/tmp/output 2>&1 || die "this ended with $?:"$'\n'"$(cat /tmp/output)"
done

say "==> the tests, with the packages that they need"
need_compiler
need_packages python3 python3-pymongo procps
source scripts/build.sh
build release all
# The model is the same everywhere.
ctest --test-dir build -L '^(unit|cli)$' -E '^model[.]' --output-on-failure --no-tests=error --timeout 300 -j $((2 * $(nproc) + 1))
