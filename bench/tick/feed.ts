// Telemetry of 1,000 replicas with 100 series each, as column batches for the store's journal: built once, times and values anew each round.
import type { Column, ColumnBatch } from "../../src/model/batch.ts";
import {
  arrays,
  float64s,
  instants,
  lowCardinality,
  maps,
  strings,
  uint32s,
  uint64s,
} from "../../test/store/native.ts";

export const replicas = 1000;
const gaugesEach = 48;
const countersEach = 48;
const histogramsEach = 4;
export const seriesCount = replicas * (gaugesEach + countersEach + histogramsEach);
const bounds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Senders: the rows of a tick come in so many appends. */
const senders = 4;

interface Sender {
  batches(round: number, at: number, start: number): readonly ColumnBatch[];
}

export function createSenders(): readonly Sender[] {
  const each = replicas / senders;
  return Array.from({ length: senders }, (_, s) => createSender(s * each, (s + 1) * each));
}

function createSender(from: number, to: number): Sender {
  const gauge = createTable("otel_metrics_gauge", "fleet_gauge_", gaugesEach, from, to, 0);
  const counter = createTable("otel_metrics_sum", "fleet_counter_", countersEach, from, to, gaugesEach);
  const histogram = createTable(
    "otel_metrics_histogram",
    "fleet_latency_",
    histogramsEach,
    from,
    to,
    gaugesEach + countersEach,
  );
  return { batches: (round, at, start) => [gauge, counter, histogram].map((table) => table(round, at, start)) };
}

function createTable(
  table: ColumnBatch["table"],
  prefix: string,
  metrics: number,
  from: number,
  to: number,
  offset: number,
): (round: number, at: number, start: number) => ColumnBatch {
  const rows = (to - from) * metrics;
  const replicaOf = (row: number): number => from + Math.floor(row / metrics);
  const metricOf = (row: number): number => row % metrics;
  const of = <T>(make: (replica: number, metric: number) => T): T[] =>
    Array.from({ length: rows }, (_, row) => make(replicaOf(row), metricOf(row)));
  const mapType = "Map(LowCardinality(String), String)";
  const suffix = table === "otel_metrics_histogram" ? "_seconds" : "";
  const fixed: Column[] = [
    { name: "ServiceName", type: "LowCardinality(String)", bytes: lowCardinality(of(() => "fleet")) },
    {
      name: "MetricName",
      type: "LowCardinality(String)",
      bytes: lowCardinality(of((_, m) => `${prefix}${m}${suffix}`)),
    },
    { name: "MetricUnit", type: "String", bytes: strings(of(() => "")) },
    {
      name: "ResourceAttributes",
      type: mapType,
      bytes: maps(of((r) => ({ "service.name": "fleet", "service.instance.id": `r${r}` }))),
    },
    { name: "Attributes", type: mapType, bytes: maps(of((r) => ({ model: `m${r % 7}`, shard: `s${r % 10}` }))) },
    { name: "Flags", type: "UInt32", bytes: uint32s(of(() => 0)) },
    // Spread over all 64 bits, as real hashes are.
    {
      name: "SeriesHash",
      type: "UInt64",
      bytes: uint64s(of((r, m) => BigInt.asUintN(64, BigInt(1 + r * 1000 + offset + m) * 0x9e3779b97f4a7c15n))),
    },
  ];
  if (table === "otel_metrics_sum")
    fixed.push(
      { name: "AggregationTemporality", type: "Int32", bytes: uint32s(of(() => 2)) },
      { name: "IsMonotonic", type: "Bool", bytes: new Uint8Array(rows).fill(1) },
    );
  const histogram = table === "otel_metrics_histogram";
  if (histogram)
    fixed.push(
      { name: "AggregationTemporality", type: "Int32", bytes: uint32s(of(() => 2)) },
      {
        name: "ExplicitBounds",
        type: "Array(Float64)",
        bytes: arrays(
          of(() => bounds.length),
          float64s(of(() => bounds).flat()),
        ),
      },
    );
  const perPoint = bounds.length + 1;
  const offsets = histogram
    ? arrays(
        of(() => perPoint),
        new Uint8Array(0),
      )
    : new Uint8Array(0);
  return (round, at, start) => {
    const columns: Column[] = [
      ...fixed,
      { name: "TimeUnix", type: "DateTime64(9)", bytes: instantColumn(rows, at) },
      { name: "StartTimeUnix", type: "DateTime64(9)", bytes: instantColumn(rows, start) },
    ];
    if (!histogram) {
      const values = new Float64Array(rows);
      for (let row = 0; row < rows; row++)
        values[row] =
          table === "otel_metrics_sum"
            ? counterValue(replicaOf(row), metricOf(row), round)
            : gaugeValue(replicaOf(row), metricOf(row), round);
      columns.push({ name: "Value", type: "Float64", bytes: new Uint8Array(values.buffer) });
      return { table, rows, columns };
    }
    const counts = new BigUint64Array(rows);
    const sums = new Float64Array(rows);
    const buckets = new BigUint64Array(rows * perPoint);
    for (let row = 0; row < rows; row++) {
      let count = 0;
      for (let b = 0; b < perPoint; b++) {
        const value = round * (2 + ((replicaOf(row) + metricOf(row) + b) % 3)) + noise(row, b, round);
        buckets[row * perPoint + b] = BigInt(Math.floor(value));
        count += Math.floor(value);
      }
      counts[row] = BigInt(count);
      sums[row] = count * 0.3;
    }
    columns.push(
      { name: "Count", type: "UInt64", bytes: new Uint8Array(counts.buffer) },
      { name: "Sum", type: "Float64", bytes: new Uint8Array(sums.buffer) },
      { name: "BucketCounts", type: "Array(UInt64)", bytes: Buffer.concat([offsets, new Uint8Array(buckets.buffer)]) },
    );
    return { table, rows, columns };
  };
}

function instantColumn(rows: number, ms: number): Uint8Array {
  return new Uint8Array(new BigInt64Array(rows).fill(BigInt(ms) * 1_000_000n).buffer);
}

const gaugeValue = (replica: number, metric: number, round: number): number =>
  metric % 8 === 0 ? 42 : 50 + (metric % 5) * 20 + 10 * noise(replica, metric, round);
const counterValue = (replica: number, metric: number, round: number): number =>
  Math.floor(round * (100 + ((replica + metric) % 9)) + 20 * noise(replica, metric, round));

/** In [0, 1), of its arguments alone. */
function noise(a: number, b: number, c: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h ^= h >>> 12;
  return (h >>> 0) / 2 ** 32;
}

export { instants };
