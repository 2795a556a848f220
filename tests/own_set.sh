#!/bin/sh
# own_set.sh COMMAND...: runs it with a replica set of its own (one member), so that it need not wait for the one that the
# tests share; with that one if there is no mongod, only a server that the user named.
scripts=$(dirname "$0")/../scripts
if "$scripts/mongod.py" >/dev/null 2>&1; then
  exec /usr/bin/python3 "$scripts/replica_set.py" run --nodes 1 -- "$@"
fi
exec "$@"
