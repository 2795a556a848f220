#!/bin/sh
# shared_set.sh COMMAND...: runs it with the one of the sets that tests share that ctest has chosen (RESOURCE_GROUPS); if nobody
# chose, with the first.
chosen=${CTEST_RESOURCE_GROUP_0_SETS#id:}
chosen=${chosen%%,*}
if [ "${chosen:-1}" != 1 ]; then
  eval "DLOCK_TEST_URL=\$DLOCK_TEST_URL_$chosen DLOCK_TEST_DIR=\$DLOCK_TEST_DIR_$chosen DLOCK_TEST_SET=\$DLOCK_TEST_SET_$chosen"
  export DLOCK_TEST_URL DLOCK_TEST_DIR DLOCK_TEST_SET
fi
export DLOCK_SHARED_SET="${chosen:-1}"
exec "$@"
