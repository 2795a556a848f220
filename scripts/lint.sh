#!/usr/bin/env bash
# lint.sh KIND FILE...: the checks behind .pre-commit-config.yaml. A tool that is not installed is not an error.
set -euo pipefail
kind=${1:-}
shift || true
case $kind in
  text)
    failed=0
    for file; do
      [[ -s $file ]] || continue
      if [[ -n $(tail -c 1 "$file") ]]; then echo "$file: no newline at its end" && failed=1; fi
      if grep -nHE '[[:blank:]]+$|'$'\r' "$file"; then echo "$file: blanks at a line's end" && failed=1; fi
    done
    exit "$failed"
    ;;
  cpp) ! command -v clang-format >/dev/null || clang-format --dry-run -Werror "$@" ;;
  shell) ! command -v shellcheck >/dev/null || shellcheck -x "$@" ;;
  *) echo "usage: lint.sh text|cpp|shell FILE..." >&2 && exit 2 ;;
esac
