// Log records by text and time.
import type { Labels } from "../../model/labels.ts";
import type { LogRecord, LogSource } from "../../model/ports/log-source.ts";
import type { Database } from "../database.ts";
import { clamp } from "./records.ts";

const limitMax = 10_000;

export function createLogSource(database: Database): LogSource {
  return {
    async search({ contains, range, limit }): Promise<readonly LogRecord[]> {
      const rows = await database.select<[number, string, number, string, Labels, Labels]>(
        `SELECT toFloat64(toUnixTimestamp64Milli(Timestamp)), ServiceName, SeverityNumber, Body, ResourceAttributes, LogAttributes
          FROM ${database.table("otel_logs")}
          WHERE Timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND Timestamp < fromUnixTimestamp64Milli({to:Int64})
            AND position(Body, {contains:String}) > 0
          ORDER BY Timestamp DESC, _batch DESC, _i DESC LIMIT {limit:UInt32}`,
        {
          contains,
          from: clamp(range.from),
          to: clamp(range.to),
          limit: Math.min(limitMax, Math.max(0, Math.floor(limit))),
        },
      );
      return rows.map(([at, service, severity, body, resource, attributes]) => ({
        at,
        service,
        severity,
        body,
        resource,
        attributes,
      }));
    },
  };
}
