#!/usr/bin/env bash
# package_inside.sh VERSION DATE PACKAGE...: in a fresh Debian with the source in /src, makes the packages, twice, in /packages.
# See package.py. DATE: of the commit, in seconds.
set -euo pipefail
trap 'exit 130' INT # the first process of a PID namespace does not end by itself
trap 'exit 143' TERM
version=$1 date=$2
shift 2
source /src/scripts/install.sh
export DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH=$date

say "==> packages that the build needs, on $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
apt-get -qq install -y --no-install-recommends "$@" scdoc lintian file dpkg-dev >/dev/null </dev/null

# make_packages FOLDER: without debug information. The packages have none, and GCC 14's differs from build to build.
make_packages() {
  rm -rf /build
  cmake -S /src -B /build -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_BUILD_TYPE=RelWithDebInfo -DBUILD_SHARED_LIBS=ON -DCMAKE_SKIP_INSTALL_RPATH=ON \
    -DDLOCK_BUILD_TESTS=OFF -DDLOCK_BUILD_BENCH=OFF -DDLOCK_BUILD_EXAMPLES=OFF -DDLOCK_PACKAGE_VERSION="$version" \
    -DCMAKE_CXX_FLAGS="$(dpkg-buildflags --get CXXFLAGS) $(dpkg-buildflags --get CPPFLAGS)" -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-DNDEBUG -g0" \
    -DCMAKE_SHARED_LINKER_FLAGS="$(dpkg-buildflags --get LDFLAGS) -Wl,-z,now" \
    -DCMAKE_EXE_LINKER_FLAGS="$(dpkg-buildflags --get LDFLAGS) -Wl,-z,now" --log-level=WARNING
  cmake --build /build -j "$(nproc)" >/tmp/output 2>&1 || die "this ended with $?:"$'\n'"$(cat /tmp/output)"
  strip --strip-debug --enable-deterministic-archives /build/src/libdlock.a # cpack strips only what is linked
  (cd /build && cpack -G DEB -B "$1") >/tmp/output 2>&1 || die "this ended with $?:"$'\n'"$(cat /tmp/output)"
  rm -rf "$1/_CPack_Packages"
  # cpack adds scripts that call ldconfig, as packages did before there was a trigger for it.
  rm -rf /tmp/unpacked
  dpkg-deb -R "$1"/libdlock0*.deb /tmp/unpacked
  rm /tmp/unpacked/DEBIAN/post{inst,rm}
  dpkg-deb --root-owner-group -b /tmp/unpacked "$1"/libdlock0*.deb >/dev/null
}

umask 022
say "==> version $version"
make_packages /packages
(cd /packages && sha256sum -- *.deb) >&2
say "==> once more"
make_packages /again
for deb in /packages/*.deb; do
  cmp -s "$deb" "/again/${deb##*/}" && continue
  rm -rf /tmp/first /tmp/second
  dpkg-deb -R "$deb" /tmp/first
  dpkg-deb -R "/again/${deb##*/}" /tmp/second
  die "${deb##*/} is not the same when it is built again:"$'\n'"$(diff -r /tmp/first /tmp/second)"
done
say "==> lintian"
lintian --fail-on error,warning /packages/*.deb >&2 || die "lintian finds faults"
