// What the scripts do with connection strings. They are not URLs: a replica set has many hosts.

/** The database of the demo, and the default of the store. */
export const DATABASE = 'express_sessions'

/** The same connection string for another database; where its user is looked up stays as it was. */
export function withDatabase(uri, name) {
  const [, server, database, query = ''] = /^([^/]+\/\/[^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(uri)
  const options = query.split('&').filter(Boolean)
  // Without it, the driver would look the user up in the new database.
  if (server.includes('@') && !/\bauthSource=/i.test(query)) {
    options.push(`authSource=${database || 'admin'}`)
  }
  return `${server}/${name}${options.length > 0 ? `?${options.join('&')}` : ''}`
}

/** The same connection string with a user who logs in. */
export function withUser(uri, { user, password }) {
  return uri.replace('//', `//${encodeURIComponent(user)}:${encodeURIComponent(password)}@`)
}

/** A connection string that can be shown: no user, no password, no options. */
export function withoutSecrets(uri) {
  return uri.replace(/\/\/[^/]*@/, '//').replace(/\?.*$/, '')
}
