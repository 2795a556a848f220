#!/bin/sh
# Fails if a public header includes one of the driver's: users need not have those.
found=$(grep -rnE '#[[:space:]]*include.*(bson|mongoc)' "$1")
status=$?
[ -z "$found" ] || echo "$found"
[ "$status" -eq 1 ] # grep: nothing found; 2 would be a folder that is not there
