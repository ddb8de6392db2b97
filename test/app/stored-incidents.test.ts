// All incidents, however many there are.
import { expect, test } from "vitest";
import { allIncidents } from "../../src/app/stored-incidents.ts";
import type { Incident } from "../../src/model/incident.ts";
import { memoryRecords, now } from "../show/kit.ts";
import { samples } from "../show/samples.ts";

const [sample] = samples().incidents as [Incident];
const many = (count: number, onsetOf: (i: number) => number): Incident[] =>
  Array.from({ length: count }, (_, i) => ({ ...sample, id: `i${i}`, onset: onsetOf(i) }));

test.each([0, 1, 999, 1000, 1001, 3500])("%i incidents are read, three to an instant", async (count) => {
  const read = await allIncidents(memoryRecords({ incidents: many(count, (i) => now + Math.floor(i / 3)) }));
  expect(read).toHaveLength(count);
  expect(new Set(read.map(({ id }) => id)).size).toBe(count);
});

test("more at one instant than a page holds is said, not cut off", async () => {
  const records = memoryRecords({ incidents: many(1500, () => now) });
  await expect(allIncidents(records)).rejects.toThrow("more than 1000 incidents");
});
