#!/usr/bin/env bash
# abi.sh check|store LIBRARY VERSION: compares the ABI of a libdlock.so that has debug information with that of the same minor version in
# packaging/abi, or stores it there. Status 1: a program that was built with the stored one would break, so the minor version must rise.
# 2: abidiff failed. 3: there is no abidiff, or another compiler than the one that the stored ABI is from.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
action=$1 library=$2 minor=${3%.*}
stored=${DLOCK_ABI:-$here/packaging/abi/dlock-$minor.abi}
# Not --headers-dir: what it filters out can be a field that was added.
options=(--exported-interfaces-only --suppressions "$here/packaging/abi/suppressions.ini")

command -v abidiff >/dev/null || { echo "abi: there is no abidiff: install abigail-tools" >&2 && exit 3; }
compiler=$(readelf -p .comment "$library" | grep -o 'GCC: .*' | head -1)
if [[ $action == store ]]; then
  abidw "${options[@]}" --no-corpus-path --no-comp-dir-path --no-show-locs "$library" | sed "s# path='[^']*/src/# path='src/#" >"$stored"
  printf '<!-- %s -->\n' "$compiler" >>"$stored"
  echo "abi: $stored" >&2
  exit
fi
[[ -s $stored ]] || { echo "abi: no ABI of $minor is stored: scripts/abi.sh store LIBRARY $3" >&2 && exit 1; }
[[ $(tail -1 "$stored") == "<!-- $compiler -->" ]] || { echo "abi: the stored ABI is of another compiler than '$compiler'" >&2 && exit 3; }
status=0
abidiff "${options[@]}" --no-added-syms "$stored" "$library" >&2 || status=$?
# abidiff's status is a set of bits: 4 is a change of the ABI. Whatever else is not 0 says nothing on the ABI.
if ((status >= 128 || status & 3)); then
  echo "abi: abidiff itself failed with status $status" >&2
  exit 2
elif ((status)); then
  echo "abi: programs that were built with $minor would break: raise the minor version in CMakeLists.txt, and store the new ABI" >&2
  exit 1
fi
