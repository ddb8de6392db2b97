// Rollups give the numbers of the raw points, whatever the order points come in and however often they are made.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ColumnBatch } from "../../src/model/batch.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { Database } from "../../src/store/database.ts";
import { createInserter, type Inserter } from "../../src/store/journal/inserter.ts";
import type { Frame } from "../../src/store/journal/log.ts";
import { encodeBlock } from "../../src/store/journal/native-block.ts";
import { migrate } from "../../src/store/migrate.ts";
import { createRollups, type Rollups } from "../../src/store/rollup.ts";
import { gauges, histograms, sums, type TestPoint } from "./batches.ts";
import { doors, type Place } from "./doors.ts";

describe.each(doors)("$name", (door) => {
  let place: Place;
  let database: Database;
  let inserter: Inserter;
  let batch = 0n;
  const dayMs = 86_400_000;
  const t0 = Date.UTC(2026, 0, 2, 10);

  beforeAll(async () => {
    place = await door.enter();
    database = await place.bare();
    await migrate(database, silentTelemetry.log);
    inserter = await createInserter(database);
  });
  afterAll(async () => {
    await place?.leave();
  });

  const rollupsOf = (more: { rawDays?: number; pointsAtOnce?: number } = {}): Rollups =>
    createRollups({ database, storedThrough: () => batch, ...more }, place.counts.telemetry);

  /** Inserts as the drainer would; `cut`: dies after that many rows first, and reads back what is there. */
  async function insert(rows: ColumnBatch, cut?: number): Promise<void> {
    const id = batch + 1n;
    const block = encodeBlock(rows, id);
    const columns = rows.columns.map(({ name, type }) => [name, type] as const);
    const read = async (): Promise<Buffer> => block;
    const frame: Frame = {
      id,
      tenant: "default",
      table: rows.table,
      rows: rows.rows,
      columns,
      offset: 0,
      bytes: block.length,
      read,
      done() {},
    };
    if (cut === undefined) await inserter.insertNew([frame], `m${id};`);
    else {
      await inserter.insertMissing([frame], `m${id};`, { from: 0, to: cut });
      await inserter.insertMissing([frame], `m${id};`);
    }
    batch = id;
  }

  type Row = Readonly<Record<string, unknown>>;

  async function readRollup(table: string, range: { from: number; to: number }): Promise<Row[]> {
    return await database.objects<Row>(
      `SELECT toString(SeriesHash) AS hash, toFloat64(toUnixTimestamp(Bucket)) * 1000 AS bucket, MetricName AS metric, Points AS points,
      Sum AS sum, Min AS min, Max AS max, First AS first, Last AS last, Increase AS increase,
      toFloat64(toUnixTimestamp64Milli(FirstAt)) AS firstAt, toFloat64(toUnixTimestamp64Milli(LastAt)) AS lastAt,
      toFloat64(CountIncrease) AS counted, arrayMap(x -> toFloat64(x), SumBuckets) AS buckets
    FROM ${database.table(table)} FINAL WHERE Bucket >= fromUnixTimestamp64Milli({from:Int64}) AND Bucket < fromUnixTimestamp64Milli({to:Int64})
    ORDER BY SeriesHash, Bucket`,
      range,
    );
  }

  interface Point extends TestPoint {
    readonly kind: "gauge" | "sum" | "histogram";
    /** Order of arrival. */
    readonly n: number;
  }

  /** The same from scratch, in another language. */
  function aggregate(points: readonly Point[], stepMs: number): Row[] {
    const groups = new Map<string, Point[]>();
    for (const point of points) {
      const key = `${String(point.hash).padStart(20, "0")}/${Math.floor(point.at / stepMs) * stepMs}`;
      groups.set(key, [...(groups.get(key) ?? []), point]);
    }
    return [...groups]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, group]) => {
        const p = group.toSorted((a, b) => a.at - b.at || a.n - b.n);
        const { kind } = p[0]!;
        let increase = 0;
        // Test points begin a second before themselves, so neighbours further apart than that are a restart.
        for (let i = 1; i < p.length; i++) {
          const [a, b] = [p[i - 1]!, p[i]!];
          increase += b.at - 1000 > a.at || b.value < a.value ? b.value : b.value - a.value;
        }
        const sum = p.reduce((total, point) => total + point.value, 0);
        const values = p.map((point) => point.value);
        return {
          hash: String(p[0]!.hash),
          bucket: Number(key.split("/")[1]),
          metric: "m",
          points: p.length,
          sum,
          min: Math.min(...values),
          max: Math.max(...values),
          first: values[0],
          last: values.at(-1),
          increase: kind === "gauge" ? 0 : kind === "sum" ? increase : sum,
          firstAt: p[0]!.at,
          lastAt: p.at(-1)!.at,
          counted: kind === "histogram" ? 3 * p.length : 0,
          buckets: kind === "histogram" ? [p.length, p.length, p.length] : [],
        };
      });
  }

  const makers = { gauge: gauges, sum: sums, histogram: histograms };
  const step = fc.record({
    kind: fc.constantFrom("gauge", "sum", "histogram"),
    points: fc.array(fc.record({ series: fc.nat(1), at: fc.nat(400), value: fc.nat(50) }), {
      minLength: 1,
      maxLength: 12,
    }),
    cut: fc.option(fc.nat(12), { nil: undefined }),
    /** Roll up to this second afterwards, or not at all. */
    upTo: fc.option(fc.integer({ min: -100, max: 500 }), { nil: undefined }),
  });

  it("equal an aggregation from scratch for any order of points, cut inserts and late points", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const start = t0 + ++run * 7_200_000;
        const range = { from: start, to: start + 3_600_000 };
        const rollups = rollupsOf({ pointsAtOnce: 10 });
        const points: Point[] = [];
        for (const { kind, points: drawn, cut, upTo } of steps) {
          const fresh = drawn.map(({ series, at, value }, i): Point => {
            const hash = BigInt(run * 100 + ["gauge", "sum", "histogram"].indexOf(kind) * 10 + series);
            return { kind, hash, at: start + at * 1000, value, n: points.length + i };
          });
          points.push(...fresh);
          await insert(makers[kind](fresh), cut === undefined ? undefined : Math.min(cut, fresh.length));
          if (upTo !== undefined) await rollups.rollUp(start + upTo * 1000);
        }
        await rollups.rollUp(start + 600_000);
        for (let again = 0; again < 2; again++) {
          expect(await readRollup("metrics_10s", range)).toEqual(aggregate(points, 10_000));
          expect(await readRollup("metrics_1m", range)).toEqual(aggregate(points, 60_000));
          expect((await rollupsOf().rollUp(start + 600_000)).hours).toBe(0);
        }
      }),
      // A failure is told at once: making it smaller takes longer than the test may, and hides it behind its time limit.
      { numRuns: 8, endOnFailure: true },
    );
  }, 120_000);

  it("make only whole buckets before the instant asked for, and those beyond it later", async () => {
    const start = t0 + 30 * dayMs;
    const range = { from: start, to: start + 3_600_000 };
    await insert(
      gauges([
        { hash: 5n, at: start + 1000, value: 1 },
        { hash: 5n, at: start + 61_000, value: 2 },
      ]),
    );
    expect(await rollupsOf().rollUp(start + 119_999)).toMatchObject({ hours: 1, upTo: start + 60_000 });
    expect((await readRollup("metrics_1m", range)).map(({ sum }) => sum)).toEqual([1]);
    expect(await rollupsOf().rollUp(start + 120_000)).toMatchObject({ hours: 1 });
    expect((await readRollup("metrics_1m", range)).map(({ sum }) => sum)).toEqual([1, 2]);
    expect(await rollupsOf().rollUp(start)).toMatchObject({ hours: 0, upTo: start + 120_000 });
  });

  it("leave out points without a value, and see a counter's restart that hides behind a higher value", async () => {
    const start = t0 + 31 * dayMs;
    await insert(
      gauges([
        { hash: 6n, at: start, value: Number.NaN },
        { hash: 6n, at: start + 1, value: 3 },
      ]),
    );
    await insert(
      sums([
        { hash: 7n, at: start, value: 3 },
        { hash: 7n, at: start + 5000, value: 4 },
      ]),
    );
    await rollupsOf().rollUp(start + 60_000);
    const rows = await readRollup("metrics_1m", { from: start, to: start + 60_000 });
    expect(rows).toMatchObject([
      { hash: "6", points: 1, sum: 3 },
      { hash: "7", points: 2, increase: 4 },
    ]);
  });

  it("keep buckets as they are once raw points of them may be gone", async () => {
    const start = t0 + 40 * dayMs;
    const range = { from: start, to: start + dayMs };
    await insert(
      gauges([
        { hash: 8n, at: start, value: 1 },
        { hash: 8n, at: start + 1, value: 2 },
      ]),
    );
    const rollups = rollupsOf({ rawDays: 15 });
    await rollups.rollUp(start + 60_000);
    const before = await readRollup("metrics_10s", range);
    expect(before).toMatchObject([{ sum: 3 }]);

    await rollups.freeze(start + 3_600_000);
    await database.command(
      `ALTER TABLE ${database.table("otel_metrics_gauge")} DELETE WHERE SeriesHash = 8 SETTINGS mutations_sync = 1`,
    );
    await insert(gauges([{ hash: 8n, at: start + 2, value: 7 }]));
    expect(await rollupsOf().rollUp(start + 60_000)).toMatchObject({ hours: 0, tooLate: 1 });
    expect(await readRollup("metrics_10s", range)).toEqual(before);
    expect(place.counts.of("homeostat.store.dropped", "too-late-for-rollup")).toBe(1);

    const late = start + 2 * dayMs;
    await rollups.rollUp(late + 20 * dayMs);
    await insert(gauges([{ hash: 9n, at: late, value: 1 }]));
    expect(await rollups.rollUp(late + 20 * dayMs)).toMatchObject({ hours: 0, tooLate: 1 });
  });
});
