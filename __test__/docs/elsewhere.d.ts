// Packages that pages import and that are installed in __test__/frameworks/ only, where the tests use them.
declare module 'h3'
declare module 'koa'
declare module 'koa-session'
declare module 'next-session'
