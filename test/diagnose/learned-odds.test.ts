// What engineers say moves odds: little for one voice, surely for many, and not at all once it is taken back.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDiagnosis } from "../../src/diagnose/diagnose.ts";
import { learnedModes, lessonOf } from "../../src/diagnose/learned-odds.ts";
import type { FailureMode } from "../../src/model/failure-mode.ts";
import type { DiagnosisVerdict } from "../../src/model/feedback.ts";
import type { Diagnosis } from "../../src/model/incident.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { anomaly, modes, replicas, start, stepMs, world } from "./fleet.ts";
import { memoryChanges, memoryLogs, replica } from "./memory-sources.ts";

const base: DiagnosisVerdict = {
  id: "v",
  kind: "diagnosis",
  at: 0,
  by: "ops",
  diagnosis: "d",
  incident: "i",
  verdict: "confirm",
  failureMode: "kv-cache-saturation",
  shares: { "kv-cache-saturation": 0.6, "traffic-burst": 0.3 },
  observed: [],
};
const deny: DiagnosisVerdict = { ...base, verdict: "deny" };
const many = (count: number, verdict: DiagnosisVerdict) => Array.from({ length: count }, () => verdict);
const modeOf = (all: readonly FailureMode[], id: string): FailureMode => all.find((mode) => mode.id === id)!;
const priorOf = (all: readonly FailureMode[], id: string): number => modeOf(all, id).prior;
const total = (all: readonly FailureMode[]): number => all.reduce((sum, { prior }) => sum + prior, 0);
const kv = "kv-cache-saturation";
const burst = "traffic-burst";

describe("priors", () => {
  const before = priorOf(modes, kv);
  test("move a little by one voice, by the formula", () => {
    expect(priorOf(learnedModes(modes, [base]), kv)).toBeCloseTo((100 * before + 1) / 101, 12);
    expect(priorOf(learnedModes(modes, many(300, base)), kv)).toBeGreaterThan(0.7);
  });
  test("go to the cause that is named, or to everything else by what was thought of it", () => {
    const named = learnedModes(modes, [{ ...deny, rightCause: burst }]);
    expect(priorOf(named, burst)).toBeCloseTo((100 * priorOf(modes, burst) + 1) / 101, 12);
    expect(priorOf(named, kv)).toBeCloseTo((100 * before) / 101, 12);
    const shared = learnedModes(modes, [deny]);
    expect(priorOf(shared, burst)).toBeCloseTo((100 * priorOf(modes, burst) + 0.75) / 101, 12);
    expect(1 - total(shared)).toBeCloseTo((100 * (1 - total(modes)) + 0.25) / 101, 12);
  });
  test("are the catalogue's own without verdicts, and where all are taken back", () => {
    expect(learnedModes(modes, [])).toBe(modes);
    expect(learnedModes(modes, [{ ...base, undone: { at: 1, by: "ops" } }])).toBe(modes);
  });
});

describe("ratios", () => {
  const observed = [{ failureMode: kv, seen: ["preemptions"], unseen: ["kv-cache-full"] }];
  const ratioOf = (all: readonly FailureMode[], id: string) =>
    modeOf(all, kv).symptoms.find((symptom) => symptom.id === id)!;
  test("follow how often a symptom shows with the mode and without", () => {
    const confirmed = learnedModes(modes, many(20, { ...base, observed }));
    // Always there: its absence tells more. Never there: its absence tells less.
    expect(ratioOf(confirmed, "preemptions").absent).toBeLessThan(ratioOf(modes, "preemptions").absent);
    expect(ratioOf(confirmed, "kv-cache-full").absent).toBeGreaterThan(ratioOf(modes, "kv-cache-full").absent);
    const denied = learnedModes(modes, many(20, { ...deny, rightCause: burst, observed }));
    expect(ratioOf(denied, "preemptions").present).toBeLessThan(ratioOf(modes, "preemptions").present);
    expect(ratioOf(denied, "preemptions").absent).toBeGreaterThanOrEqual(ratioOf(modes, "preemptions").absent);
  });
  test("of a lone voice stay near, and without an observation are the same to the last bit or nearly", () => {
    const one = learnedModes(modes, [{ ...base, observed }]);
    expect(ratioOf(one, "preemptions").present / ratioOf(modes, "preemptions").present).toBeCloseTo(1, 1);
    const other = learnedModes(modes, [base]);
    expect(ratioOf(other, "preemptions")).toBe(ratioOf(modes, "preemptions"));
  });
});

