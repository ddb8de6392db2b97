// Slots of series: what was refused one gets it as soon as there is room.
import { expect, test } from "vitest";
import type { RawSeries } from "../../src/model/ports/telemetry-reader.ts";
import { createSeriesMeasures, type RawMember } from "../../src/observe/series-measures.ts";
import { countingTelemetry } from "./raw.ts";

const minute = 60_000;

function member(name: string): RawMember {
  const definition = { hash: name, metric: name, unit: "" } as unknown as RawSeries;
  const stored = { behaviour: "gauge", definition } as unknown as RawMember["stored"];
  return { stored, labels: { __name__: name }, entity: "replica:r", parent: undefined };
}

test("a series refused a slot is offered one when another leaves, unless it has left itself", () => {
  const telemetry = countingTelemetry();
  const options = { maxSlots: 2, keepAbsentMs: minute, stepMs: 10_000, rateWindowMs: 30_000 };
  const measures = createSeriesMeasures(options, telemetry);
  const [a, b, c, d] = ["a", "b", "c", "d"].map(member) as [RawMember, RawMember, RawMember, RawMember];
  for (const one of [a, b, c, d]) measures.enter(one, [], []);
  const given: string[] = [];
  const look = () =>
    measures.changes(
      (_slot, { key }) => void given.push(key),
      () => {},
    );
  look();
  measures.sweep(minute);
  expect(telemetry.counts.get("homeostat.observe.dropped/slot-limit")).toBe(2);
  look();
  expect(given).toEqual(["a", "b"]);
  measures.leave(c.stored, minute);
  measures.leave(a.stored, minute);
  measures.sweep(3 * minute);
  look();
  expect(given).toEqual(["a", "b", "d"]);
  // Still known as waiting, it is not counted as refused again and again.
  expect(telemetry.counts.get("homeostat.observe.dropped/slot-limit")).toBe(2);
});

test("a moment in time is no level and gets none", () => {
  const measures = createSeriesMeasures(
    { maxSlots: 9, keepAbsentMs: minute, stepMs: 10_000, rateWindowMs: 30_000 },
    countingTelemetry(),
  );
  for (const name of ["process_start_time_seconds", "reload_timestamp_seconds", "start_time_share", "depth"])
    measures.enter(member(name), [], []);
  const given: string[] = [];
  measures.changes(
    (_slot, { key }) => void given.push(key),
    () => {},
  );
  expect(given).toEqual(["start_time_share", "depth"]);
});
