#!/usr/bin/env bash
# glibc says of an addon for another processor that there is no such file.
#
# Versions: Node 20 with the glibc of this system, on x86-64; @napi-rs/lzma-linux-arm64-gnu 1.4.5, an addon for arm64.
# Behaviour: loading it ends with "cannot open shared object file: No such file or directory", though the file is there and can be
# read. The loader looks for a file that it can use, and says of all it passes over that it found none. A file that
# is no library at all is told as such ("file too short", "invalid ELF header").
# Who meets it: whoever copies node_modules from a laptop with an arm64 processor to a server, or into an image, and then looks for a
# file that was never missing.
. "$(dirname "$0")/support/start.sh"

npm pack --silent @napi-rs/lzma-linux-arm64-gnu@1.4.5 > /dev/null
tar -xzf napi-rs-lzma-linux-arm64-gnu-1.4.5.tgz
addon=$(ls "$folder"/package/*.node)
[ -r "$addon" ] || changed "there is no addon in the package"
answer=$(node -p "try { process.dlopen({ exports: {} }, '$addon') } catch (error) { error.message }")
answer=${answer#"$addon: "}
seen "an addon for arm64 on $(uname -m), of $(stat -c %s "$addon") bytes: $answer"
[ "$answer" = "cannot open shared object file: No such file or directory" ] || changed "$answer"
