// Log records in the order they were stored: one query a page.
import type { Labels } from "../../model/labels.ts";
import type { LogOrigin, LogPage, LogReader } from "../../model/ports/log-reader.ts";
import type { Database } from "../database.ts";
import { clamp } from "./records.ts";

export interface LogReaderOptions {
  readonly database: Database;
  /** Everything up to this batch is stored; what lies beyond may still have gaps. */
  readonly storedThrough: () => bigint;
  /** The highest batch there ever was, stored or still waiting to be: a cursor beyond it is of another store. */
  readonly lastId: () => bigint;
  /** Records a page. Default 10,000. */
  readonly pageRecords?: number;
}

type Row = readonly [batch: string, place: number, at: number, severity: number, origin: string, body: string];

/** Resource attributes that tell who a record is from. */
const originKeys = [
  "service.version",
  "service.namespace",
  "service.instance.id",
  "instance",
  "k8s.cluster.name",
  "k8s.namespace.name",
  "k8s.deployment.name",
  "k8s.pod.name",
  "k8s.node.name",
  "host.name",
  "deployment.environment.name",
];
/** Bytes kept of a text: where it begins, and where a stack trace says what went wrong. */
const headBytes = 8192;
const tailBytes = 4096;
const between = "\u001f";
/** Beyond the last row of any batch: all of it was read. */
const wholeBatch = "4294967295";

/** A cursor is `batch` once all of it was read, `batch.place` in the middle of one. */
export function createLogReader({
  database,
  storedThrough,
  lastId,
  pageRecords = 10_000,
}: LogReaderOptions): LogReader {
  const table = database.table("otel_logs");
  const limit = Math.floor(pageRecords);
  const scope = `_batch >= {after:UInt64} AND _batch <= {through:UInt64} AND (_batch > {after:UInt64} OR _i > {place:UInt32})
      AND Timestamp >= fromUnixTimestamp64Milli({notBefore:Int64}) AND Body != ''`;
  const origin = ["ServiceName", ...originKeys.map((key) => `ResourceAttributes['${key}']`)]
    .map((value) => `toString(${value})`)
    .join(", ");
  // The batches of the page are found first, by a column that costs nothing, so that no text is read in vain. Not as a
  // subquery of the other: the embedded engine was seen to end over that.
  const reach = `SELECT toString(max(_batch)) FROM (SELECT _batch FROM ${table} WHERE ${scope} ORDER BY _batch LIMIT ${limit})`;
  const sql = `SELECT toString(_batch), toUInt32(_i), toFloat64(toUnixTimestamp64Milli(Timestamp)), SeverityNumber,
      arrayStringConcat([${origin}], char(31)),
      if(length(Body) > ${headBytes + tailBytes}, concat(substring(Body, 1, ${headBytes}), '\\n', substring(Body, -${tailBytes})), Body)
    FROM ${table} WHERE ${scope}
    ORDER BY _batch, _i LIMIT ${limit}`;

  return {
    async logsAfter(cursor, notBefore): Promise<LogPage> {
      if (!/^(?:\d{1,20}(?:\.\d{1,10})?)?$/.test(cursor))
        throw new Error(`not a cursor of this reader: ${JSON.stringify(cursor)}`);
      const [after = "0", place = wholeBatch] = cursor === "" ? [] : cursor.split(".");
      const through = storedThrough();
      if (lastId() < BigInt(after)) return { ...noLogs(String(through)), beyond: true };
      if (through < BigInt(after) || (through === BigInt(after) && place === wholeBatch)) return noLogs(cursor);
      const bounds = { after, place, through: String(through), notBefore: clamp(notBefore) };
      const [[reached = "0"] = []] = await database.select<[string]>(reach, bounds);
      const rows = reached === "0" ? [] : await database.select<Row>(sql, { ...bounds, through: reached });
      const last = rows.at(-1);
      const more = last !== undefined && rows.length >= limit;
      return { ...columnsOf(rows), cursor: more ? `${last[0]}.${last[1]}` : String(through), more };
    },
  };
}

export function noLogs(cursor: string): LogPage {
  return { ...columnsOf([]), cursor, more: false };
}

function columnsOf(rows: readonly Row[]): Omit<LogPage, "cursor" | "more"> {
  const at = new Float64Array(rows.length);
  const severity = new Uint8Array(rows.length);
  const origin = new Int32Array(rows.length);
  const bodies = new Array<string>(rows.length);
  const origins: LogOrigin[] = [];
  const places = new Map<string, number>();
  for (let i = 0; i < rows.length; i++) {
    const [, , time, number, text, body] = rows[i]!;
    let place = places.get(text);
    if (place === undefined) {
      place = origins.push(originOf(text)) - 1;
      places.set(text, place);
    }
    at[i] = time;
    severity[i] = number;
    origin[i] = place;
    bodies[i] = body;
  }
  return { records: rows.length, at, severity, origin, bodies, origins };
}

/** A separator within a value moves what follows by one place: nothing worse comes of it. */
function originOf(text: string): LogOrigin {
  const [service = "", ...values] = text.split(between);
  const resource: Record<string, string> = {};
  if (service !== "") resource["service.name"] = service;
  for (const [i, key] of originKeys.entries()) {
    const value = values[i];
    if (value !== undefined && value !== "") resource[key] = value;
  }
  return { service, resource: resource as Labels };
}
