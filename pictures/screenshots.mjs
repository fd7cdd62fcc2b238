// `npm run screenshots`: the test of the demo in a browser, which then keeps what it sees.
process.env.SCREENSHOTS = '1'
await import('../__test__/demo-browser.test.mjs')
