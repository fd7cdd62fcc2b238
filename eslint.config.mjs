import js from '@eslint/js'
import globals from 'globals'

export default [
  { ignores: ['node_modules/', 'target/', 'npm/'] },
  js.configs.recommended,
  {
    languageOptions: { globals: globals.node },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      curly: ['error', 'multi-line'],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'off',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    // The package itself reports through events and callbacks, never on the application's console.
    files: ['index.mjs', 'index.cjs', 'lib/**'],
    rules: { 'no-console': 'error' },
  },
  {
    // As others have published them, with the parameters that they did not use.
    files: ['__test__/seeds/**'],
    rules: { 'no-unused-vars': 'off' },
  },
  {
    files: ['demo/public/**'],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: globals.nodeBuiltin },
  },
]
