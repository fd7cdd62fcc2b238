// A certificate authority of the tests' own, made anew in each run: nothing expires in the
// repository, and no tool has to be installed.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

const DAY = 86_400_000

/** Writes an ASN.1 value in DER: its tag, its length, its content. */
function der(tag, ...contents) {
  const content = Buffer.concat(contents)
  let { length } = content
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content])
  const bytes = []
  for (; length > 0; length >>= 8) bytes.unshift(length & 255)
  return Buffer.concat([Buffer.from([tag, 128 | bytes.length, ...bytes]), content])
}

const sequence = (...contents) => der(0x30, ...contents)
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'))
const text = (value) => der(0x0c, Buffer.from(value))
const octets = (content) => der(0x04, content)
const bits = (content) => der(0x03, Buffer.from([0]), content)
const TRUE = der(0x01, Buffer.from([255]))

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'))
const ATTRIBUTES = { CN: '550403', O: '55040a', OU: '55040b' }
const BASIC_CONSTRAINTS = oid('551d13')
const ALTERNATIVE_NAME = oid('551d11')

/** A distinguished name, such as `{ O: 'tests', CN: 'localhost' }`. */
function distinguishedName(attributes) {
  const entries = Object.entries(attributes)
  return sequence(
    ...entries.map(([name, value]) => der(0x31, sequence(oid(ATTRIBUTES[name]), text(value)))),
  )
}

/** In UTCTime, whose year has two digits. */
function time(ms) {
  const [date] = new Date(ms).toISOString().slice(2).replace(/[-:T]/g, '').split('.')
  return der(0x17, Buffer.from(`${date}Z`))
}

/** A host's name or its IPv4 address. */
function alternativeName(host) {
  const parts = host.split('.').map(Number)
  return parts.every(Number.isInteger)
    ? der(0x87, Buffer.from(parts))
    : der(0x82, Buffer.from(host))
}

function extensions({ hosts, isAuthority }) {
  const list = []
  if (isAuthority) list.push(sequence(BASIC_CONSTRAINTS, TRUE, octets(sequence(TRUE))))
  if (hosts) list.push(sequence(ALTERNATIVE_NAME, octets(sequence(...hosts.map(alternativeName)))))
  return list.length > 0 ? [der(0xa3, sequence(...list))] : []
}

function certificate({ subject, publicKey, issuer, issuerKey, until, ...rest }) {
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(15)])
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer),
    sequence(time(Math.min(Date.now(), until) - DAY), time(until)),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...extensions(rest),
  )
  const signed = sequence(body, ECDSA_WITH_SHA256, bits(sign('sha256', body, issuerKey)))
  const lines = signed.toString('base64').match(/.{1,64}/g)
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

/**
 * A new certificate authority.
 *
 * - `pem`: its certificate
 * - `issue(subject, { hosts, until, passphrase })`: a certificate and its private key in one PEM
 *   text, as MongoDB wants them; `subject` such as `{ OU: 'clients', CN: 'me' }`, `until` in ms
 */
export function newAuthority(name) {
  const issuer = { O: 'mongodb-session-store tests', CN: name }
  const { publicKey, privateKey: issuerKey } = newKeys()
  const until = Date.now() + DAY
  return {
    pem: certificate({ subject: issuer, publicKey, issuer, issuerKey, until, isAuthority: true }),
    issue(subject, { hosts, until = Date.now() + DAY, passphrase } = {}) {
      const keys = newKeys()
      const { publicKey } = keys
      const pem = certificate({ subject, publicKey, issuer, issuerKey, until, hosts })
      return pem + privateKeyPem(keys.privateKey, passphrase)
    },
  }
}

/** In PKCS #8, encrypted if there is a passphrase. */
function privateKeyPem(key, passphrase) {
  const encryption = passphrase ? { cipher: 'aes-256-cbc', passphrase } : {}
  return key.export({ type: 'pkcs8', format: 'pem', ...encryption })
}
