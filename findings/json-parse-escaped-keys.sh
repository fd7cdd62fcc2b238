#!/usr/bin/env bash
# V8's JSON.parse can give an object the key of another one.
#
# Versions: Node 24.4.0 (V8 13.6) and 26.10.0 (V8 14.6). Node 20 is not affected. Reported as nodejs/node issue 63785.
# Behaviour: after a text whose second key is an escaped backslash, a text of the same shape whose second key is another
# escaped character comes back with the backslash as that key. Only keys that are written with an escape are concerned.
# Who meets it: whoever parses JSON with keys that people choose: the value is right, its name is not.
. "$(dirname "$0")/support/start.sh"

cat > parse.cjs <<'CODE'
const text = (key) => JSON.stringify({ a: 1, [key]: 2 })
JSON.parse(text('\\'))
const wrong = ['"', '\n'].filter((key) => !Object.hasOwn(JSON.parse(text(key)), key))
console.log(`${process.version} V8 ${process.versions.v8}: ${wrong.length} of 2 keys read wrong`)
CODE
for version in 20.19.0 24.4.0 26.10.0; do
  install_npm "node@$version"
  answer=$(./node_modules/.bin/node parse.cjs)
  seen "$answer"
  case "$answer" in
    v20*0\ of*) ;;
    v24*2\ of* | v26*2\ of*) ;;
    *) changed "expected 0 wrong keys on Node 20 and 2 on Node 24 and 26" ;;
  esac
done
