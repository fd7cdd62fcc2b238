// Packages that pages import and that are installed in __test__/frameworks/ only, where the tests use them.
declare module '@mgcrea/fastify-session'
declare module 'better-auth'
declare module 'express-openid-connect'
declare module 'h3'
declare module 'koa'
declare module 'koa-session'
declare module 'next-session'
declare module 'react-router' {
  type Call = (...args: any[]) => Promise<any>
  export function createSessionStorage(strategy: { cookie?: object }): {
    getSession: Call
    commitSession: Call
    destroySession: Call
  }
}
