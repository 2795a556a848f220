#!/bin/sh
# documented.sh FOLDER: doxygen finds all that is public documented, and warns of nothing. Its pages are written to FOLDER.
cd "$(dirname "$0")/../.." || exit 1
{ cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $1"; } | doxygen -
