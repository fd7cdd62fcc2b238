// As much of a Keycloak realm as a log-in needs: everybody who comes to its log-in page is Ada.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

const KID = 'a key'
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwks = {
  keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KID, use: 'sig', alg: 'RS256' }],
}

/** Serves a realm until the test has ended, for a client with this id. */
export async function startRealm(t, clientId) {
  const server = createServer((req, res) => answer(realm, clientId, req, res))
  const realm = { codes: new Map() }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  realm.origin = `http://127.0.0.1:${server.address().port}`
  realm.issuer = `${realm.origin}/realms/test`
  /** A token with which Keycloak tells an application to end sessions. */
  realm.tokenOf = (content) => jwt(content)
  return realm
}

async function answer(realm, clientId, req, res) {
  const { pathname, searchParams } = new URL(req.url, realm.origin)
  const endpoint = (name) => `${realm.issuer}/protocol/openid-connect/${name}`
  switch (pathname.replace('/realms/test', '')) {
    case '/.well-known/openid-configuration':
      return json(res, {
        issuer: realm.issuer,
        authorization_endpoint: endpoint('auth'),
        token_endpoint: endpoint('token'),
        jwks_uri: endpoint('certs'),
        end_session_endpoint: endpoint('logout'),
        response_types_supported: ['code'],
        response_modes_supported: ['query'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      })
    case '/protocol/openid-connect/auth': {
      const code = randomUUID()
      realm.codes.set(code, searchParams.get('nonce') ?? undefined)
      const back = new URL(searchParams.get('redirect_uri'))
      back.searchParams.set('code', code)
      back.searchParams.set('state', searchParams.get('state'))
      return res.writeHead(302, { location: back.href }).end()
    }
    case '/protocol/openid-connect/token': {
      const form = new URLSearchParams(await text(req))
      return json(res, grant(realm, clientId, realm.codes.get(form.get('code'))))
    }
    case '/protocol/openid-connect/certs':
      return json(res, jwks)
  }
  res.writeHead(404).end()
}

function grant({ issuer }, clientId, nonce) {
  const now = Math.floor(Date.now() / 1000)
  const common = { iss: issuer, sub: 'ada', iat: now, exp: now + 600, azp: clientId }
  const token = (more) => jwt({ ...common, jti: randomUUID(), ...more })
  const access = token({ typ: 'Bearer', aud: 'account', preferred_username: 'ada' })
  return {
    access_token: access,
    refresh_token: token({ typ: 'Refresh', aud: issuer }),
    id_token: token({ typ: 'ID', aud: clientId, nonce, at_hash: halfHash(access) }),
    token_type: 'Bearer',
    expires_in: 600,
  }
}

function halfHash(token) {
  return createHash('sha256').update(token).digest().subarray(0, 16).toString('base64url')
}

function jwt(content) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'RS256', typ: 'JWT', kid: KID })}.${part(content)}`
  return `${signed}.${sign('sha256', signed, privateKey).toString('base64url')}`
}

function json(res, value) {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
