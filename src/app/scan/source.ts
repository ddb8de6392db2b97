// Where a scan reads: a Prometheus, or a ClickHouse with an OpenTelemetry exporter's tables. Nothing is ever written there.
import type { LogSource } from "../../model/ports/log-source.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";
import { createHistory, type HistoryOptions } from "../../observe/history.ts";
import { metricName } from "../../observe/selection.ts";
import type { ChunkReader } from "../../store/foreign/chunks.ts";
import { createClickHouseChunks } from "../../store/foreign/clickhouse-chunks.ts";
import { type ForeignSource, openForeign } from "../../store/foreign/open.ts";
import { sourceOver } from "../../store/foreign/prometheus.ts";
import { createPrometheusApi, type PrometheusApiOptions } from "../../store/foreign/prometheus-api.ts";
import { createPrometheusChunks, namesIn } from "../../store/foreign/prometheus-chunks.ts";
import { userError } from "../command.ts";

/** A metric that has series in the range. */
export interface ScanMetric {
  /** As the source calls it. */
  readonly metric: string;
  /** As queries call what becomes of it: three names for a histogram. */
  readonly names: readonly string[];
}

export interface ScanSource extends AsyncDisposable {
  /** Which it is and where, for sentences. */
  readonly says: string;
  /** Whether samples may be asked for less often than there are. */
  readonly thins: boolean;
  metrics(range: TimeRange): Promise<readonly ScanMetric[]>;
  /** A reader of these metrics from its beginning. `stepMs`: distance of samples where it thins; absent: all there are. */
  chunks(metrics: readonly string[], seriesMax: number, stepMs?: DurationMs): ChunkReader;
  /** For the alerts that fired there. */
  readonly series: SeriesSource;
  /** Absent where it keeps no logs. */
  readonly logs?: LogSource;
}

/** Requests to a Prometheus at once, and in a second. */
const concurrency = 4;
const requestsPerSecond = 50;
const attempts = 5;

export function openPrometheus(
  options: Pick<PrometheusApiOptions, "url" | "authorization" | "retryMs">,
  telemetry: Telemetry,
): ScanSource {
  const api = createPrometheusApi({ ...options, concurrency, requestsPerSecond, attempts }, telemetry);
  let types: ReadonlyMap<string, string> = new Map();
  return {
    says: `the Prometheus at ${options.url}`,
    thins: true,
    async metrics(range) {
      const found = await namesIn(api, range);
      types = found.types;
      return found.names.map((name) => ({ metric: name, names: [name] }));
    },
    chunks: (names, seriesMax, stepMs) =>
      createPrometheusChunks(api, { names, types, seriesMax, ...(stepMs === undefined ? {} : { stepMs }) }),
    series: sourceOver(api),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

export interface ClickHouseOptions {
  readonly url: string;
  readonly database: string;
  readonly username?: string;
  readonly password?: string;
}

/** A whole page at once and whole days looked through for it: the scan is asked for, unlike a query of somebody's dashboard. */
const clickHouseLimits = { rowsRead: 20_000_000_000, rowsGiven: 5_000_000, seconds: 300, queriesPerMinute: 6000 };

export async function openClickHouse(
  options: ClickHouseOptions,
  history: HistoryOptions,
  deps: { readonly telemetry: Telemetry; readonly now: () => Instant },
): Promise<ScanSource> {
  const foreign = await openForeign({ ...options, limits: clickHouseLimits, now: deps.now });
  return await scanTables(foreign, `the ClickHouse at ${options.url}, database ${options.database}`, history, deps);
}

/** Over tables that are open already; closes them. */
export async function scanTables(
  foreign: ForeignSource,
  says: string,
  history: HistoryOptions,
  { telemetry }: { readonly telemetry: Telemetry },
): Promise<ScanSource> {
  const usable = foreign.tables.filter((table) => table.usable);
  if (!usable.some(({ kind }) => kind !== "logs")) {
    await foreign[Symbol.asyncDispose]();
    const why = foreign.tables.map(({ table, why: reason }) => `${table}: ${reason}`).join("; ");
    throw userError(`${says} has no metrics of an OpenTelemetry exporter (${why}); name the database with --database`);
  }
  return {
    says,
    thins: false,
    async metrics(range) {
      return (await foreign.history.metrics(range)).map(({ metric, kind }) => {
        const name = metricName(metric);
        return {
          metric,
          names: kind === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name],
        };
      });
    },
    chunks: (metrics, seriesMax) => createClickHouseChunks(foreign, { metrics, seriesMax }),
    series: createHistory(history, { stored: foreign.history, telemetry }),
    ...(usable.some(({ kind }) => kind === "logs") ? { logs: foreign.logs } : {}),
    [Symbol.asyncDispose]: () => foreign[Symbol.asyncDispose](),
  };
}
