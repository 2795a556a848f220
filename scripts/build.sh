# shellcheck shell=bash
# How ./run and the tests under sanitizers configure and build. Sourced.

launcher=() # what builds and tests are started by

# build PRESET TARGET...
build() {
  if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
  cmake --preset "$1" --log-level=WARNING
  "${launcher[@]}" cmake --build --preset "$1" --target "${@:2}"
}

# From here on, what runs may be built with sanitizers. TSan cannot see into Debian's libmongoc, which is not built
# for it. Its memory map leaves no room for the much-randomized addresses of newer kernels.
sanitizers_on() {
  export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 TSAN_OPTIONS=ignore_noninstrumented_modules=1
  launcher=(setarch "$(uname -m)" -R)
  "${launcher[@]}" true 2>/dev/null || launcher=()
}
