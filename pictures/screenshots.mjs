// `npm run screenshots`: the test of the demo in a browser, which then keeps what it sees.
process.env.SCREENSHOTS = '1'
process.argv[2] = 'browser'
await import('../scripts/test-tools.mjs')
