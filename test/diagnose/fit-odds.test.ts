// Odds fitted to known causes: they judge as ranking does, learn what tells causes apart, and stay with the experts where nothing teaches.
import { describe, expect, test } from "vitest";
import { fitOdds, judged, type KnownCase } from "../../src/diagnose/fit-odds.ts";
import { readOddsTable, withFittedOdds } from "../../src/diagnose/fitted-odds.ts";
import type { Look } from "../../src/diagnose/look.ts";
import { layOut } from "../../src/diagnose/odds-terms.ts";
import { priorOfNone, rank } from "../../src/diagnose/rank.ts";
import { type StudyView, studyOf } from "../../src/diagnose/study.ts";
import { seededRandom } from "../../src/math/random.ts";
import type { EntityId } from "../../src/model/entity.ts";
import type { FailureMode } from "../../src/model/failure-mode.ts";
import { modes } from "./fleet.ts";

const places: readonly EntityId[] = ["replica:a", "replica:b", "deployment:d", "node:n", "gpu:g"];

/** The same random answer to the same question. */
function randomLook(seed: number): Look {
  const random = seededRandom(seed);
  const known = new Map<string, number>();
  return (spec, entity) => {
    const key = `${entity} ${spec.id} ${JSON.stringify(spec.source)}`;
    const drawn = known.get(key) ?? random();
    known.set(key, drawn);
    if (drawn < 0.15)
      return { state: "present", evidence: { kind: "signal", says: "s", at: 0, entity, subject: spec.id } };
    return { state: drawn < 0.7 ? "absent" : "unknown" };
  };
}

test("looks are judged as ranking judges them", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const look = randomLook(seed);
    const ranked = rank(modes, priorOfNone(modes), "deployment:d", places, look, [], 0);
    const { views } = studyOf(modes, "deployment:d", places, look, [], 0);
    const own = judged(layOut(modes), views);
    expect(own.map(({ mode }) => mode)).toEqual(ranked.map(({ failureMode }) => failureMode));
    for (const [i, { probability, entity }] of own.entries()) {
      expect(probability).toBeCloseTo(ranked[i]!.probability, 9);
      expect(entity).toBe(ranked[i]!.location);
    }
  }
});

/** Two modes that a catalogue takes for equals; one of them is told by its second symptom. */
const [left, right] = ["left", "right"].map((id): FailureMode => {
  const symptom = (name: string, present: number, absent: number) =>
    ({ id: name, says: name, source: { kind: "expr", expr: "up" }, present, absent }) as const;
  return {
    ...modes[0]!,
    id,
    code: id === "left" ? "FM-01" : "FM-02",
    at: ["replica"],
    prior: 0.2,
    symptoms: [symptom("shared", 5, 0.5), symptom("own", 2, 0.9), symptom("silent", 3, 1)],
    discriminators: [],
  };
}) as [FailureMode, FailureMode];
const pair = [left, right];

const view = (mode: string, symptoms: string, entity: EntityId = "replica:a"): StudyView => {
  return { mode, entity, symptoms, discriminators: "", alert: false };
};
const cases = (truth: string, views: readonly StudyView[], count: number): KnownCase[] =>
  Array.from({ length: count }, () => ({ truth: truth === "" ? [] : [truth], places: new Set(), weight: 1, views }));

describe("fitting", () => {
  const both = (ownLeft: string, ownRight: string) => [view("left", `p${ownLeft}a`), view("right", `p${ownRight}a`)];
  const teaching = [
    ...cases("left", both("p", "a"), 40),
    ...cases("right", both("a", "p"), 40),
    ...cases("", [view("left", "paa"), view("right", "paa")], 80),
  ];
  const told = (odds: Parameters<typeof withFittedOdds>[1], views: readonly StudyView[]) =>
    judged(layOut(withFittedOdds(pair, odds)), views);

  test("learns what tells causes apart, and that what both share is often nothing", () => {
    const odds = fitOdds(pair, teaching, { pull: 0.5 });
    const before = told({}, both("p", "a"))[0]!;
    const after = told(odds, both("p", "a"))[0]!;
    expect(after.mode).toBe("left");
    expect(after.probability).toBeGreaterThan(before.probability + 0.1);
    const nothing = (list: typeof before extends infer T ? readonly T[] : never) =>
      1 - list.reduce((sum, one) => sum + (one as { probability: number }).probability, 0);
    const quiet = [view("left", "paa"), view("right", "paa")];
    expect(nothing(told(odds, quiet))).toBeGreaterThan(nothing(told({}, quiet)) + 0.1);
  });

  test("its loss falls, it keeps every direction and its bounds, and absence that says nothing goes on saying nothing", () => {
    const losses: number[] = [];
    const odds = fitOdds(pair, [...teaching, ...teaching, ...teaching], {
      pull: 0.001,
      onPass: (_, loss) => losses.push(loss),
    });
    expect(losses.at(-1)!).toBeLessThan(0.8 * losses[0]!);
    for (const mode of Object.values(odds)) {
      for (const { from, to } of Object.values(mode)) {
        expect(to[0]).toBeGreaterThan(1);
        expect(to[1]).toBeLessThanOrEqual(1);
        expect(Math.abs(Math.log(to[0] / from[0]))).toBeLessThanOrEqual(Math.log(4) + 0.01);
      }
    }
    expect(odds["left"]?.["silent"]?.to[1] ?? 1).toBe(1);
  });

  test("moves nothing where nothing is taught: no case, causes without a symptom, views of another catalogue", () => {
    expect(fitOdds(pair, [], { pull: 0.5 })).toEqual({});
    expect(fitOdds(pair, cases("left", [view("right", "ppa")], 50), { pull: 0.5 })).toEqual({});
    expect(fitOdds(pair, cases("left", [view("left", "pp")], 50), { pull: 0.5 })).toEqual({});
    expect(fitOdds(pair, cases("left", [view("gone", "ppa")], 50), { pull: 0.5 })).toEqual({});
  });

  test("the right mode at the wrong place is wrong", () => {
    const views = [view("left", "paa", "replica:a"), view("left", "apa", "replica:b")];
    const taught = Array.from({ length: 60 }, () => ({
      truth: ["left"],
      places: new Set<EntityId>(["replica:b"]),
      weight: 1,
      views,
    }));
    expect(told({}, views)[0]!.entity).toBe("replica:a");
    expect(told(fitOdds(pair, taught, { pull: 0.05 }), views)[0]!.entity).toBe("replica:b");
  });
});

describe("the table of fitted odds", () => {
  const table = { left: { own: { from: [2, 0.9] as [number, number], to: [4, 0.5] as [number, number] } } };

  test("goes over what it was fitted from, and over nothing a user wrote", () => {
    const own = (of: readonly FailureMode[]) => of[0]!.symptoms[1]!;
    expect(own(withFittedOdds(pair, table))).toMatchObject({ present: 4, absent: 0.5 });
    const edited = { ...left, symptoms: left.symptoms.map((one) => ({ ...one, present: one.present + 1 })) };
    expect(own(withFittedOdds([edited, right], table))).toMatchObject({ present: 3, absent: 0.9 });
    expect(withFittedOdds([right], table)).toEqual([right]);
  });

  test("is read from JSON, and refused where it is none", () => {
    expect(readOddsTable(JSON.stringify({ version: 1, card: {}, odds: table }))).toEqual(table);
    for (const text of [
      "",
      "{",
      "[]",
      '{"version":2,"odds":{}}',
      '{"version":1,"odds":{"a":{"b":{"from":[1],"to":[2,3]}}}}',
    ])
      expect(readOddsTable(text)).toBeUndefined();
  });
});
