# Applies DLOCK_SANITIZE to everything that is built below.
if(DLOCK_SANITIZE)
  add_compile_options(-fsanitize=${DLOCK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1 -O1)
  add_link_options(-fsanitize=${DLOCK_SANITIZE})
endif()

# With DLOCK_FUZZ everything also tells libFuzzer which of its code an input has reached; tests/fuzz links libFuzzer itself. Two
# checks are more than `undefined` has with clang: a double that does not fit its integer, and a division by 0.0.
if(DLOCK_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "DLOCK_FUZZ needs clang, which brings libFuzzer: use the preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,float-cast-overflow,float-divide-by-zero -fno-sanitize-recover=all)
  add_link_options(-fsanitize=float-cast-overflow,float-divide-by-zero)
endif()
