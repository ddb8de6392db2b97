// Drawn scenarios: each makes sense, the same seed draws the same, and none of them is one that was written.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createStudyBook } from "../../src/app/gauntlet/study-book.ts";
import { varied } from "../../src/app/gauntlet/vary.ts";
import { shipped } from "../../src/app/paths.ts";
import { parseYaml } from "../../src/model/yaml.ts";
import { parseScenario } from "../../src/simulate/scenario-file.ts";

interface Parts {
  readonly faults?: readonly Part[];
  readonly distractors?: readonly Part[];
  readonly ground_truth: { readonly mode: string };
}
interface Part {
  readonly kind: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

const written = readdirSync(shipped.gauntlet)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => ({ file: name, text: readFileSync(join(shipped.gauntlet, name), "utf8") }));
const read = (texts: ReturnType<typeof varied>) =>
  texts.map(({ file, text }) => {
    const parsed = parseScenario(file, text);
    if (!parsed.ok) throw new Error(parsed.mistakes[0]!.says);
    return parsed.value;
  });

describe("drawn scenarios", () => {
  const drawn = varied(written, 200, 7);
  const scenarios = read(drawn);

  test("as many as wanted, all of them sound, with ids of their own", () => {
    expect(scenarios).toHaveLength(200);
    expect(new Set(scenarios.map(({ scenario }) => scenario.id)).size).toBe(200);
  });

  test("every mode about as often as any other, and a third without fault", () => {
    const counts = new Map<string, number>();
    for (const { truth } of scenarios) counts.set(truth.mode, (counts.get(truth.mode) ?? 0) + 1);
    const { NONE: healthy, ...rest } = Object.fromEntries(counts);
    expect(healthy).toBeGreaterThan(40);
    expect(healthy).toBeLessThan(80);
    expect(Math.max(...Object.values(rest)) - Math.min(...Object.values(rest))).toBeLessThanOrEqual(1);
  });

  test("differ from what was written: seeds, loads, times, fleets", () => {
    const old = new Map(read(written).map(({ scenario, truth }) => [scenario.id, { scenario, truth }]));
    const changed = (
      test: (own: (typeof scenarios)[number], before: { scenario: unknown; truth: unknown }) => boolean,
    ) => scenarios.filter((own) => test(own, old.get(own.scenario.id.replace(/-v\d+$/, ""))!)).length;
    const of = (value: unknown) => value as (typeof scenarios)[number];
    expect(changed((own, before) => own.scenario.seed !== of(before).scenario.seed)).toBe(200);
    expect(changed((own, before) => own.truth.onset !== of(before).truth.onset)).toBeGreaterThan(120);
    expect(changed((own, before) => own.scenario.model !== of(before).scenario.model)).toBeGreaterThan(20);
    expect(changed((own, before) => own.scenario.replicas !== of(before).scenario.replicas)).toBeGreaterThan(100);
  });

  test("the same seed draws the same, another seed others, and files with mistakes are left out", () => {
    expect(varied(written, 20, 7)).toEqual(drawn.slice(0, 20));
    expect(varied(written, 20, 8)).not.toEqual(drawn.slice(0, 20));
    expect(varied([{ file: "x.yaml", text: "scenario: {" }], 5, 1)).toEqual([]);
    expect(varied([{ file: "x.yaml", text: "scenario: {" }, ...written], 20, 7)).toEqual(drawn.slice(0, 20));
  });

  test("a number that is a name stays, and nothing is larger in a run without fault than it was written", () => {
    const partsOf = (texts: readonly { text: string }[]) =>
      texts.flatMap(({ text }) => {
        const plain = parseYaml("x", text);
        if (!plain.ok) throw new Error(plain.mistakes[0]!.says);
        const { faults = [], distractors = [], ground_truth } = plain.value as Parts;
        return [...faults, ...distractors].map((part) => ({ ...part, mode: ground_truth.mode }));
      });
    const known = partsOf(written);
    const made = partsOf(drawn);
    const codes = new Set(known.map(({ params }) => params?.["code"]));
    const coded = made.flatMap(({ params }) => (params?.["code"] === undefined ? [] : [params["code"]]));
    expect(coded.length).toBeGreaterThan(5);
    expect(coded.filter((code) => !codes.has(code))).toEqual([]);
    const largest = new Map<string, number>();
    for (const { kind, mode, params = {} } of known)
      for (const [name, value] of Object.entries(params))
        if (mode === "NONE" && typeof value === "number")
          largest.set(`${kind} ${name}`, Math.max(value, largest.get(`${kind} ${name}`) ?? 0));
    const healthy = made.filter(({ mode, params }) => mode === "NONE" && params !== undefined);
    expect(healthy.length).toBeGreaterThan(20);
    for (const { kind, params = {} } of healthy)
      for (const [name, value] of Object.entries(params))
        if (typeof value === "number") expect(value).toBeLessThanOrEqual(largest.get(`${kind} ${name}`)!);
  });

  test("end so long after their onset", () => {
    for (const { truth, durationMs } of read(varied(written, 60, 7, 5 * 60_000)))
      if (truth.onset !== null) expect(durationMs - truth.onset).toBeLessThanOrEqual(5 * 60_000);
  });
});

describe("looks that are kept", () => {
  const start = 1_000_000;
  const look = (at: number, alert = false) => ({
    at,
    scope: "deployment:d" as const,
    views: [{ mode: "m", entity: "replica:a" as const, symptoms: "p", discriminators: "", alert }],
  });
  const truth = { mode: "FM-01", places: ["replica:a"] as const, to: start + 1_000_000 };

  test("before the fault nothing is wrong; during it the fault is; each time once, with alerts and without", () => {
    const book = createStudyBook(start, start + 600_000);
    for (let at = start; at < start + 900_000; at += 5000)
      for (const alert of [false, true]) book.take(look(at, alert));
    const lessons = book.lessons("s", truth);
    const before = lessons.filter(({ sinceMs }) => sinceMs < 0);
    expect(before.map(({ truth }) => truth)).toEqual(["NONE", "NONE", "NONE", "NONE"]);
    expect(
      lessons.filter(({ sinceMs }) => sinceMs >= 0).map(({ truth, sinceMs }) => `${truth} ${sinceMs / 1000}`),
    ).toEqual([20, 40, 60, 90, 120, 180, 240].flatMap((s) => [`FM-01 ${s}`, `FM-01 ${s}`]));
  });

  test("what is seen after the fault was over is neither", () => {
    const book = createStudyBook(start, start + 600_000);
    for (let at = start; at < start + 900_000; at += 5000) book.take(look(at));
    const lessons = book.lessons("s", { ...truth, to: start + 650_000 });
    expect(Math.max(...lessons.map(({ sinceMs }) => sinceMs))).toBe(40_000);
  });

  test("without a fault a look every two minutes, once something is known", () => {
    const book = createStudyBook(start, undefined);
    for (let at = start; at <= start + 600_000; at += 5000) book.take(look(at));
    const lessons = book.lessons("s", { ...truth, mode: "NONE", places: [] });
    expect(lessons.map(({ truth, sinceMs }) => `${truth} ${sinceMs / 1000}`)).toEqual([
      "NONE 300",
      "NONE 420",
      "NONE 540",
    ]);
  });
});
