// Imports the package, and does nothing else.
import '../../../index.mjs'
