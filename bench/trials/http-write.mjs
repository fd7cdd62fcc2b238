export default { title: 'requests that change the session', path: '/count' }
