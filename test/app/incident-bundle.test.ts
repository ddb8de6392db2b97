// An incident in a file: exported from an API, redacted, thought through again without one; and files that are none.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { incident as command } from "../../src/app/commands/incident.ts";
import { type Bundle, readBundle } from "../../src/app/incident/bundle.ts";
import { createPseudonyms } from "../../src/app/incident/pseudonyms.ts";
import { replayBundle } from "../../src/app/incident/replay.ts";
import type { Incident } from "../../src/model/incident.ts";
import { anomaly, change, modes, replicas, start, world } from "../diagnose/fleet.ts";
import { replica } from "../diagnose/memory-sources.ts";
import { openWorld, type World } from "../show/kit.ts";

const folder = mkdtempSync(join(tmpdir(), "homeostat-bundle-"));
const file = join(folder, "incident.json");
const calmMs = 15 * 60_000;
const t0 = start + calmMs;
const saturated = { kv_usage: 0.99, preemptions: 2, waiting: 20, ttft: 5, running: 30, generated_tokens: 500 };
const anomalies = [
  anomaly("vllm-1", "kv_usage", "up", t0 + 5000, 0.99),
  anomaly("vllm-1", "ttft", "up", t0 + 10_000, 5),
];
const configured = {
  ...change(
    "config",
    "replica:vllm-1",
    t0 - 8000,
    "gpu_memory_utilization 0.9 -> 0.84, ask jane@example.org at 10.1.2.3",
  ),
  by: "Jane Doe",
};

let api: World;
let found: Incident;

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const io = { out: (line: string) => void lines.push(line), err: () => {} };
  return { code: await command.run([...args, "--url", api.show.url], io), text: lines.join("\n") };
}

