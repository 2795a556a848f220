#!/bin/sh
# site.sh FOLDER: doxygen makes the site, with warnings as errors, and it has the guides, the headers, the plots and a search.
set -e
cd "$(dirname "$0")/../.."
mkdir -p "$1"
{ cat docs/site.doxyfile; echo "OUTPUT_DIRECTORY = $1"; } | doxygen -
cd "$1/html"
for part in index.html classdlock_1_1mutex.html search/search.js pairs.svg cpu.svg; do
  [ -s "$part" ] || { echo "the site has no $part" && exit 1; }
done
for title in "Kinds of locks" "Performance" "Contributing"; do
  grep -qs "<title>dlock: $title" ./*.html || { echo "the site has no page $title" && exit 1; }
done
