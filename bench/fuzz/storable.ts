// Rows that nothing speaks against: rejecting one of them is a mistake.
import type { Row } from "../../test/receive/read-native.ts";

/** Well before the last day the tables can hold. */
const LATEST_NANO = 5_600_000_000_000_000_000n;

/** True only where the row alone shows it; of the others nothing is said. */
export function surelyStorable(table: string, row: Row): boolean {
  const time = (row["Timestamp"] ?? row["TimeUnix"]) as bigint;
  if (time > LATEST_NANO) return false;
  switch (table) {
    // Zeros of a wrong length are rejected, but read as no id: so of items that lack one it is not sure.
    case "otel_logs":
      return hasLength(row["TraceId"], 32) && hasLength(row["SpanId"], 16);
    case "otel_traces":
      return hasLength(row["TraceId"], 32) && hasLength(row["SpanId"], 16) && hasLength(row["ParentSpanId"], 16);
    default:
      return (row["MetricName"] ?? "") !== "" && isUsual(row["Attributes"]) && bucketsFit(row);
  }
}

function hasLength(text: unknown, length: number): boolean {
  return typeof text === "string" && text.length === length;
}

function isUsual(attributes: unknown): boolean {
  const pairs = attributes as readonly (readonly [string, string])[];
  return pairs.length < 64 && pairs.every(([key, value]) => key.length < 64 && value.length < 4096);
}

function bucketsFit(row: Row): boolean {
  const [counts, bounds] = [row["BucketCounts"], row["ExplicitBounds"]] as (readonly unknown[] | undefined)[];
  if (counts === undefined || bounds === undefined) return true;
  return counts.length === bounds.length + 1 || counts.length + bounds.length === 0;
}
