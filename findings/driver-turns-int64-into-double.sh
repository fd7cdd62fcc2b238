#!/usr/bin/env bash
# A document that the Node driver reads and writes back has doubles where its 64-bit integers were.
#
# Versions: Node driver 7.5.0, bson 7.3.4, PyMongo 4.10.1, MongoDB 6.0.5.
# Behaviour: an int64 up to 2^53 is read as a number, and a number beyond 2^31 is written as a double. The value stays, its type does
# not: Python, which had written an int, reads a float; `$type: 'long'` does not find it any more, and `$bit` refuses it. Beyond 2^53
# it is a Long, and stays what it is.
# Who meets it: collections that Node shares with programs in other languages, which have their time stamps there.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4
install_mongod
start_mongod
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$folder/python" pymongo==4.10.1
cat > long.py <<'CODE'
import sys, pymongo
collection = pymongo.MongoClient(sys.argv[1]).test.sessions
if sys.argv[2] == 'write':
    collection.insert_one({'_id': 1, 'at': 1764390000000, 'beyond': 2 ** 60, 'n': 0})
found = collection.find_one()
longs = [key for key in ('at', 'beyond') if collection.count_documents({key: {'$type': 'long'}})]
print(f"Python {'writes' if sys.argv[2] == 'write' else 'reads'} {found['at']!r} and {found['beyond']!r}, 64-bit: {' '.join(longs)}")
CODE
cat > replace.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const sessions = client.db('test').collection('sessions')
const session = await sessions.findOne()
session.n++
await sessions.replaceOne({ _id: 1 }, session)
await client.close()
CODE
uri=mongodb://127.0.0.1:$port
written=$(PYTHONPATH=$folder/python python3 long.py "$uri" write)
node replace.mjs "$uri"
answer="$written; after a save by Node $(PYTHONPATH=$folder/python python3 long.py "$uri" read)"
expected="Python writes 1764390000000 and 1152921504606846976, 64-bit: at beyond; after a save by Node Python reads 1764390000000.0 and 1152921504606846976, 64-bit: beyond"
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
