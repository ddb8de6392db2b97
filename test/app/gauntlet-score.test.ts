// What a played scenario is worth: judged on made-up runs with a known verdict.
import { describe, expect, test } from "vitest";
import { figuresOf, type Run } from "../../src/app/gauntlet/figures.ts";
import { follows, renewedOf, type Score, score, type Told, type Truth } from "../../src/app/gauntlet/score.ts";
import type { Diagnosis, Incident } from "../../src/model/incident.ts";

const minute = 60_000;
const truth: Truth = {
  mode: "FM-05",
  from: 10 * minute,
  to: 20 * minute,
  places: ["replica:a", "gpu:a0"],
  path: ["engine_core", "no_progress", "request_timeouts"],
};
const told = (at: number, more: Partial<Told> = {}): Told => {
  return { at, codes: ["FM-05"], place: "replica:a", path: truth.path, ...more };
};

describe("a run with a fault", () => {
  test("found, named and placed right", () => {
    expect(score(truth, [told(11 * minute)])).toMatchObject({
      detected: true,
      ttdMs: minute,
      top1: true,
      top3: true,
      location: true,
      path: true,
      falseIncidents: 0,
    });
  });
  test("a form of the mode is the mode; the second cause counts among three only", () => {
    expect(score(truth, [told(11 * minute, { codes: ["FM-05b"] })]).top1).toBe(true);
    const second = score(truth, [told(11 * minute, { codes: ["FM-03", "FM-05"], place: "replica:b" })]);
    expect(second).toMatchObject({ detected: true, top1: false, top3: true, location: false });
  });
  test("what was told before the fault is false and no detection; what comes long after it neither", () => {
    expect(score(truth, [told(5 * minute)])).toMatchObject({ detected: false, top1: false, falseIncidents: 1 });
    expect(score(truth, [told(40 * minute)])).toMatchObject({ detected: false, falseIncidents: 1 });
    expect(score(truth, [])).toMatchObject({ detected: false, location: false, path: false, falseIncidents: 0 });
  });
  test("the first that is told in time is judged, not the best", () => {
    const both = [told(12 * minute), told(11 * minute, { codes: ["FM-01"], place: "replica:b" })];
    expect(score(truth, both)).toMatchObject({ top1: false, location: false, ttdMs: minute });
  });
});

test("without a fault all that is told is false", () => {
  const none: Truth = { mode: "NONE", from: 0, to: 0, places: [], path: [] };
  expect(score(none, [told(1), told(2)])).toMatchObject({ isFault: false, falseIncidents: 2, detected: false });
});

test("a path is followed in its order, from its beginning, by half of it at least", () => {
  expect(follows(["engine_core", "x", "no_progress"], truth.path)).toBe(true);
  expect(follows(["no_progress", "engine_core"], truth.path)).toBe(false);
  expect(follows(["request_timeouts"], truth.path)).toBe(false);
  expect(follows([], truth.path)).toBe(false);
});

test("an incident thought of anew after the onset is told anew then, and only if the cause is another", () => {
  const incident = { id: "i", openedAt: minute } as Incident;
  const thought = (at: number, failureMode: string) =>
    ({ incident: "i", at, causes: [{ failureMode, code: "FM-05", location: "replica:a" }] }) as unknown as Diagnosis;
  const same = [thought(2 * minute, "straggler"), thought(11 * minute, "straggler")];
  expect(renewedOf(incident, same, truth.from, truth.to)).toBeUndefined();
  expect(renewedOf(incident, [...same, thought(12 * minute, "stuck")], truth.from, truth.to)?.at).toBe(12 * minute);
  expect(renewedOf({ ...incident, openedAt: 11 * minute }, same, truth.from, truth.to)).toBeUndefined();
});

test("figures: shares of faults, false incidents of healthy weeks, bounds", () => {
  const base: Score = {
    isFault: true,
    detected: true,
    ttdMs: 30_000,
    top1: true,
    top3: true,
    falseIncidents: 5,
    said: "",
  };
  const run = (one: Partial<Score>, virtualMs = 3_600_000): Run => {
    const scored = { ...base, ...one };
    return { scenario: "s", mode: "FM-05", virtualMs, score: scored, baseline: { ...scored, detected: false } };
  };
  const missed: Partial<Score> = { detected: false, top1: false, top3: false };
  const healthy = run({ isFault: false, falseIncidents: 1 }, 84 * 3_600_000);
  const figures = figuresOf([run({}), run({ ...missed, location: false }), run({ location: true }), healthy]);
  expect(figures).toMatchObject({ scenarios: 4, faults: 3, false_incidents_per_week: 2, baseline_detected_share: 0 });
  expect(figures["detected_share"]).toBeCloseTo(2 / 3);
  expect(figures["location_share"]).toBeCloseTo(1 / 2);
  expect(figures["path_share"]).toBeNaN();
});
