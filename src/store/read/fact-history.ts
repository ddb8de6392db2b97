// Facts that telemetry tells of its senders, from the table of series and the attributes of spans, of every tenant.
import { entityId } from "../../model/entity.ts";
import type { FactHistory } from "../../model/ports/fact-history.ts";
import { nameWithin } from "../../model/tenant.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";
import { type Aspect, factNames, type StoredFact } from "../../model/what-changed.ts";
import type { Database } from "../database.ts";
import { quote } from "../engine/sql-text.ts";
import type { TenantDatabase, Tenants } from "../tenants.ts";
import { clamp } from "./records.ts";
import { firstSaid } from "./text-facts-sql.ts";

/** Facts of one tenant told at once, and prompts of one beside them. */
const factsMax = 20_000;
const hashesAtOnce = 5000;
const valueMax = 500;
/** Metrics whose attributes are the engine's settings, and those among them that it computes itself. */
const settingsMetrics = ["vllm:cache_config_info", "vllm:scheduler_config_info", "sglang:server_args_info"];
const computed = ["num_gpu_blocks", "num_cpu_blocks", "engine", "model_name", "__name__"];

type Row = readonly [
  service: string,
  instance: string,
  node: string,
  aspect: Aspect,
  name: string,
  value: string,
  first: number,
  noted: number,
  /** Two series that say it, each with its metric. */
  saidBy: readonly (readonly [hash: string, metric: string])[],
];

export function createFactHistory(tenants: Pick<Tenants, "all">): FactHistory {
  return {
    async facts(range, backMs) {
      const found: StoredFact[] = [];
      let truncated = false;
      for (const one of tenants.all()) {
        const rows = await seriesFacts(one.database, range, backMs);
        truncated ||= rows.length > factsMax;
        const kept = rows.slice(0, factsMax);
        const last = await lastSeen(one.database, kept, { from: range.from - backMs, to: range.to });
        found.push(...kept.map((row) => factOf(row, one, last)));
        const prompts = await promptFacts(one, { from: range.from - backMs, to: range.to });
        truncated ||= prompts.length > factsMax;
        found.push(...prompts.slice(0, factsMax));
      }
      return { facts: found, truncated };
    },
  };
}

/**
 * One row a sender, attribute and value, with two series that say it: the newest (the older may be of a process that
 * ended), and of the newest day the one that was there first (the newest may be one that is seldom sent).
 */
async function seriesFacts(database: Database, range: TimeRange, backMs: DurationMs): Promise<readonly Row[]> {
  const said = (name: string): string =>
    firstSaid([`Attributes[${quote(name)}]`, `ResourceAttributes[${quote(name)}]`]);
  const named = Object.entries(factNames).flatMap(([aspect, names]) =>
    names.map((name) => `(${quote(aspect)}, ${quote(name)}, ${said(name)})`),
  );
  const listed = (names: readonly string[]): string => names.map(quote).join(", ");
  const settings = `if(MetricName IN (${listed(settingsMetrics)}),
    arrayFilter(x -> x.2 NOT IN (${listed(computed)}), arrayMap((k, v) -> ('flags', toString(k), v), mapKeys(Attributes), mapValues(Attributes))), [])`;
  const host = "ResourceAttributes['host.name']";
  const instance = firstSaid(["ResourceAttributes['service.instance.id']", "ResourceAttributes['k8s.pod.name']"]);
  return await database.select<Row>(
    `SELECT service, instance, node, fact.1 AS aspect, fact.2 AS name, substring(fact.3, 1, ${valueMax}) AS value,
        min(first), max(first), [(argMax(hash, first), argMax(metric, first)), (argMax(hash, (day, -first)), argMax(metric, (day, -first)))]
      FROM (
        SELECT ServiceName AS service, if(${instance} != '', ${instance}, if(${host} != '', concat(ServiceName, '@', ${host}), ServiceName)) AS instance,
          ${["k8s.node.name", "node", "Hostname", "host.name"].reduceRight((rest, name) => `if(${said(name)} != '', ${said(name)}, ${rest})`, "''")} AS node,
          toFloat64(toUnixTimestamp64Milli(FirstSeen)) AS first, toUInt32(Date) AS day, toString(SeriesHash) AS hash,
          toString(MetricName) AS metric,
          arrayFilter(x -> x.3 != '', arrayConcat([${named.join(", ")}], ${settings})) AS facts
        FROM ${database.table("otel_metrics_series")}
        WHERE Date >= toDate(toDateTime({from:Int64}, 'UTC')) AND Date <= toDate(toDateTime({to:Int64}, 'UTC'))
          AND FirstSeen < fromUnixTimestamp64Milli({toMs:Int64}) AND MetricType IN ('Gauge', 'Sum')
      ) ARRAY JOIN facts AS fact
      GROUP BY service, instance, node, aspect, name, value
      ORDER BY service, instance, node, aspect, name, value LIMIT ${factsMax + 1}`,
    {
      from: Math.floor(clamp(range.from - backMs) / 1000),
      to: Math.ceil(clamp(range.to) / 1000),
      toMs: clamp(range.to),
    },
  );
}

