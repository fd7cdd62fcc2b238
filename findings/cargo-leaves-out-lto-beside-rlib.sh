#!/usr/bin/env bash
# cargo leaves out `lto` for a library that is to be both a `cdylib` and an `rlib`.
#
# Versions: cargo 1.95.0, on Linux.
# Behaviour: the profile says `lto = true`. For crate types `cdylib` and `rlib` together rustc is called without it, and
# nothing is said: the shared library is linked of code that was optimised crate by crate. Built alone, by
# `cargo rustc --crate-type cdylib`, it is optimised as a whole.
# Who meets it: addons and bindings whose tests or fuzz targets reach the same library. One of 11.6 MB was 14.1 MB.
. "$(dirname "$0")/support/start.sh"

mkdir src
echo '#[unsafe(no_mangle)] pub extern "C" fn answer() -> u32 { 42 }' > src/lib.rs
cat > Cargo.toml <<CODE
[package]
name = "addon"
version = "0.1.0"
edition = "2024"
[lib]
crate-type = ["cdylib", "rlib"]
[profile.release]
lto = true
CODE
# How rustc is called for the library: its crate types, and whether it optimises as a whole.
call() {
  CARGO_TARGET_DIR=$(mktemp -d -p "$folder") cargo "$@" --release --lib --verbose 2>&1 |
    grep -oE -- '--crate-type [a-z]+| lto( |$)' | tr -d '\n' | sed 's/--crate-type / /g' | xargs
}
both=$(call build)
alone=$(call rustc --crate-type cdylib)
answer="both '$both', alone '$alone'"
seen "cargo $(cargo --version | cut -d' ' -f2): $answer"
[ "$answer" = "both 'cdylib rlib', alone 'cdylib lto'" ] || changed "$answer"
