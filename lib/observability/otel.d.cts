import type { MeterProvider, TracerProvider } from '@opentelemetry/api'

/** Options of {@link MongoSessionStoreInstrumentation}. */
export interface MongoSessionStoreInstrumentationConfig {
  /**
   * Whether it listens from the beginning.
   *
   * @default true
   */
  enabled?: boolean
  /**
   * Whether there are spans only below a span of the application, such as that of a request. Signs of life and
   * indexes have none then.
   *
   * @default true
   */
  requireParentSpan?: boolean
}

/**
 * Makes spans and metrics of what the stores of this thread do. Fits into `registerInstrumentations` and the
 * `instrumentations` of OpenTelemetry's NodeSDK, and needs neither.
 */
export class MongoSessionStoreInstrumentation {
  constructor(config?: MongoSessionStoreInstrumentationConfig)
  readonly instrumentationName: string
  readonly instrumentationVersion: string
  /** The options in use. */
  getConfig(): MongoSessionStoreInstrumentationConfig
  /** Takes other options from now on. */
  setConfig(config: MongoSessionStoreInstrumentationConfig): void
  /** Says whose tracer it uses, instead of the global one. */
  setTracerProvider(provider: TracerProvider): void
  /** Says whose meter it uses, instead of the global one. */
  setMeterProvider(provider: MeterProvider): void
  /** Listens from now on. */
  enable(): void
  /** Listens no longer. */
  disable(): void
}
