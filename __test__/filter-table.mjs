// Values, operands and paths: what filters are tried with on both engines.
import { Binary, Decimal128, MaxKey, ObjectId } from 'mongodb'

const oid = new ObjectId('507f1f77bcf86cd799439011')
const date = (ms) => new Date(ms)

/** Values of a field `v`, under session ids that are their positions. */
export const VALUES = [
  null,
  true,
  false,
  0,
  -0,
  1,
  1.5,
  -7,
  5n,
  2n ** 53n + 1n,
  2 ** 53,
  NaN,
  Infinity,
  -Infinity,
  Decimal128.fromString('1.5'),
  '',
  'a',
  'A',
  'ab',
  'b',
  '1',
  'ä',
  '😀',
  '\ufdd0',
  'a\ud800',
  date(0),
  date(1),
  date(-1),
  oid,
  new ObjectId('607f1f77bcf86cd799439011'),
  Buffer.from('a'),
  Buffer.from('ab'),
  Uint8Array.of(97),
  new Binary(Buffer.from('a'), 0x80),
  {},
  { a: 1 },
  { a: 1n },
  { a: 2 },
  { a: null },
  { a: 'x' },
  { a: [] },
  { a: [1, 2] },
  { a: [[1, 2]] },
  { a: { b: 1 } },
  { a: { b: [1, { b: 2 }] } },
  { a: [{ b: 1 }, { b: 2 }] },
  { a: [{ b: 1 }, { c: 1 }] },
  { a: [{ b: null }] },
  { a: [{ b: [1] }, 5] },
  { a: [[{ b: 1 }]] },
  { a: [{ 0: 1 }] },
  { a: [{ 0: { b: 1 } }] },
  { a: { 0: 1 } },
  { a: { 0: { b: 1 } } },
  { a: [null] },
  { a: [5, 'x'] },
  { b: 1, a: 1 },
  { a: 1, b: 1 },
  { $ne: 1 },
  { a: { $gt: 1 } },
  [],
  [1],
  [1, 2],
  [2, 1],
  [[1, 2]],
  [null],
  ['a', 1],
  [{ a: 1 }],
  [{ a: 1 }, { a: 2 }],
  [{ a: [1, 2] }],
  [{ a: [{ b: 1 }] }],
  [[{ a: 1 }]],
  [NaN],
  [{ $ne: 1 }],
  new MaxKey(),
  /a/,
]

const OPERANDS = [
  null,
  true,
  false,
  0,
  1,
  1.5,
  2,
  5,
  5n,
  2 ** 53,
  2n ** 53n,
  NaN,
  Infinity,
  '',
  'a',
  'ä',
  '\ufdd0',
  'a\ud800',
  date(0),
  date(5),
  oid,
  Buffer.from('a'),
  Uint8Array.of(97),
  Decimal128.fromString('1.5'),
]

const WHOLE = [
  {},
  { a: 1 },
  { a: 1.0, b: 1 },
  { b: 1, a: 1n },
  { a: [1, 2] },
  { a: { b: 1 } },
  [],
  [1],
  [1, 2],
  [[1, 2]],
  [{ a: 1 }],
  { $ne: 1 },
]

export const PATHS = ['v', 'v.a', 'v.a.b', 'v.0', 'v.a.0', 'v.0.a', 'v.a.0.b', 'v.a.0.0', 'v.b', 'v.1.a', 'w', 'w.a.b', 'v.00', 'v.a.b.b'] // prettier-ignore

/** Filters on a path, by which both engines are asked. */
export function* filtersOn(path) {
  for (const value of OPERANDS) {
    yield { [path]: value }
    yield { [path]: { $ne: value } }
    if (value === null || value instanceof Uint8Array) continue
    for (const operator of ['$gt', '$gte', '$lt', '$lte']) yield { [path]: { [operator]: value } }
  }
  for (const value of WHOLE) {
    yield { [path]: { $eq: value } }
    yield { [path]: { $ne: value } }
    if (!('$ne' in value)) yield { [path]: { $in: [value] } }
  }
  for (const list of [[], [null], [1, 'a'], [NaN], [5, date(0), oid], [[1, 2], { a: 1 }], [1.5]]) {
    yield { [path]: list }
    yield { [path]: { $in: list } }
    yield { [path]: { $nin: list } }
  }
  yield { [path]: { $exists: true } }
  yield { [path]: { $exists: false } }
  yield { [path]: { $gt: 0, $lt: 2 } }
  yield { [path]: { $gte: 1, $lte: 1, $ne: 1.5, $exists: true } }
  yield { [path]: { $eq: null, $exists: true } }
}
