// What every room is given to speak about itself.
import type { Labels } from "../labels.ts";

export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/**
 * Log, counts, measurements and traces of Homeostat itself. Metric names are `homeostat.<room>.<what>` with the unit
 * declared once; attribute values come from small fixed sets.
 */
export interface Telemetry {
  readonly log: Logger;
  /** Adds to a counter. What is dropped is counted as `homeostat.<room>.dropped` with a `reason`. */
  count(name: string, amount?: number, attributes?: Labels): void;
  /** Records one measurement of a distribution (seconds, bytes, rows). */
  record(name: string, value: number, attributes?: Labels): void;
  /** Sets a level. */
  gauge(name: string, value: number, attributes?: Labels): void;
  /** Runs `work` inside a span. */
  span<T>(name: string, work: () => Promise<T>, attributes?: Labels): Promise<T>;
}

const silence = (): void => {};

/** Says nothing: for tests and pure runs. */
export const silentTelemetry: Telemetry = {
  log: { debug: silence, info: silence, warn: silence, error: silence },
  count: silence,
  record: silence,
  gauge: silence,
  span: (_name, work) => work(),
};