beforeAll(async () => {
  const fleet = world([configured]);
  await fleet.run(calmMs);
  const { incidents, diagnoses } = await fleet.run(90_000, {
    values: (name) => (name === "vllm-1" ? saturated : {}),
    anomalies,
  });
  found = incidents.at(-1)!;
  api = await openWorld({
    kept: { incidents: [found], diagnoses: [...diagnoses], anomalies, changes: [configured] },
    deps: {
      entities: () => replicas.map(replica),
      prometheus: {
        source: { ...fleet.source, labelSets: async () => [] },
        limits: {},
        rules: () => [],
        metadata: async () => [],
      },
    },
  });
  const { code, text } = await run("export", found.id, file);
  expect(code).toBe(0);
  expect(text).toMatch(/incident\.json: \d+ series, [\d,]+ points, 3 entities, \d+ diagnoses/);
});
afterAll(async () => {
  await api.show[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

describe("a bundle", () => {
  test("holds what is on record and the series of the siblings too, and nothing personal", () => {
    const text = readFileSync(file, "utf8");
    const bundle = readBundle(file);
    expect(bundle).toMatchObject({ format: "homeostat-incident", version: 1, incident: { id: found.id } });
    expect(new Set(bundle.series.map(({ labels }) => labels["entity"]))).toEqual(
      new Set(replicas.map((name) => `replica:${name}`)),
    );
    expect(bundle.series.every(({ times }) => times[0]! <= t0 - 60_000 && times.at(-1)! >= t0 + 60_000)).toBe(true);
    expect(Object.keys(bundle.catalogue)).toContain("kv-cache-saturation.yaml");
    expect(text).not.toMatch(/jane|Jane|10\.1\.2\.3/);
    expect(bundle.changes[0]).toMatchObject({
      by: "[person-1]",
      summary: expect.stringContaining("[email-1] at [ip-1]"),
    });
  });

  test("is never written over a file that is there", async () => {
    await expect(run("export", found.id, file)).rejects.toThrow(/cannot write .*name a file that is not there yet/);
    await expect(run("export", "warp", join(folder, "x"))).rejects.toThrow(/there is no incident "warp"/);
  });

  test("is diagnosed the same by the catalogue it was made with", async () => {
    const { code, text } = await run("replay", file);
    expect(text).toMatch(/first cause the same: kv-cache-saturation\n {2} *(\d+) % -> *\1 %.* on replica:vllm-1$/m);
    expect(code).toBe(0);
  });

  test("is diagnosed otherwise by a catalogue that changed, and says so", async () => {
    const others = modes.filter(({ id }) => id !== "kv-cache-saturation");
    const replayed = await replayBundle(readBundle(file), others);
    expect(replayed).toMatchObject({ before: "kv-cache-saturation", changed: true });
    const was = replayed.causes.find(({ failureMode }) => failureMode === "kv-cache-saturation")!;
    expect(was.before!.probability).toBeGreaterThan(0.8);
    expect(was).not.toHaveProperty("after");
  });

  test("whose recorded cause was another ends with exit code 1", async () => {
    const bundle = JSON.parse(readFileSync(file, "utf8")) as Bundle;
    const other = join(folder, "other.json");
    const diagnoses = bundle.diagnoses.map((one) => ({
      ...one,
      causes: one.causes.map((cause, i) => (i === 0 ? { ...cause, failureMode: "traffic-burst" } : cause)),
    }));
    writeFileSync(other, JSON.stringify({ ...bundle, diagnoses }));
    const { code, text } = await run("replay", other, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(text)).toMatchObject({ before: "traffic-burst", after: "kv-cache-saturation", changed: true });
  });
});

describe("a file that is no bundle", () => {
  const bad = join(folder, "bad.json");
  interface Loose {
    version: number;
    readonly diagnoses: { causes: { probability: number }[] }[];
    readonly series: { times: number[]; values: number[] }[];
  }
  const broken = (change: (bundle: Loose) => void): string => {
    const bundle = JSON.parse(readFileSync(file, "utf8")) as Loose;
    change(bundle);
    return JSON.stringify(bundle);
  };
  test.each<[string, () => string, RegExp]>([
    ["is empty", () => "", /is no JSON/],
    ["is cut off", () => readFileSync(file, "utf8").slice(0, 1000), /is no JSON/],
    ["is null", () => "null", /is no bundle of an incident \(the whole: /],
    ["is something else", () => "{}", /format: is not "homeostat-incident"; version: /],
    [
      "is of a later version",
      () => broken((one) => Object.assign(one, { version: 2 })),
      /version: is not 1: it was made/,
    ],
    [
      "has a probability of 7",
      () => broken(({ diagnoses: [first] }) => Object.assign(first!.causes[0]!, { probability: 7 })),
      /diagnoses\.0\.causes\.0\.probability: /,
    ],
    ["lost values", () => broken(({ series }) => series[0]!.values.pop()), /series\.0: has not as many times/],
    [
      "has time run back",
      () => broken(({ series }) => series[0]!.times.reverse()),
      /series\.0: has times that do not rise/,
    ],
  ])("because it %s is told what, where and what to do", async (_what, content, says) => {
    writeFileSync(bad, content());
    await expect(run("replay", bad)).rejects.toThrow(says);
    await expect(run("replay", bad)).rejects.toThrow(/export it anew/);
  });
  test("or is not there", async () => {
    await expect(run("replay", join(folder, "warp"))).rejects.toThrow(/is no file; give one/);
    await expect(run("replay", folder)).rejects.toThrow(/is no file; give one/);
    await expect(run("replay")).rejects.toThrow(/takes one file/);
  });
});

test("a pseudonym is the same for the same thing and another for another, and all else stays", () => {
  fc.assert(
    fc.property(fc.array(fc.ipV4(), { minLength: 1, maxLength: 8 }), (addresses) => {
      const { redact } = createPseudonyms();
      const names = redact(addresses.map((address) => ({ id: `replica:${address}:8000` }))).map(({ id }) => id);
      expect(new Set(names).size).toBe(new Set(addresses).size);
      expect(redact(addresses.map((address) => `replica:${address}:8000`))).toEqual(names);
      expect(names.every((name) => /^replica:\[ip-\d+\]:8000$/.test(name))).toBe(true);
    }),
  );
  expect(createPseudonyms().redact({ a: [1, null, true, "KV cache is full (99 %)"] })).toEqual({
    a: [1, null, true, "KV cache is full (99 %)"],
  });
});
