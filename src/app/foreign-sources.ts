// Telemetry that is already somewhere else, as sources of history: read, never written.
import { createHistory, type HistoryOptions } from "../observe/history.ts";
import type { LabelledSource } from "../observe/united.ts";
import { openForeignLater } from "../store/foreign/open.ts";
import { createForeignPrometheus } from "../store/foreign/prometheus.ts";
import type { Config } from "./config-schema.ts";
import type { AppTelemetry } from "./telemetry.ts";
import type { Undo } from "./undo.ts";

/** One source for each of `sources` in the configuration. None is asked before a query needs it. */
export function foreignSources(
  sources: Config["sources"],
  options: HistoryOptions,
  { telemetry, undo }: { readonly telemetry: AppTelemetry; readonly undo: Undo },
): readonly LabelledSource[] {
  return sources.map((source) => {
    const { prometheus, clickhouse, authorization, requestsPerSecond } = source;
    if (prometheus !== undefined) {
      const more = authorization === undefined ? {} : { authorization };
      return createForeignPrometheus({ url: prometheus, requestsPerSecond, ...more }, telemetry);
    }
    const { username, password, database, queriesPerMinute } = source;
    const tables = openForeignLater({
      ...(clickhouse === undefined ? {} : { url: clickhouse }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      database,
      limits: { queriesPerMinute },
      now: Date.now,
    });
    undo.push(`source ${clickhouse}`, () => tables.close());
    return createHistory(options, { stored: tables.history, telemetry });
  });
}
