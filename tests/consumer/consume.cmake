# Builds and runs the project in project/ against dlock, installed for it or as its subdirectory (KIND).
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGV}\nended with ${status}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
if(KIND STREQUAL "installed")
  run(${CMAKE_COMMAND} --install ${DLOCK_BUILD} --prefix ${WORK}/prefix)
  set(where -DCMAKE_PREFIX_PATH=${WORK}/prefix)
  # The command is installed, too, and works from there.
  if(CLI)
    run(${WORK}/prefix/bin/dlock --version)
  endif()
else()
  set(where -DDLOCK_SOURCE=${DLOCK_SOURCE})
endif()

run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
  -DCMAKE_BUILD_TYPE=None ${where})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
if(NOT output STREQUAL "dlock ${VERSION}\ncaught: invalid_argument\n")
  message(FATAL_ERROR "the consumer printed \"${output}\"")
endif()
