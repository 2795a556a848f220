# The planted bugs, which are patches (chaos/planted): that each can be applied, that nothing of them is shipped, and that what
# is said to find them does, of three. ./run planted proves it of all.
# Sanitizers bring names of their own, and the copy is built without them.
if(DLOCK_SANITIZE)
  return()
endif()
set(planted_environment DLOCK_CHAOS_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY} DLOCK_LIBRARY=$<TARGET_FILE:dlock>
  DLOCK_WORKER=$<TARGET_FILE:chaos_worker>)
dlock_test(NAME chaos.planted COMMAND ${DLOCK_PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/test_planted.py)
set_tests_properties(chaos.planted PROPERTIES LABELS chaos TIMEOUT 120 COST 15 ENVIRONMENT "${planted_environment}")
# Of the protocol alone: it is built in half a minute.
dlock_test(NAME chaos.planted_few COMMAND ${DLOCK_YIELDING} ${DLOCK_PYTHON} -B ${PROJECT_SOURCE_DIR}/chaos/harness/prove.py
  --build ${PROJECT_BINARY_DIR}/planted late-resize observed-too-early bad-fence-is-a-lock)
set_tests_properties(chaos.planted_few PROPERTIES LABELS "chaos;full" TIMEOUT 900 COST 100)
