// Logging in with what a cloud hands to its machines: the credentials of MONGODB-AWS and the tokens of
// MONGODB-OIDC. No server that runs here knows either mechanism, and no cloud is near: both are played, down
// to what a driver would send to the server.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Binary, ObjectId, deserialize, serialize } from 'bson'
import { openStore, until } from './support.mjs'
import { listen } from './wire.mjs'

/** What of an environment the AWS SDK would look at. */
const AWS = /^(AWS_|HTTP_PROXY$|http_proxy$|NO_PROXY$|no_proxy$)/

const CREDENTIALS = {
  AccessKeyId: 'ASIAPLAYED',
  SecretAccessKey: 'secret-9Kx',
  Token: 'session-9Kx',
}

/** The environment of a test: these variables and none of the machine's that lead to credentials. */
function setEnvironment(t, variables) {
  const before = Object.entries(process.env).filter(([name]) => AWS.test(name))
  for (const [name] of before) delete process.env[name]
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', ...variables })
  t.after(() => {
    for (const name of Object.keys(process.env).filter((each) => AWS.test(each))) {
      delete process.env[name]
    }
    Object.assign(process.env, Object.fromEntries(before))
  })
}

/** An HTTP server that answers every request with `body` and remembers it: `{ url, requests }`. */
async function startService(t, body, { type = 'application/json' } = {}) {
  const requests = []
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request
    requests.push({ method, url, headers, body: (await request.toArray()).join('') })
    response.setHeader('content-type', type)
    response.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return { url: `http://127.0.0.1:${server.address().port}`, requests }
}

/**
 * A load balancer before MongoDB, of which a driver wants no more than one hello, that takes log-ins and
 * refuses all else: `{ uri, payloads }`, with what came in saslStart and saslContinue.
 */
async function startServer(t, query) {
  const payloads = []
  const port = await listen(t, (socket) => {
    let pending = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 16 && pending.length >= pending.readInt32LE(0)) {
        const message = pending.subarray(0, pending.readInt32LE(0))
        pending = pending.subarray(message.length)
        socket.write(reply(message, answer(deserialize(message.subarray(21)), payloads)))
      }
    })
  })
  return { uri: `mongodb://127.0.0.1:${port}/?loadBalanced=true&${query}`, payloads }
}

function answer(command, payloads) {
  if (command.saslStart === undefined && command.saslContinue === undefined) {
    const versions = { minWireVersion: 0, maxWireVersion: 21 }
    const sizes = { maxBsonObjectSize: 2 ** 24, maxMessageSizeBytes: 48_000_000 }
    const router = { isWritablePrimary: true, msg: 'isdbgrid', serviceId: new ObjectId() }
    return { ...router, ...versions, ...sizes, maxWriteBatchSize: 100_000, ok: 1 }
  }
  const payload = deserialize(command.payload.buffer)
  payloads.push(payload)
  if (command.mechanism !== 'MONGODB-AWS') {
    return { conversationId: 1, done: true, payload: new Binary(Buffer.alloc(0)), ok: 1 }
  }
  const nonce = new Binary(Buffer.concat([payload.r.buffer, randomBytes(32)]))
  const first = serialize({ s: nonce, h: 'sts.amazonaws.com' })
  return { conversationId: 1, done: false, payload: new Binary(first), ok: 1 }
}

function reply(message, document) {
  const body = serialize(document)
  const header = Buffer.alloc(21)
  header.writeInt32LE(header.length + body.length, 0)
  header.writeInt32LE(message.readInt32LE(4), 8)
  header.writeInt32LE(2013, 12)
  return Buffer.concat([header, body])
}

/** What a store sends to log in: the first message that has this field. */
async function loginOf(t, query, field) {
  const { uri, payloads } = await startServer(t, query)
  openStore(t, { uri, createTTLIndex: false })
    .get('sid')
    .catch(() => {})
  const login = () => payloads.find((payload) => payload[field] !== undefined)
  await until(login, 'the log-in')
  return login()
}

const AWS_QUERY = 'authMechanism=MONGODB-AWS'

/** Asserts that a log-in was signed with the played credentials. */
function assertSigned({ a: authorization, t: token }) {
  assert.match(authorization, /^AWS4-HMAC-SHA256 Credential=ASIAPLAYED\/\d{8}\/us-east-1\/sts\//)
  assert.equal(token, CREDENTIALS.Token)
}

test('MONGODB-AWS asks the container service for credentials', async (t) => {
  const Expiration = new Date(Date.now() + 3_600_000).toISOString()
  const service = await startService(t, JSON.stringify({ ...CREDENTIALS, Expiration }))
  setEnvironment(t, {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${service.url}/role`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: 'container-token',
  })
  assertSigned(await loginOf(t, AWS_QUERY, 'a'))
  const [request] = service.requests
  assert.equal(request.url, '/role')
  assert.equal(request.headers.authorization, 'container-token')
})

test('MONGODB-AWS changes a web identity into credentials', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-aws-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const token = join(folder, 'token')
  await writeFile(token, 'identity-9Kx')
  const service = await startService(
    t,
    `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <AssumeRoleWithWebIdentityResult><Credentials>
        <AccessKeyId>${CREDENTIALS.AccessKeyId}</AccessKeyId>
        <SecretAccessKey>${CREDENTIALS.SecretAccessKey}</SecretAccessKey>
        <SessionToken>${CREDENTIALS.Token}</SessionToken>
        <Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>
      </Credentials></AssumeRoleWithWebIdentityResult>
    </AssumeRoleWithWebIdentityResponse>`,
    { type: 'text/xml' },
  )
  setEnvironment(t, {
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL_STS: service.url,
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/played',
    AWS_WEB_IDENTITY_TOKEN_FILE: token,
  })
  assertSigned(await loginOf(t, AWS_QUERY, 'a'))
  const [{ method, body }] = service.requests
  assert.equal(method, 'POST')
  assert.match(body, /Action=AssumeRoleWithWebIdentity&.*WebIdentityToken=identity-9Kx/)
})

// The metadata services have fixed addresses, to which a proxy leads.
for (const [environment, address, header, body] of [
  [
    'azure',
    'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=played',
    ['metadata', 'true'],
    JSON.stringify({ access_token: 'token-9Kx', expires_in: '3600' }),
  ],
  [
    'gcp',
    'http://metadata/computeMetadata/v1/instance/service-accounts/default/identity?audience=played',
    ['metadata-flavor', 'Google'],
    'token-9Kx',
  ],
]) {
  test(`MONGODB-OIDC asks the metadata service of ${environment} for a token`, async (t) => {
    const service = await startService(t, body)
    setEnvironment(t, { HTTP_PROXY: service.url, http_proxy: service.url })
    const properties = `ENVIRONMENT:${environment},TOKEN_RESOURCE:played`
    const query = `authMechanism=MONGODB-OIDC&authMechanismProperties=${properties}`
    assert.deepEqual(await loginOf(t, query, 'jwt'), { jwt: 'token-9Kx' })
    const [request] = service.requests
    assert.equal(request.url, address)
    const [name, value] = header
    assert.equal(request.headers[name], value)
  })
}
