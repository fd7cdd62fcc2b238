#!/usr/bin/env bash
# A counter that the Node driver reads as a number becomes an object beyond 2^53, to which `+ 1` appends a 1.
#
# Versions: Node driver 7.5.0, bson 7.3.4, MongoDB 6.0.5.
# Behaviour: up to 2^53 an int64 is read as a number. Beyond it is a Long, which has no valueOf, so that JavaScript takes its
# decimal digits: `n + 1` is a text, `a < b` compares two of them by their letters, and no operator throws as it does for a
# mixture with a BigInt. `n - 0` and `n++` give numbers, rounded. Stored again, the text ends the counting: `$inc` refuses it.
# Who meets it: whoever counts in nanoseconds, or keeps ids that are made of the time, as those of chat servers.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4
install_mongod
start_mongod
cat > counter.mjs <<'CODE'
import { Long, MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const counters = client.db('test').collection('counters')
await counters.insertOne({ _id: 1, n: Long.fromBigInt(2n ** 53n) })
const read = async () => (await counters.findOne()).n
const [small] = [await read(), await counters.updateOne({ _id: 1 }, { $inc: { n: 1 } })]
const large = await read()
await counters.updateOne({ _id: 1 }, { $set: { n: Long.fromBigInt(10n ** 16n) } })
const larger = await read()
console.log(`${small} is a ${typeof small}, ${large} an ${typeof large}; plus 1: ${JSON.stringify(large + 1)}`)
console.log(`${large} < ${larger}: ${large < larger}; - 0: ${large - 0 < larger - 0}; compare: ${large.compare(larger) < 0}`)
await counters.updateOne({ _id: 1 }, { $set: { n: large + 1 } })
const refused = await counters.updateOne({ _id: 1 }, { $inc: { n: 1 } }).catch((error) => error.codeName ?? error.code)
console.log(`$inc after it was stored: ${refused}`)
await client.close()
CODE
expected="9007199254740992 is a number, 9007199254740993 an object; plus 1: \"90071992547409931\"
9007199254740993 < 10000000000000000: false; - 0: true; compare: true
\$inc after it was stored: 14"
answer=$(node counter.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
