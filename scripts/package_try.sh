#!/usr/bin/env bash
# package_try.sh: in a fresh Debian, installs the packages in /packages, uses them as a user would, and purges them. See package.py.
set -euo pipefail
trap 'exit 130' INT # the first process of a PID namespace does not end by itself
trap 'exit 143' TERM
source /src/scripts/install.sh
export DEBIAN_FRONTEND=noninteractive
limit=10 # seconds that an installation may take

files() { find / -xdev \( -path /proc -o -path /src -o -path /packages -o -path /tmp -o -path /var -o -path /root \) -prune -o -print | sort; }

# What the packages need comes first: that is the network's time, not theirs.
cd /packages
dpkg-deb -f dlock_*.deb Depends >&2
apt-get -qq install -y --no-install-recommends --download-only ./dlock_*.deb ./libdlock0*.deb >/dev/null </dev/null
files >/tmp/before
say "==> apt install"
began=$(date +%s%N)
apt-get -qq install -y --no-install-recommends ./dlock_*.deb ./libdlock0*.deb >/dev/null </dev/null
took=$((($(date +%s%N) - began) / 1000000))
say "    $took ms"
((took < limit * 1000)) || die "the installation took $took ms, of at most $limit s"
dlock --version >&2
said=$(dlock ls --url mongodb://127.0.0.1:1 --connect-timeout 1 2>&1) && die "dlock ls finds a server where there is none"
[[ $said == "dlock: "* ]] || die "dlock ls says: $said"
dlock completion bash | cmp - /usr/share/bash-completion/completions/dlock || die "the completion of bash is not that of the command"
for file in /usr/share/doc/dlock/copyright /usr/share/man/man1/dlock-run.1.gz /usr/share/doc/dlock/sbom.spdx.json /usr/share/zsh/vendor-completions/_dlock; do
  [[ -s $file ]] || die "$file is missing"
done

say "==> a program"
apt-get -qq install -y --no-install-recommends ./libdlock-dev*.deb g++ pkgconf >/dev/null </dev/null
g++ -std=c++20 /src/tests/consumer/project/main.cpp $(pkg-config --cflags --libs dlock) -o /tmp/consumer
/tmp/consumer >&2

say "==> purge"
cd / # apt would take the names of the files for those of packages
apt-get -qq purge -y dlock "libdlock0.*" libdlock-dev >/dev/null </dev/null
apt-get -qq autoremove -y --purge >/dev/null </dev/null
left=$(files | comm -13 /tmp/before - | grep -E '[/_](lib)?dlock' || true)
[[ -z $left ]] || die "these are left:"$'\n'"$left"
known=$(dpkg-query -W 'dlock*' 'libdlock*' 2>/dev/null || true)
[[ -z $known ]] || die "dpkg still knows $known"
say "    nothing is left"
