// Takes out of the environment what changes how programs behave or what they print: the tests start many, and each of
// them is to see the same whoever runs it, at a terminal, in an editor or in continuous integration.

/** Colours, traces, warnings, flags of Node, and settings by which OpenTelemetry and the Node driver go. */
const SWITCHES =
  /^(?:CI|DEBUG|FORCE_COLOR|NO_COLOR|NODE_(?:DEBUG|DISABLE_COLORS|ENV|NO_WARNINGS|OPTIONS|PENDING_DEPRECATION|REDIRECT_WARNINGS)|OTEL_.*|MONGODB_LOG_.*)$/

for (const name of Object.keys(process.env)) if (SWITCHES.test(name)) delete process.env[name]
