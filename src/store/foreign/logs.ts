// Log records of an exporter's table by text and time.
import type { Labels } from "../../model/labels.ts";
import type { LogSource } from "../../model/ports/log-source.ts";
import { textClauses } from "../read/log-source.ts";
import { clamp } from "../read/records.ts";
import type { Gate } from "./gate.ts";

const limitMax = 10_000;

/**
 * `table` as it stands in SQL; undefined finds nothing. `seconds`: it has a column TimestampTime, which older exporters
 * partition and sort by.
 */
export function createForeignLogs(gate: Gate, table: string | undefined, seconds: boolean): LogSource {
  const bySecond = seconds
    ? `AND TimestampTime >= toDateTime(intDiv({from:Int64}, 1000)) AND TimestampTime <= toDateTime(intDiv({to:Int64}, 1000))`
    : "";
  return {
    async search({ contains, range, limit }) {
      const texts = typeof contains === "string" ? [contains] : contains;
      if (table === undefined || range.to <= range.from || texts.length === 0) return [];
      const clauses = textClauses(texts);
      const rows = await gate.select<[number, string, number, string, Labels, Labels]>(
        `SELECT toFloat64(toUnixTimestamp64Milli(toDateTime64(Timestamp, 3))), toString(ServiceName), SeverityNumber, Body,
            ResourceAttributes, LogAttributes FROM ${table}
          WHERE Timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND Timestamp < fromUnixTimestamp64Milli({to:Int64})
            ${bySecond} AND ${clauses.filter}
          ORDER BY Timestamp DESC ${clauses.limit}`,
        {
          texts,
          from: clamp(range.from),
          to: clamp(range.to),
          limit: Math.min(limitMax, Math.max(0, Math.floor(limit))),
        },
      );
      return rows.map(([at, service, severity, body, resource, attributes]) => {
        return { at, service, severity: Number(severity), body, resource, attributes };
      });
    },
  };
}
