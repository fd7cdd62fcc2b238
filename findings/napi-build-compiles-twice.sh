#!/usr/bin/env bash
# `napi build` shares no compiled dependency with `cargo build` and `cargo test` of the same crate.
#
# Versions: @napi-rs/cli 3.10.12, cargo of the machine.
# Behaviour: without a target being asked for, the command passes `--target` with the machine's own, so that cargo compiles all
# dependencies once more into a folder of its own; nothing says so. In a crate with a database driver that is minutes.
# Who meets it: whoever wonders why the tests of a native addon compile everything twice.
. "$(dirname "$0")/support/start.sh"

install_npm @napi-rs/cli@3.10.12
mkdir src
cat > Cargo.toml <<'CODE'
[package]
name = "addon"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[dependencies]
itoa = "=1.0.15"
CODE
echo 'pub fn one() -> usize { itoa::Buffer::new().format(1u8).len() }' > src/lib.rs
cat > package.json <<'CODE'
{ "name": "addon", "private": true, "napi": { "binaryName": "addon" } }
CODE
export CARGO_TARGET_DIR=$folder/target
cargo build --quiet
./node_modules/.bin/napi build --platform --no-js > /dev/null 2>&1 || true
host=$(rustc -vV | sed -n 's/^host: //p')
count=$(find target -name 'libitoa-*.rlib' | wc -l)
own=$(find "target/$host" -name 'libitoa-*.rlib' 2> /dev/null | wc -l)
seen "cargo $(cargo --version | cut -d' ' -f2): itoa compiled $count times, $own of them for an explicit target"
[ "$count $own" = "2 1" ] || changed "$count $own"
