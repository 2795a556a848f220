# DLOCK_FILE_BY_FILE: targets of which each file is compiled by itself, because single files are compiled anew again and again
# (chaos/harness/patches.py).

# Reads the standard headers that most files use once per target: a fifth of the compilation. The presets dev and tidy do
# without, and so see what a file forgets to include.
function(dlock_precompile target)
  if(target IN_LIST DLOCK_FILE_BY_FILE)
    return()
  endif()
  target_precompile_headers(${target} PRIVATE <algorithm> <chrono> <condition_variable> <functional> <map> <memory>
    <mutex> <optional> <string> <vector>)
endfunction()

# Compiles several files of a target as one. What they define for themselves must differ in name. A new file makes other files
# meet: for the command, the test cli.one_unit compiles all of them as one.
function(dlock_unity target)
  if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS AND NOT target IN_LIST DLOCK_FILE_BY_FILE)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Wno-subobject-linkage)  # to GCC they are headers then
    endif()
  endif()
endfunction()
