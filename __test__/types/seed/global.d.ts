import 'express-session'

declare module 'express-session' {
  // extends the SessionData type to include your customizations
  interface SessionData {
    something?: string
  }
}
