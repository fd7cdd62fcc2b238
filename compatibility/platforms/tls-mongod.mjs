// A mongod that speaks nothing but TLS, with an authority of its own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newAuthority } from '../../__test__/certificates.mjs'
import { startMongod } from '../../scripts/mongod.mjs'

/** Starts it, and answers `{ uri, stop() }`. */
export async function startTlsMongod() {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-tls-'))
  const [ca, server] = [join(folder, 'ca.pem'), join(folder, 'server.pem')]
  const authority = newAuthority('authority of the platforms')
  const own = authority.issue({ OU: 'servers', CN: 'localhost' }, { hosts: ['localhost'] })
  await writeFile(ca, authority.pem)
  await writeFile(server, own, { mode: 0o600 })
  const files = ['--tlsCertificateKeyFile', server, '--tlsCAFile', ca]
  const alone = ['--tlsMode', 'requireTLS', '--tlsAllowConnectionsWithoutCertificates']
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 })
  const mongod = await startMongod({ args: [...alone, ...files] }).catch(async (error) => {
    await remove()
    throw error
  })
  return {
    uri: `mongodb://localhost:${mongod.port}/express_sessions?tls=true&tlsCAFile=${encodeURIComponent(ca)}`,
    async stop() {
      await mongod.stop()
      await remove()
    },
  }
}
