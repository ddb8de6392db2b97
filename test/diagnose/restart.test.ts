// An incident that was open when the service stopped goes on after its restart.
import { expect, test } from "vitest";
import { snapshotFromRecords } from "../../src/diagnose/snapshot.ts";
import { calmMs, ended, saturation, world } from "./fleet.ts";

test.each(["snapshot", "records"])("a restart (%s) goes on with the incident that was open", async (how) => {
  const before = world();
  await before.run(calmMs);
  const { incidents, diagnoses } = await before.run(60_000, saturation);
  const after = world();
  await after.run(calmMs + 60_000);
  const records = {
    list: (kind: string) =>
      Promise.resolve(({ incidents: [incidents.at(-1)], diagnoses, anomalies: saturation.anomalies } as never)[kind]),
  };
  const snapshot =
    how === "snapshot" ? JSON.parse(JSON.stringify(before.diagnose.snapshot())) : await snapshotFromRecords(records);
  expect(after.diagnose.restore(snapshot)).toBe(true);
  const going = await after.run(60_000, saturation);
  expect(going.incidents.filter(({ id }) => id !== incidents[0]!.id)).toEqual([]);
  expect(going.diagnoses).toEqual([]);
  const quiet = await after.run(10 * 60_000, { anomalies: saturation.anomalies!.map((one) => ended(one, after.at())) });
  expect(quiet.incidents.at(-1)).toMatchObject({ id: incidents[0]!.id, state: "resolved" });
});

test("a snapshot that is none is refused", () => {
  for (const bad of [null, {}, { version: 1, open: [{}], closed: [] }])
    expect(world().diagnose.restore(bad)).toBe(false);
});
