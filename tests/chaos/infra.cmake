# The chaos harness itself, and a short run of it. All start what they need.
if(DLOCK_SANITIZE)
  return()  # a sanitizer's runtime wants to be loaded before the shim of the clock
endif()
set(chaos_bin ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
foreach(part IN ITEMS schedule history proxy clock leftovers)
  dlock_test(NAME chaos.${part} COMMAND ${DLOCK_PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/test_${part}.py)
  set_tests_properties(chaos.${part} PROPERTIES LABELS chaos TIMEOUT 240 COST 15 SKIP_RETURN_CODE 77
    ENVIRONMENT "DLOCK_CHAOS_BIN=${chaos_bin}")
endforeach()
set_tests_properties(chaos.proxy chaos.clock chaos.leftovers PROPERTIES LABELS "chaos;timed")
set(chaos_main ${DLOCK_PYTHON} -B ${PROJECT_SOURCE_DIR}/chaos/harness/main.py --bin ${chaos_bin})
dlock_test(NAME chaos.short COMMAND ${chaos_main} --seconds 50 --seed 7
  --faults primary-kill,stepdown,primary-frozen,minority-primary,one-way-partition,holder-frozen,holder-killed,waiter-killed,kill-at,swallow-reply,reset-mid-reply,write-concern-fails,notify-dropped,client-clock)
set_tests_properties(chaos.short PROPERTIES LABELS "chaos;timed;full" TIMEOUT 600 RESOURCE_LOCK crowded COST 400)
