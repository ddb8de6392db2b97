// History and spans of several tenants: everybody's, apart, under the names the reader gives them.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RawPoint } from "../../src/model/ports/telemetry-reader.ts";
import { createDecoder } from "../../src/receive/decoder.ts";
import type { Store } from "../../src/store/store.ts";
import { encode } from "../receive/otlp-proto.ts";
import { spans } from "./batches.ts";
import { doors, type Place } from "./doors.ts";

const t0 = Date.UTC(2026, 0, 2);
const range = { from: t0, to: t0 + 600_000 };
let place: Place;
let store: Store;

/** A gauge and a counter, ten points each, a minute apart; all but the values are the same for everybody. */
async function send(tenant: string, first: number, more: readonly string[] = []): Promise<void> {
  const decoder = createDecoder({ window: null });
  const dataPoints = Array.from({ length: 10 }, (_, i) => ({
    startTimeUnixNano: `${t0}000000`,
    timeUnixNano: `${t0 + i * 60_000}000000`,
    asDouble: first + i,
  }));
  const gauge = (name: string): object => ({ name, gauge: { dataPoints } });
  const sum = { name: "app.requests", sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true } };
  const metrics = [gauge("app.queue"), sum, ...more.map(gauge)];
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "chat" } }] };
  const body = encode("metrics", { resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] });
  expect(decoder.decode("metrics", "protobuf", body, t0)).toMatchObject({ kind: "decoded", rejected: 0 });
  await store.journal.append(decoder.seal().batches, [], tenant);
}

async function pointsOf(hashes: readonly string[], thinToMs?: number): Promise<readonly RawPoint[]> {
  const series = (await store.history.series(["app.queue", "app.requests"], range, 100)).filter(({ hash }) =>
    hashes.includes(hash),
  );
  const found: RawPoint[] = [];
  for await (const page of store.history.points(series, range, thinToMs)) found.push(...page);
  return found;
}

const sorted = (found: readonly string[]): readonly string[] => found.toSorted((a, b) => (a < b ? -1 : 1));

describe.each(doors)("$name", (door) => {
  beforeEach(async () => {
    place = await door.enter();
    store = await place.open();
  });
  afterEach(async () => {
    await place.leave();
  });

  it("gives every tenant's series and points under the hashes and tenants the reader gives", async () => {
    await send("default", 100);
    await send("x", 200);
    await send("y", 300, ["only.y"]);
    await store.flushed();
    expect(await store.history.metrics(range)).toEqual([
      { metric: "app.queue", kind: "gauge", unit: "" },
      { metric: "app.requests", kind: "sum", unit: "" },
      { metric: "only.y", kind: "gauge", unit: "" },
    ]);
    const names = ["app.queue", "app.requests", "only.y"];
    const series = await store.history.series(names, range, 100);
    const { series: read } = await store.reader.metricsAfter("", 0);
    const said = (all: typeof series): readonly string[] => sorted(all.map((one) => JSON.stringify(one)));
    expect(series).toHaveLength(7);
    expect(said(series)).toEqual(said(read));
    expect(await store.history.series(names, range, 3)).toHaveLength(3);
    expect(await store.history.countPoints(series, range)).toBe(70);

    for (const [tenant, first] of [
      ["default", 100],
      ["x", 200],
      ["y", 300],
    ] as const) {
      const queue = series.find((one) => one.tenant === tenant && one.metric === "app.queue")!;
      const points = await pointsOf([queue.hash]);
      expect(points.map(({ hash, value }) => [hash, value])).toEqual(
        Array.from({ length: 10 }, (_, i) => [queue.hash, first + i]),
      );
    }
    await store.rollUp(range.to);
    const thin = await pointsOf(
      series.map(({ hash }) => hash),
      60_000,
    );
    expect(thin).toHaveLength(60);
    expect(new Set(thin.map(({ hash }) => hash)).size).toBe(6);
  });

  it("is the default tenant's as it always was while there is no other, and loses a tenant with its database", async () => {
    await send("default", 100);
    await store.flushed();
    const [alone] = await store.history.series(["app.queue"], range, 10);
    expect(alone).not.toHaveProperty("tenant");
    await send("x", 200);
    await store.flushed();
    const both = await store.history.series(["app.queue"], range, 10);
    expect(both.map(({ hash, tenant }) => [hash, tenant])).toEqual([
      [alone!.hash, "default"],
      [`x:${alone!.hash}`, "x"],
    ]);
    await store.erase({ tenant: "x" });
    expect(await store.history.countPoints(both, range)).toBe(10);
  });

  it("counts every tenant's spans once, and says whose they are", async () => {
    await store.journal.append([spans(["t1", "t2"], t0)]);
    await store.journal.append([spans(["t1"], t0)], [], "x");
    await store.flushed();
    const first = await store.spans.spansAfter("", 0, 15_000);
    expect(first.groups.map(({ tenant, count }) => [tenant, count])).toEqual([
      ["default", 2],
      ["x", 1],
    ]);
    await store.journal.append([spans(["t3"], t0)], [], "y");
    await store.flushed();
    const second = await store.spans.spansAfter(first.cursor, 0, 15_000);
    expect(second.groups.map(({ tenant, count }) => [tenant, count])).toEqual([["y", 1]]);
  });
});
