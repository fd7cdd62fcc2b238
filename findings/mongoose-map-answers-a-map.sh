#!/usr/bin/env bash
# The toBSON of a mongoose document answers a Map for fields of type Map, so that code which follows toBSON still meets one.
#
# Versions: mongoose 9.12.1, bson 7.3.4.
# Behaviour: `toBSON()` of a document whose schema has a field of type Map answers an object with a Map (mongoose's own subclass) in
# it, and JSON.stringify of that object has `{}` in its place. bson's serialize writes the entries; a plain `toJSON()` of the
# document answers a Map as well unless `flattenMaps` is set, while JSON.stringify of the document writes the entries.
# Who meets it: whoever turns documents into plain objects by toBSON.
. "$(dirname "$0")/support/start.sh"

install_npm mongoose@9.12.1 bson@7.3.4
cat > map.mjs <<'CODE'
import mongoose from 'mongoose'
import { deserialize, serialize } from 'bson'
const Kept = mongoose.model('Kept', new mongoose.Schema({ colours: { type: Map, of: String } }))
const document = new Kept({ colours: { red: '#f00' } })
const plain = document.toBSON()
console.log(
  `toBSON: ${plain.colours instanceof Map ? 'a Map' : 'an object'}, as JSON ${JSON.stringify(plain.colours)}, ` +
    `by bson ${JSON.stringify(deserialize(serialize(document)).colours)}, ` +
    `the document as JSON ${JSON.stringify(JSON.parse(JSON.stringify(document)).colours)}`,
)
CODE
answer=$(node map.mjs)
seen "$answer"
[ "$answer" = "toBSON: a Map, as JSON {}, by bson {\"red\":\"#f00\"}, the document as JSON {\"red\":\"#f00\"}" ] || changed "$answer"
