// What an incident was shown stays known: log records, comparisons that went blind, and the stages of a settled cause.
import { describe, expect, test } from "vitest";
import { rank } from "../../src/diagnose/rank.ts";
import { createRecall } from "../../src/diagnose/recall.ts";
import type { Finding, Scene } from "../../src/diagnose/scene.ts";
import { createTopology } from "../../src/diagnose/topology.ts";
import type { EntityId } from "../../src/model/entity.ts";
import type { FailureMode, SymptomSpec } from "../../src/model/failure-mode.ts";
import { modes } from "./fleet.ts";

const minute = 60_000;
const replica = "replica:a";
const absent: Finding = { state: "absent" };

function spec(id: string, source: SymptomSpec["source"], more: Partial<SymptomSpec> = {}): SymptomSpec {
  return { id, says: id, source, present: 4, absent: 0.5, ...more };
}
const query = (id: string, expr: string, more: Partial<SymptomSpec> = {}): SymptomSpec =>
  spec(id, { kind: "expr", expr }, more);

function present(entity: EntityId = replica): Finding {
  return { state: "present", evidence: { kind: "signal", says: "seen", at: 0, entity, subject: "x" } };
}

function sceneAt(at: number): Scene {
  const topology = createTopology();
  const scope = "deployment:chat";
  const known = {
    scope,
    anomalies: [],
    changes: [],
    alive: new Set<EntityId>([replica]),
    topology,
    silenceTells: true,
  };
  return { ...known, at, onset: 0, knownAt: at };
}

function mode(id: string, symptoms: readonly SymptomSpec[], more: Partial<FailureMode> = {}): FailureMode {
  return { ...modes[0]!, id, at: ["replica"], prior: 0.1, symptoms, discriminators: [], path: [], ...more };
}

const logged = spec("logged", { kind: "log", contains: "Xid", withinMs: 10 * minute });
const compared = query("compared", "a > 2 * a offset 10m");
const now = query("now", "queue > 3");

describe("what was seen and cannot be seen again", () => {
  const seen = [logged, compared, now];
  const states = (recall: ReturnType<typeof createRecall>, found: Finding, at: number): readonly string[] => {
    const look = recall.over(() => found, sceneAt(at));
    return seen.map((one) => look(one, replica).state);
  };

  test("stays: a log record, and a comparison once the trouble is older than what it compares with", () => {
    const recall = createRecall();
    expect(states(recall, present(), 5 * minute)).toEqual(["present", "present", "present"]);
    expect(states(recall, absent, 12 * minute)).toEqual(["present", "present", "absent"]);
  });

  test("is over where a comparison can still tell", () => {
    const recall = createRecall();
    states(recall, present(), minute);
    expect(states(recall, absent, 5 * minute)).toEqual(["present", "absent", "absent"]);
    expect(states(recall, absent, 12 * minute)).toEqual(["present", "absent", "absent"]);
  });

  test("is of the entity it was seen on", () => {
    const recall = createRecall();
    states(recall, present(), minute);
    expect(recall.over(() => absent, sceneAt(12 * minute))(logged, "replica:b").state).toBe("absent");
  });
});

describe("a settled cause", () => {
  const other = mode("other", [], { discriminators: [{ ...query("for-cause", "x > 1"), against: "cause" }] });
  const against = { ...query("not-now", "y > 1"), against: "other" };
  const againstBefore = { ...query("not-before", "y > y offset 10m"), against: "other" };
  const cause = mode("cause", [now], { discriminators: [against, againstBefore] });
  const all = [cause, other];

  function settled(): ReturnType<typeof createRecall> {
    const recall = createRecall();
    for (const at of [0, minute, 2 * minute]) {
      const look = recall.over((one) => (one === against || one === againstBefore ? absent : present()), sceneAt(at));
      for (const one of [now, other.discriminators[0]!, against, againstBefore]) look(one, replica);
      recall.lead({ failureMode: cause.id, probability: 0.6 }, all, at);
    }
    return recall;
  }

  test("keeps what showed it and what spoke for it against another, through the stages that follow", () => {
    const look = settled().over(() => absent, sceneAt(8 * minute));
    expect(look(now, replica).state).toBe("present");
    expect(look(other.discriminators[0]!, replica).state).toBe("present");
  });

  test("is refuted by what is so now, not by a comparison whose past has the trouble in it", () => {
    const look = settled().over(() => present(), sceneAt(8 * minute));
    expect(look(against, replica).state).toBe("present");
    expect(look(againstBefore, replica).state).toBe("absent");
  });

  test("is not held for ever", () => {
    expect(settled().over(() => absent, sceneAt(30 * minute))(now, replica).state).toBe("absent");
  });

  test("is none before it has led for two minutes on end", () => {
    const recall = createRecall();
    for (const [at, leads] of [
      [0, cause],
      [minute, other],
      [2 * minute, cause],
      [3 * minute, cause],
    ] as const) {
      recall.over(() => present(), sceneAt(at))(now, replica);
      recall.lead({ failureMode: leads.id, probability: 0.6 }, all, at);
    }
    expect(recall.over(() => absent, sceneAt(4 * minute))(now, replica).state).toBe("absent");
  });

  test("goes on leading while it is the likeliest, though no longer likelier than all others together", () => {
    const recall = createRecall();
    const led = (id: string, probability: number, at: number) => recall.lead({ failureMode: id, probability }, all, at);
    led("cause", 0.4, 0);
    led("cause", 0.4, 3 * minute);
    expect(recall.settled()).toBeUndefined();
    led("cause", 0.6, 4 * minute);
    led("cause", 0.4, 5 * minute);
    led("cause", 0.4, 6 * minute);
    expect(recall.settled()).toBe(cause);
  });
});

