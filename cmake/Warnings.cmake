# Warnings are errors where the tests are built, too. Who only installs dlock, or has it as a subdirectory, may have a compiler or
# options that warn of more (GCC 12 does at -O3, and is wrong).
if(DLOCK_BUILD_TESTS AND NOT DEFINED CMAKE_COMPILE_WARNING_AS_ERROR)
  set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
endif()

# dlock_warnings(target): the warnings we build with.
function(dlock_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
    -Woverloaded-virtual -Wimplicit-fallthrough -Wextra-semi
    # designated initializers leave fields at their defaults on purpose
    -Wno-missing-field-initializers
    # bson_t is over-aligned; as a template argument it is only named. GCC says so there, clang at each use
    -Wno-ignored-attributes $<$<CXX_COMPILER_ID:Clang>:-Wno-align-mismatch>)
  if(DLOCK_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC says that TSan does not model std::atomic_thread_fence, which libstdc++ headers use and we do not
    target_compile_options(${target} PRIVATE -Wno-tsan)
  endif()
endfunction()
