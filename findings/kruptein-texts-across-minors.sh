#!/usr/bin/env bash
# kruptein 3.1 cannot read what kruptein 3.0.8 has encrypted, though both satisfy ^3.0.0.
#
# Versions: kruptein 3.0.8 (which connect-mongo 6.0.0 pins), 3.0.9 and 3.1.7.
# Behaviour: the same secret and the same options; 3.0.8 and 3.0.9 read each other's texts, 3.1.x answers an error.
# Who meets it: whoever keeps sessions that connect-mongo has encrypted, and installs kruptein beside it by the usual range.
. "$(dirname "$0")/support/start.sh"

install_npm old@npm:kruptein@3.0.8 middle@npm:kruptein@3.0.9 new@npm:kruptein@3.1.7
cat > read.cjs <<'CODE'
const secret = 'a secret of the application, 1Aa!'
const options = { hashing: 'sha512', encodeas: 'base64', algorithm: 'aes-256-gcm', use_scrypt: false }
const of = (name) => require(name)(options)
const written = new Promise((resolve, reject) =>
  of('old').set(secret, JSON.stringify({ user: 'u1' }), (error, text) => (error ? reject(error) : resolve(text))),
)
const read = (name, text) =>
  new Promise((resolve) => {
    try {
      of(name).get(secret, text, (error, value) => resolve(error ? 'refused' : JSON.stringify(value).includes('u1') ? 'read' : 'garbled'))
    } catch {
      resolve('refused')
    }
  })
written.then(async (text) => {
  for (const name of ['old', 'middle', 'new']) console.log(name, await read(name, text))
})
CODE
answer=$(node read.cjs | tr '\n' ' ')
seen "texts of 3.0.8 read by 3.0.8, 3.0.9, 3.1.7: $answer"
[ "$answer" = "old read middle read new refused " ] || changed "$answer"
