// Stack traces in exception events of spans and in logs, of every tenant: one query each, counted by their frames.
import type { StackCount, StackSource } from "../../model/ports/stack-source.ts";
import type { Tenants } from "../tenants.ts";
import { clamp } from "./records.ts";

/** What a trace begins with or looks like, in the languages that are read. */
const marks = ["Traceback (most recent call last)", "\n    at ", "\n\tat ", "goroutine ", "\n#0 ", "frame #0:"];
const textBytesMax = 16_384;
/** Of a line only its frame counts for being the same trace: messages carry ids of requests. */
const frameLine = '(File ".*", line \\\\d+|^\\\\s+at |^\\\\t.*:\\\\d+|^\\\\s*#\\\\d+|frame #\\\\d+)';
const servicesMax = 100;
const limitMax = 1000;

type Row = readonly [service: string, text: string, before: string, after: string, firstAt: number];

export function createStackSource(tenants: Pick<Tenants, "all">): StackSource {
  return {
    async stacks({ services, from, since, to, limit }) {
      if (services.length === 0) return [];
      const query = {
        services: services.slice(0, servicesMax),
        marks,
        from: clamp(from),
        since: clamp(since),
        to: clamp(to),
        limit: Math.min(limitMax, Math.max(0, Math.floor(limit))),
      };
      const found: StackCount[] = [];
      for (const { database } of tenants.all()) {
        const rows = await database.select<Row>(
          sqlOver(database.table("otel_logs"), database.table("otel_traces")),
          query,
        );
        for (const [service, text, before, after, firstAt] of rows)
          found.push({
            service,
            text,
            before: Number(before),
            after: Number(after),
            firstAt: Number(after) === 0 ? Number.NaN : firstAt,
          });
      }
      return found.sort((a, b) => b.after - a.after).slice(0, query.limit);
    },
  };
}

/** A span begins before its exception; one that is longer than an hour is not looked into. */
function sqlOver(logs: string, traces: string): string {
  const time = (column: string): string =>
    `${column} >= fromUnixTimestamp64Milli({from:Int64}) AND ${column} < fromUnixTimestamp64Milli({to:Int64})`;
  // An exception is often in a span and in a log: whichever has more of it is the count.
  const count = (which: string): string =>
    `toString(greatest(countIf(origin = 'log' AND ${which}), countIf(origin = 'span' AND ${which})))`;
  const since = "at >= fromUnixTimestamp64Milli({since:Int64})";
  const first = `substring(text, 1, ${textBytesMax})`;
  const frames = `arrayFilter(line -> match(line, '${frameLine}'), splitByChar('\\n', ${first}))`;
  return `SELECT service, any(${first}), ${count(`NOT (${since})`)}, ${count(since)},
      toFloat64(toUnixTimestamp64Milli(minIf(at, ${since})))
    FROM (
      SELECT 'log' AS origin, ServiceName AS service, Timestamp AS at,
        if(LogAttributes['exception.stacktrace'] != '', LogAttributes['exception.stacktrace'], Body) AS text
      FROM ${logs}
      WHERE ${time("Timestamp")} AND ServiceName IN {services:Array(String)}
        AND (LogAttributes['exception.stacktrace'] != '' OR multiSearchAny(Body, {marks:Array(String)}))
      UNION ALL
      SELECT 'span' AS origin, ServiceName AS service, when AS at, attributes['exception.stacktrace'] AS text
      FROM ${traces}
      ARRAY JOIN Events.Timestamp AS when, Events.Name AS name, Events.Attributes AS attributes
      WHERE Timestamp >= fromUnixTimestamp64Milli({from:Int64}) - INTERVAL 1 HOUR
        AND Timestamp < fromUnixTimestamp64Milli({to:Int64}) AND ServiceName IN {services:Array(String)}
        AND name = 'exception' AND attributes['exception.stacktrace'] != '' AND ${time("when")}
    )
    GROUP BY service, cityHash64(${frames})
    ORDER BY countIf(${since}) DESC LIMIT {limit:UInt32}`;
}