/** Newest point of each of these series. */
async function lastSeen(database: Database, rows: readonly Row[], range: TimeRange): Promise<Map<string, Instant>> {
  const found = new Map<string, Instant>();
  const hashes = [...new Map(rows.flatMap((row) => row[8]))];
  for (let i = 0; i < hashes.length; i += hashesAtOnce) {
    const part = hashes.slice(i, i + hashesAtOnce);
    const names = { hashes: part.map(([hash]) => hash), metrics: [...new Set(part.map(([, metric]) => metric))] };
    for (const table of ["otel_metrics_gauge", "otel_metrics_sum"]) {
      const last = await database.select<[string, number]>(
        `SELECT toString(SeriesHash), toFloat64(toUnixTimestamp64Milli(max(TimeUnix))) FROM ${database.table(table)}
          WHERE MetricName IN {metrics:Array(String)} AND SeriesHash IN (SELECT toUInt64(arrayJoin({hashes:Array(String)})))
            AND TimeUnix >= fromUnixTimestamp64Milli({from:Int64}) AND TimeUnix < fromUnixTimestamp64Milli({to:Int64})
          GROUP BY SeriesHash`,
        { ...names, from: clamp(range.from), to: clamp(range.to) },
      );
      for (const [hash, at] of last) found.set(hash, at);
    }
  }
  return found;
}

function factOf(row: Row, { tenant }: TenantDatabase, last: ReadonlyMap<string, Instant>): StoredFact {
  const [service, instance, node, aspect, name, value, firstAt, noted, saidBy] = row;
  // Drivers are a node's, whoever exports them.
  const isNode = aspect === "driver" && node !== "";
  const own = nameWithin(tenant, isNode ? node : instance || service || "unknown");
  return {
    entity: entityId(isNode ? "node" : "replica", own),
    ...{ aspect, name, value, firstAt, lastAt: Math.max(noted, ...saidBy.map(([hash]) => last.get(hash) ?? 0)) },
  };
}

/** Templates of prompts, as spans of applications name them: a prompt's version, or its name where it has none. */
async function promptFacts({ tenant, database }: TenantDatabase, range: TimeRange): Promise<readonly StoredFact[]> {
  const rows = await database.select<[string, string, string, number, number]>(
    `SELECT ServiceName, SpanAttributes['gen_ai.prompt.name'] AS name, SpanAttributes['gen_ai.prompt.version'] AS version,
        toFloat64(toUnixTimestamp64Milli(min(Timestamp))), toFloat64(toUnixTimestamp64Milli(max(Timestamp)))
      FROM ${database.table("otel_traces")}
      WHERE Timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND Timestamp < fromUnixTimestamp64Milli({to:Int64})
        AND (mapContains(SpanAttributes, 'gen_ai.prompt.version') OR mapContains(SpanAttributes, 'gen_ai.prompt.name'))
      GROUP BY ServiceName, name, version ORDER BY ServiceName, name, version LIMIT ${factsMax + 1}`,
    { from: clamp(range.from), to: clamp(range.to) },
  );
  return rows.map(([service, name, version, firstAt, lastAt]) => ({
    entity: entityId("service", nameWithin(tenant, service)),
    aspect: "prompt",
    name: version === "" ? "gen_ai.prompt.name" : `prompt ${name}`.trim(),
    value: (version === "" ? name : version).slice(0, valueMax),
    firstAt,
    lastAt,
  }));
}
