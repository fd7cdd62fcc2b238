#!/usr/bin/env bash
# Of two equal keys in a stored subdocument the server works on the first, and the drivers show the last.
#
# Versions: MongoDB 6.0.5, PyMongo 4.10.1, Node driver 7.5.0.
# Behaviour: a subdocument with the key `n` twice is legal BSON and is stored. `$set` of `sub.n` is acknowledged with one
# document modified, and both drivers read the value from before; a query by the value that they show finds nothing.
# Who meets it: whoever reads and writes what programs in other languages have stored.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$folder/python" pymongo==4.10.1
cat > twice.py <<'CODE'
import sys, bson, pymongo
from bson.raw_bson import RawBSONDocument
plain = bson.encode({'_id': 1, 'sub': {'n': 1, 'm': 2}})
twice = plain.replace(b'\x10m\x00', b'\x10n\x00')
collection = pymongo.MongoClient(sys.argv[1]).test.twice
collection.insert_one(RawBSONDocument(twice))
changed = collection.update_one({'_id': 1}, {'$set': {'sub.n': 3}}).modified_count
shown = collection.find_one({'_id': 1})['sub']['n']
found = collection.count_documents({'sub.n': shown})
print(f'modified {changed}, PyMongo reads {shown} and finds {found} by it')
CODE
cat > read.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const { sub } = await client.db('test').collection('twice').findOne({ _id: 1 })
console.log(`the Node driver reads ${sub.n}`)
await client.close()
CODE
uri=mongodb://127.0.0.1:$port
answer="$(PYTHONPATH=$folder/python python3 twice.py "$uri"), $(node read.mjs "$uri")"
seen "$answer"
[ "$answer" = "modified 1, PyMongo reads 2 and finds 0 by it, the Node driver reads 2" ] || changed "$answer"
