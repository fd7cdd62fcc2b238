#!/usr/bin/env bash
# A JSON Schema that is stored in MongoDB comes back from the Node driver without its `$ref`, and is another one when it is saved.
#
# Versions: Node driver 7.5.0, bson 7.3.4, MongoDB 6.0.5.
# Behaviour: an object with `$id` and `$ref` is what a subschema with a name of its own looks like, and what MongoDB's old references
# look like. bson makes a DBRef of it, whose `$ref` is undefined; JSON.stringify writes it as it was, which hides that. A `$ref` with
# one dot in it counts as database and collection: `person.json` goes back as `json`, with a `$db: person` that nobody has
# written. A save of something else in the document is enough. A file name with two dots, or a path with none, survives.
# Who meets it: whoever keeps schemas, API descriptions or forms in MongoDB; as values they are data, so one expects them back.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4
install_mongod
start_mongod
cat > schema.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const forms = client.db('test').collection('forms')
const asPairs = [{ $project: { pairs: { $objectToArray: '$owner' } } }]
const stored = async () => (await forms.aggregate(asPairs).next()).pairs.map(({ k, v }) => `${k} ${v}`).join(', ')
await forms.insertOne({ _id: 1, name: 'order', owner: { $id: 'https://example.org/owner', $ref: 'person.json' } })
console.log(`stored: ${await stored()}`)
const form = await forms.findOne()
console.log(`read: a ${form.owner.constructor.name}, $ref ${form.owner.$ref}`)
form.name = 'invoice'
await forms.replaceOne({ _id: 1 }, form)
console.log(`stored with another name: ${await stored()}`)
await client.close()
CODE
expected="stored: \$id https://example.org/owner, \$ref person.json
read: a DBRef, \$ref undefined
stored with another name: \$ref json, \$id https://example.org/owner, \$db person"
answer=$(node schema.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
