// The counts behind the series limit stay small, whatever comes.
import { expect, it } from "vitest";
import { createRequest } from "../../src/receive/request.ts";
import { createSeriesGuard } from "../../src/receive/series-guard.ts";
import { createSpans } from "../../src/receive/spans.ts";
import { wireOf } from "../../src/receive/wire.ts";

const range = (start: number, end: number) => ({ start, end });

/** Admits `count` series under each of `names` metric names; the name is the four bytes of a number. */
function flood(guard: ReturnType<typeof createSeriesGuard>, names: number, count: number): number {
  const data = new Uint8Array(64);
  const view = new DataView(data.buffer);
  // A KeyValue: key "k", value of four bytes.
  data.set([0x0a, 1, 0x6b, 0x12, 6, 0x0a, 4], 8);
  const wire = wireOf(data);
  const attributes = createSpans();
  attributes.count = 1;
  attributes.at.set([8, 19]);
  let admitted = 0;
  for (let name = 0; name < names; name++) {
    const request = createRequest(wire, { window: null }, 0);
    view.setUint32(0, name);
    const metric = {
      serial: name,
      type: 0,
      name: range(0, 4),
      description: range(0, 0),
      unit: range(0, 0),
      temporality: 0,
      monotonic: false,
    };
    for (let i = 0; i < count; i++) {
      view.setUint32(15, i);
      if (guard.admits(request, metric, attributes)) admitted++;
    }
  }
  return admitted;
}

it("counts every series once, up to the limit exactly", () => {
  for (const limit of [1, 2, 7, 10_000]) expect(flood(createSeriesGuard(limit), 1, 12_000)).toBe(limit);
});

it("forgets the metric begun first when there are too many series or metrics", () => {
  const guard = createSeriesGuard(100, { series: 1000, metrics: 50 });
  expect(flood(guard, 500, 150)).toBe(50_000);
  expect(guard.size()).toMatchObject({ metrics: expect.toSatisfy((n: number) => n <= 50) as number });
  expect(guard.size().series).toBeLessThanOrEqual(1100);
});

it("takes less than 300 KiB for a metric at its limit", () => {
  const guard = createSeriesGuard(10_000);
  flood(guard, 3, 100_000);
  expect(guard.size()).toEqual({ metrics: 3, series: 30_000, bytes: 3 * 65_536 * 4 });
});
