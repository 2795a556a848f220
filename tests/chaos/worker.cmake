# chaos-worker and chaos-resource by themselves: what they write down, and the fail points in their library.
set(worker_test ${CMAKE_CURRENT_LIST_DIR}/test_worker.py)
set(worker_environment DLOCK_WORKER=$<TARGET_FILE:chaos_worker> DLOCK_RESOURCE=$<TARGET_FILE:chaos_resource>)
dlock_test(NAME chaos.worker COMMAND ${DLOCK_PYTHON} -B ${PROJECT_SOURCE_DIR}/scripts/replica_set.py run --nodes 1 --
  ${DLOCK_PYTHON} -B ${worker_test} History TestPoints)
dlock_test(NAME chaos.fail_points COMMAND ${DLOCK_PYTHON} -B ${worker_test} Environment)
set_tests_properties(chaos.worker chaos.fail_points PROPERTIES LABELS chaos TIMEOUT 180 COST 20 ENVIRONMENT "${worker_environment}")
set_tests_properties(chaos.worker PROPERTIES LABELS "chaos;timed")
