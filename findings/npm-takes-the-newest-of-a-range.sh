#!/usr/bin/env bash
# npm gives a package that accepts bson 5, 6 and 7 another bson than the driver beside it, and their values do not mix.
#
# Versions: npm 11, mongoose 8.19.1 (bson 6), a package that depends on `bson` at `^5 || ^6 || ^7`.
# Behaviour: installed in one command, the package gets the newest bson at the top of node_modules and mongoose one of its own
# below, though the one that mongoose needs would satisfy both. A value of the one is refused by the other (BSONVersionError).
# A peer dependency resolves to mongoose's.
# Who meets it: libraries that answer BSON values to an application whose driver is of last year.
. "$(dirname "$0")/support/start.sh"

mkdir -p library
cat > library/package.json <<'CODE'
{ "name": "library", "version": "1.0.0", "dependencies": { "bson": "^5 || ^6 || ^7" } }
CODE
echo "module.exports = require('bson')" > library/index.js
(cd library && npm pack --silent > /dev/null)
install_npm mongoose@8.19.1 ./library/library-1.0.0.tgz
cat > mix.mjs <<'CODE'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
const require = createRequire(import.meta.url)
const { ObjectId } = require('library')
const below = createRequire(require.resolve('mongoose'))
const { serialize } = below('bson')
const majorOf = (file) => JSON.parse(readFileSync(join(file.slice(0, file.lastIndexOf('/bson/') + 6), 'package.json'))).version.split('.')[0]
const versions = [require.resolve('bson'), below.resolve('bson')].map(majorOf)
let outcome = 'accepted'
try {
  serialize({ id: new ObjectId() })
} catch (error) {
  outcome = error.name
}
console.log(`the library has bson ${versions[0]}, mongoose bson ${versions[1]}: ${outcome}`)
CODE
answer=$(node mix.mjs)
seen "$answer"
[ "$answer" = "the library has bson 7, mongoose bson 6: BSONVersionError" ] || changed "$answer"
