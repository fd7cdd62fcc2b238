export default {
  title: 'requests that read the session (rolling)',
  needs: 'touch',
  path: '/',
}
