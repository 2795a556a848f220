#!/usr/bin/env bash
# shared.sh SOURCE WORK VERSION COMPILER: builds and installs dlock as a shared library, and uses it as others would.
set -euo pipefail
source=$1 work=$2 version=$3 compiler=$4
soname=libdlock.so.${version%.*}
consumer=$source/tests/consumer/project

say() { printf '==> %s\n' "$*"; }
die() { printf 'shared.sh: %s\n' "$*" >&2 && exit 1; }

rm -rf "$work" && mkdir -p "$work"
say "building it"
cmake -S "$source" -B "$work/build" -DCMAKE_CXX_COMPILER="$compiler" -G Ninja -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_CXX_FLAGS=-g \
  -DBUILD_SHARED_LIBS=ON \
  -DDLOCK_BUILD_TESTS=OFF -DDLOCK_BUILD_BENCH=OFF -DDLOCK_BUILD_EXAMPLES=OFF --log-level=WARNING >"$work/log" 2>&1 &&
  cmake --build "$work/build" -j 2 >>"$work/log" 2>&1 && cmake --install "$work/build" --prefix "$work/prefix" >>"$work/log" 2>&1 ||
  { cat "$work/log" && die "it cannot be built"; }
library=$(find "$work/prefix" -name libdlock.so)
folder=${library%/*}

say "what it exports"
[[ $(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p') == "$soname" ]] || die "its SONAME is not $soname"
nm -DC --defined-only "$library" | cut -c 20- >"$work/exported"
if grep -E '\b(detail|protocol|engine|runtime)::' "$work/exported"; then die "these are its own business"; fi
if grep -vE '^dlock::|^(typeinfo( name)?|vtable) for dlock::' "$work/exported"; then die "these are not dlock's"; fi
grep -q '^dlock::mutex::acquire(' "$work/exported" || die "it does not export mutex::acquire"

say "programs"
export LD_LIBRARY_PATH=$folder PKG_CONFIG_PATH=$folder/pkgconfig
cmake -S "$consumer" -B "$work/found" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1 &&
  cmake --build "$work/found" >>"$work/log" 2>&1 || { cat "$work/log" && die "the project does not find it"; }
read -ra flags <<<"$(pkg-config --cflags --libs dlock)"
"$compiler" -std=c++20 "$consumer/main.cpp" -o "$work/shared" "${flags[@]}"
read -ra flags <<<"$(pkg-config --static --cflags --libs dlock)"
"$compiler" -std=c++20 "$consumer/main.cpp" -o "$work/static" "${flags[@]/#-ldlock/-l:libdlock.a}"
for program in "$work/found/consumer" "$work/shared" "$work/static"; do
  [[ $("$program") == "dlock $version"$'\n'"caught: invalid_argument" ]] || die "$program prints: $("$program")"
done
for program in "$work/found/consumer" "$work/shared"; do
  readelf -d "$program" | grep -q "NEEDED.*$soname" || die "$program is not linked with the shared library"
done
if readelf -d "$work/static" | grep -q libdlock; then die "$work/static is linked with the shared library"; fi

say "its ABI"
# abi STATUS [LIBRARY]: what scripts/abi.sh must say.
abi() {
  local status=0
  "$source/scripts/abi.sh" check "${2:-$work/build/src/libdlock.so}" "$version" >"$work/log" 2>&1 || status=$?
  [[ $status == 3 ]] && say "not compared: $(cat "$work/log")" && exit
  [[ $status == "$1" ]] || { cat "$work/log" && die "abi.sh ended with $status, not $1"; }
}
abi 0
# Would it notice? A library without a class that it had:
sed 's/^    _ZN5dlock\*;/    _ZN5dlock[!9]*;/' "$source/src/exports.map" >"$work/exports.map"
cmp -s "$work/exports.map" "$source/src/exports.map" && die "nothing was planted"
link=$(ninja -C "$work/build" -t commands src/libdlock.so | grep -e --version-script)
(cd "$work/build" && eval "${link//$source\/src\/exports.map/$work\/exports.map}")
abi 1
grep -q "dlock::semaphore::" "$work/log" || die "abi.sh does not name what is missing"
# And a class that was smaller than it is now:
sed "/<class-decl name='lock_options'/s/size-in-bits='[0-9]*'/size-in-bits='64'/" "$source/packaging/abi/dlock-${version%.*}.abi" >"$work/smaller.abi"
(cd "$work/build" && eval "$link")
DLOCK_ABI=$work/smaller.abi abi 1
grep -q "lock_options" "$work/log" || die "abi.sh does not name what changed"