test("whatever people say, priors leave room for none of them and ratios stay what they mean", () => {
  const id = fc.constantFrom(...modes.map((mode) => mode.id), "gone", "__proto__");
  const ids = fc.array(fc.constantFrom("preemptions", "kv-cache-full", "queue", "nothing"), { maxLength: 3 });
  const verdict = fc.record({
    verdict: fc.constantFrom("confirm" as const, "deny" as const),
    failureMode: id,
    rightCause: fc.option(id, { nil: undefined }),
    shares: fc.dictionary(id, fc.double({ min: 0, max: 1, noNaN: true }), { maxKeys: 5 }),
    observed: fc.array(fc.record({ failureMode: id, seen: ids, unseen: ids }), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(verdict, { maxLength: 30 }), (said) => {
      const learned = learnedModes(modes, said.map((one) => ({ ...base, ...one })) as DiagnosisVerdict[]);
      expect(total(learned)).toBeLessThan(1);
      for (const { prior, symptoms } of learned) {
        expect(prior).toBeGreaterThan(0);
        for (const { present, absent } of symptoms) {
          expect(present).toBeGreaterThanOrEqual(1);
          expect(Number.isFinite(present)).toBe(true);
          expect(absent).toBeGreaterThan(0);
          expect(absent).toBeLessThanOrEqual(1);
        }
      }
    }),
    { examples: [[[{ verdict: "deny", failureMode: "__proto__", rightCause: undefined, shares: {}, observed: [] }]]] },
  );
});

describe("a diagnosis", () => {
  const onset = start + 15 * 60_000;
  const bad = { kv_usage: 0.99, preemptions: 2, waiting: 20, ttft: 5, running: 30, generated_tokens: 500 };
  const how = {
    values: (name: string) => (name === "vllm-1" ? bad : {}),
    anomalies: [anomaly("vllm-1", "kv_usage", "up", onset), anomaly("vllm-1", "ttft", "up", onset)],
  };

  test("tells what was seen of each cause, and what was looked for and not seen", async () => {
    const { run } = world();
    await run(15 * 60_000);
    const diagnosis = (await run(60_000, how)).diagnoses.at(-1)!;
    const lesson = lessonOf(diagnosis, modes);
    expect(lesson.shares[kv]).toBe(diagnosis.causes[0]!.probability);
    const first = lesson.observed.find(({ failureMode }) => failureMode === kv)!;
    expect(first.seen).toEqual(expect.arrayContaining(["kv-cache-full", "preemptions", "queue"]));
    expect(first.unseen).toContain("config-changed");
    // Whether it was absent or nobody could look is not told of what weighs little: it has no rates.
    expect([...first.seen, ...first.unseen]).not.toContain("kv-usage-unusual");
    expect(first.seen.filter((id) => first.unseen.includes(id))).toEqual([]);
  });

  test("does not learn from commits that nobody could look for", () => {
    const cause = {
      failureMode: "upgrade-regression",
      code: "",
      title: "",
      location: "replica:a",
      for: [],
      against: [],
    };
    const { observed } = lessonOf({ causes: [{ ...cause, probability: 0.9 }] } as unknown as Diagnosis, modes);
    expect(observed[0]!.unseen.length).toBeGreaterThan(0);
    expect([...observed[0]!.unseen, ...observed[0]!.seen].join()).not.toContain("commit");
  });

  test("is another once enough people said that it is another", async () => {
    const probability = async (verdicts: readonly DiagnosisVerdict[]): Promise<number> => {
      const { source, run } = world();
      await run(15 * 60_000, {});
      await run(60_000, how);
      const learned = learnedModes(modes, verdicts);
      const deps = { changes: memoryChanges(), logs: memoryLogs(), telemetry: silentTelemetry, learned: () => learned };
      const diagnose = createDiagnosis(modes, { ...deps, source });
      let last = 0;
      for (let at = onset + 45_000; at < onset + 60_000; at += stepMs) {
        const out = await diagnose.step({ at, anomalies: how.anomalies, alerts: [], entities: replicas.map(replica) });
        last = out.diagnoses.at(-1)?.causes.find(({ failureMode }) => failureMode === kv)?.probability ?? last;
      }
      return last;
    };
    const usual = await probability([]);
    const wrong = { ...deny, rightCause: burst };
    expect(Math.abs((await probability([wrong])) - usual)).toBeLessThan(0.01);
    expect(await probability(many(2000, wrong))).toBeLessThan(usual);
  });
});