describe("what a settled cause brings about", () => {
  const overflow = mode("overflow", [query("full", "full", { present: 60 })]);
  const stall = mode("stall", [query("stalls", "stalls", { present: 12 })], {
    consequences: ["overflow"],
    discriminators: [{ ...query("rather-full", "rather", { present: 10 }), against: "overflow" }],
  });
  const all = [overflow, stall];
  const top = (settled: FailureMode | undefined, shows: readonly string[]) =>
    rank(
      all,
      0.05,
      "deployment:chat",
      [replica],
      ({ id }) => (shows.includes(id) ? present() : absent),
      [],
      0,
      settled,
    )[0]!;

  test("does not displace it, nor speak against it", () => {
    const both = ["stalls", "full", "rather-full"];
    expect(top(undefined, both).failureMode).toBe("overflow");
    const { failureMode, against, probability } = top(stall, both);
    expect(failureMode).toBe("stall");
    expect(against).toEqual([]);
    expect(probability).toBeLessThan(0.95);
  });

  test("is the cause where it led itself, or where nothing shows the settled one any more", () => {
    expect(top(overflow, ["stalls", "full", "rather-full"]).failureMode).toBe("overflow");
    expect(top(stall, ["full", "rather-full"]).failureMode).toBe("overflow");
  });
});

describe("ranking", () => {
  const ranked = (
    of: readonly FailureMode[],
    places: readonly EntityId[],
    show: (one: string, where: EntityId) => boolean,
  ) => rank(of, 0.05, "deployment:chat", places, ({ id }, where) => (show(id, where) ? present(where) : absent), [], 0);

  test("views of one thing weigh as much as the most telling of them, for and against", () => {
    const views = (family?: string): SymptomSpec[] =>
      ["a", "b"].map((id) => query(id, id, family === undefined ? {} : { family }));
    const [one, two, family] = [[query("a", "a")], views(), views("view")].map(
      (symptoms) => ranked([mode("m", symptoms)], [replica], () => true)[0]!.probability,
    );
    expect(family).toBeCloseTo(one!);
    expect(two).toBeGreaterThan(family!);
    // One view that shows is not taken back by another that does not.
    const half = ranked([mode("m", views("view"))], [replica], (id) => id === "a")[0]!.probability;
    expect(half).toBeCloseTo(one!);
  });

  const burst = mode("m", [
    query("always", "a", { present: 40 }),
    query("in-bursts", "b", { present: 20, absent: 0.3 }),
  ]);

  test("a cause of all replicas stays one of all while only one of them shows its burst", () => {
    const places = ["replica:a", "replica:b", "replica:c"];
    const [of] = ranked([burst], places, (id, where) => id === "always" || where === "replica:a");
    expect(of).toMatchObject({ location: "replica:a", everywhere: "deployment:chat" });
    const [alone] = ranked([burst], places, (_id, where) => where === "replica:a");
    expect(alone?.everywhere).toBeUndefined();
  });

  test("two nodes that fail alike are trouble of the deployment, one is trouble of its own", () => {
    const nodes = ["node:1", "node:2", "node:3"];
    const ofNodes = { ...burst, at: ["node"] as const };
    expect(ranked([ofNodes], nodes, (_id, where) => where !== "node:3")[0]?.everywhere).toBe("deployment:chat");
    expect(ranked([ofNodes], nodes, (_id, where) => where === "node:3")[0]).toMatchObject({ location: "node:3" });
    expect(ranked([ofNodes], nodes, (_id, where) => where === "node:3")[0]?.everywhere).toBeUndefined();
  });

  test("a step that rarely shows is passed on the way to one that is seen, not after it, and not where absence tells", () => {
    const steps = ["first", "second", "seen", "last"];
    const pathWith = (absent: number): readonly (readonly [string, string])[] => {
      const symptoms = steps.map((id) => query(id, id, { absent: id === "first" ? absent : 0.9 }));
      const path = steps.map((symptom) => ({ step: symptom, symptom }));
      const [cause] = ranked([mode("m", symptoms, { path })], [replica], (id) => id === "seen");
      return cause!.path!.map(({ id, state }) => [id, state] as const);
    };
    expect(pathWith(0.9)).toEqual([
      ["first", "presumed"],
      ["second", "presumed"],
      ["seen", "seen"],
    ]);
    expect(pathWith(0.2)).toEqual([
      ["second", "presumed"],
      ["seen", "seen"],
    ]);
  });
});
