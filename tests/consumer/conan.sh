#!/usr/bin/env bash
# conan.sh SOURCE WORK: makes the Conan package in an empty home, and builds and runs tests/consumer/project with it. Status 77: there is
# no Conan 2.
set -euo pipefail
source=$1 work=$2
for conan in "${XDG_CACHE_HOME:-$HOME/.cache}/dlock/conan/bin/conan" conan; do
  if [[ $("$conan" --version 2>/dev/null) == "Conan version 2."* ]]; then break; else conan=; fi
done
[[ -n $conan ]] || { echo "there is no Conan 2" && exit 77; }
rm -rf "$work" && mkdir -p "$work"
cp -r "$source/tests/consumer/project" "$work/project" # it is built where it is
export CONAN_HOME=$work/home
"$conan" profile detect >"$work/log" 2>&1
"$conan" create "$source" --test-folder "$work/project" -s compiler.cppstd=20 -s build_type=MinSizeRel -s:b build_type=MinSizeRel \
  >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
grep -q '^dlock [0-9.]*$' "$work/log" && grep -q '^caught: invalid_argument$' "$work/log" || { cat "$work/log" && echo "the project did not run" && exit 1; }
