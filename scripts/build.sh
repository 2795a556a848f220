# shellcheck shell=bash
# How ./run and the tests under sanitizers configure and build. Sourced.

# step TITLE COMMAND...: says what is being done and how long it took
step() {
  local title=$1 began=$SECONDS
  shift
  say "==> $title"
  "$@"
  say "    $title: $((SECONDS - began)) s"
}

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

# other_version COMMIT: builds its chaos-worker, as build/beside/COMMIT/chaos-worker
other_version() {
  local there=build/beside/$1
  git cat-file -e "$1^{commit}" 2>/dev/null || die "chaos: there is no commit $1 here: this needs a clone with its history" 3
  [[ ! -x $there/chaos-worker ]] || return 0
  rm -rf "$there" && mkdir -p "$there/src"
  git archive "$1" | tar -x -C "$there/src"
  if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
  (cd "$there/src" && step "configuring $1" cmake --preset release --log-level=WARNING && step "building its chaos-worker" cmake --build build --target chaos-worker)
  mv "$there/src/build/bin/chaos-worker" "$there/"
  rm -rf "$there/src"
}
