#!/usr/bin/env bash
# An override of a package's optimisation in a profile of cargo undoes the `strip` of that profile.
#
# Versions: cargo 1.95.0, on Linux.
# Behaviour: with `strip = "symbols"` in the profile, a library is stripped. With an entry for its package in
# `[profile.release.package]`, whatever it says (here an opt-level), cargo passes `strip=debuginfo`, without a warning: the symbols
# stay. Overrides of other packages, `"*"` too, leave it as it was. An override may not say `strip` itself.
# Who meets it: whoever has dependencies compiled to be small, and the package itself to be fast. A quarter of an addon was symbols.
. "$(dirname "$0")/support/start.sh"

mkdir src
echo 'pub fn one() -> usize { std::env::args().count() }' > src/lib.rs
stripping() {
  cat > Cargo.toml <<CODE
[package]
name = "addon"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[profile.release]
strip = "symbols"
$1
CODE
  CARGO_TARGET_DIR=$(mktemp -d -p "$folder") cargo build --release -v 2>&1 | grep -o 'strip=[a-z]*'
}
plain=$(stripping '')
own=$(stripping '[profile.release.package]
addon = { opt-level = 2 }')
others=$(stripping '[profile.release.package]
"*" = { opt-level = 2 }')
answer="plain $plain, with an entry of its own $own, with one for all others $others"
seen "cargo $(cargo --version | cut -d' ' -f2): $answer"
[ "$answer" = "plain strip=symbols, with an entry of its own strip=debuginfo, with one for all others strip=symbols" ] || changed "$answer"
