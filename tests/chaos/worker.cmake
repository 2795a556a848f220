# chaos-worker and chaos-resource by themselves: what they write down, and the bugs and test points in their library.
set(worker_test ${CMAKE_CURRENT_LIST_DIR}/test_worker.py)
set(worker_environment DLOCK_WORKER=$<TARGET_FILE:chaos_worker> DLOCK_RESOURCE=$<TARGET_FILE:chaos_resource>
  DLOCK_LIBRARY=$<TARGET_FILE:dlock>)
dlock_test(NAME chaos.worker COMMAND ${DLOCK_PYTHON} -B ${PROJECT_SOURCE_DIR}/scripts/replica_set.py run --nodes 1 --
  ${DLOCK_PYTHON} -B ${worker_test} History TestPoints)
dlock_test(NAME chaos.planted_names COMMAND ${DLOCK_PYTHON} -B ${worker_test} Names)
set_tests_properties(chaos.worker chaos.planted_names PROPERTIES LABELS chaos TIMEOUT 180 COST 20 ENVIRONMENT "${worker_environment}")
set_tests_properties(chaos.worker PROPERTIES LABELS "chaos;timed")

# What is installed has nothing of all that. (Sanitizers bring names of their own.)
if(NOT DLOCK_SANITIZE)
  dlock_test(NAME chaos.nothing_planted_is_shipped COMMAND ${DLOCK_PYTHON} -B ${worker_test} Shipped)
  set_tests_properties(chaos.nothing_planted_is_shipped PROPERTIES LABELS chaos TIMEOUT 60 ENVIRONMENT "${worker_environment}")
endif()

# Each bug by itself: with it the library does wrong, without it does not.
add_executable(dlock_planted_test planted/clients.cpp planted/documents.cpp planted/machines.cpp planted/main.cpp)
target_include_directories(dlock_planted_test PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(dlock_planted_test PRIVATE dlock_planted ${DLOCK_MONGOC})
dlock_warnings(dlock_planted_test)
dlock_test(NAME chaos.planted_bugs COMMAND ${DLOCK_PYTHON} -B ${PROJECT_SOURCE_DIR}/scripts/replica_set.py run --nodes 1 --
  ${DLOCK_PYTHON} -B ${worker_test} Bugs)
set_tests_properties(chaos.planted_bugs PROPERTIES LABELS "chaos;timed" TIMEOUT 300 COST 45
  ENVIRONMENT "${worker_environment};DLOCK_PLANTED_TEST=$<TARGET_FILE:dlock_planted_test>")
