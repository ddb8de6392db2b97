// Probes as a user has them: the command, mistakes with their places, files against manifests, and the running job.
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createSteppedClock } from "../../src/app/clock/stepped.ts";
import { check } from "../../src/app/commands/check.ts";
import { probe } from "../../src/app/commands/probe.ts";
import { Config } from "../../src/app/config-schema.ts";
import { probeKnowledge } from "../../src/app/probe-files.ts";
import { startProbes } from "../../src/app/probes-job.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { loadMappings } from "../../src/observe/mapping.ts";
import { evaluateInstant } from "../../src/promql/evaluate.ts";
import { parseQuery } from "../../src/promql/parse.ts";
import { createEventFeed } from "../../src/show/event-feed.ts";
import { point, rawSeries } from "../observe/raw.ts";
import { framesOf, setUp, t0 } from "../observe/set-up.ts";
import { startEngine } from "../support/fake-engine.ts";
import { temporaryFolder, until } from "../support/service.ts";

const folder = temporaryFolder();
afterAll(() => folder.remove());
const { mappings } = await loadMappings("rules/signals");

function file(name: string, text: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  return path;
}

const known = (every = "10m") => `
id: known_answer
says: x
kind: answers
every: ${every}
afterRepair: true
cases: [{ id: a, prompt: q, checks: { exact: right } }]`;

async function ask(args: readonly string[], command = probe) {
  const out: string[] = [];
  const io = { out: (line: string) => void out.push(line), err: () => {} };
  const code = await command.run(args, io).catch((error: Error) => error.message);
  return { code, out };
}

test("the command asks one engine with one file, and its exit code tells", async () => {
  await using engine = await startEngine(({ prompt }) => (prompt === "q" ? "right" : "?"));
  const path = file("one.yaml", known());
  const well = await ask([path, "--target", engine.url, "--json"]);
  expect(well.code).toBe(0);
  expect(well.out).toHaveLength(1);
  expect(JSON.parse(well.out[0]!)).toMatchObject({
    ok: true,
    results: [{ probe: "known_answer", case: "a", outcome: "passed", model: "tiny" }],
    probes: [{ id: "known_answer", runsPerDay: 144, failureShare: expect.any(Number) }],
  });
  await using wrong = await startEngine(() => "wrong");
  const badly = await ask([path, "--target", engine.url, "--target", wrong.url]);
  expect(badly.code).toBe(1);
  expect(badly.out.join("\n")).toMatch(
    /failed +replica:127\.0\.0\.1:\d+ {2}known_answer\/a: its answer is not the one right/,
  );
  expect(badly.out.at(-1)).toMatch(/^1 of 2 passed/);
});

test.each([
  [[], "nobody to ask"],
  [["--target", "ftp://x"], "is not an http(s) URL"],
  [["--target", "http://user:secret@x"], "without user"],
  [["--target", "http://x/v1"], "must end before /v1"],
  [["nowhere.yaml", "--target", "http://127.0.0.1:9"], "there is no file"],
])("probe %j is refused in words that help", async (args, says) => {
  expect((await ask(args)).code).toContain(says);
});

test("check tells mistakes in probe files and manifests with line and column", async () => {
  const bad = file("bad.yaml", known().replace("10m", "often"));
  const manifest = file("sums", `${"a".repeat(64)}  ok\nnonsense\n${"b".repeat(64)}  ../../etc/passwd\n`);
  const config = file(
    "homeostat.yaml",
    `probes: { files: ["${bad}"], shipped: false, manifests: [{ file: "${manifest}", instance: vllm-0 }] }`,
  );
  const { code, out } = await ask(["--config", config], check);
  expect(code).toBe(1);
  expect(out).toEqual([
    expect.stringContaining("bad.yaml:5:8: every: is not a duration"),
    expect.stringContaining("sums:2:1: is no line of a manifest"),
    expect.stringContaining("sums:3:67: leads out of the folder"),
  ]);
});

test("files are read against their manifest: as they were, changed, missing", async () => {
  mkdirSync(join(folder.path, "weights"));
  const sum = (text: string): string => createHash("sha256").update(text).digest("hex");
  writeFileSync(join(folder.path, "weights", "a.safetensors"), "x".repeat(3 << 20));
  writeFileSync(join(folder.path, "weights", "b.safetensors"), "changed");
  const lines = [
    ["x".repeat(3 << 20), "a"],
    ["original", "b"],
    ["", "c"],
  ].map(([text, name]) => `${sum(text!)}  ${name}.safetensors\n`);
  writeFileSync(join(folder.path, "weights", "SHA256SUMS"), lines.join(""));
  const manifest = join(folder.path, "weights", "SHA256SUMS");
  const config = file(
    "manifests.yaml",
    `probes: { shipped: false, manifests: [{ file: "${manifest}", instance: vllm-0, service: chat }] }`,
  );
  const { code, out } = await ask(["--config", config, "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(out[0]!).results).toMatchObject([
    { probe: "checksum", case: "a.safetensors", entity: "replica:vllm-0", outcome: "passed" },
    { case: "b.safetensors", outcome: "failed", reason: "differs" },
    { case: "c.safetensors", outcome: "failed", reason: "missing" },
  ]);
});

test("the job asks on its own and after a repair, and rules see who fails, under the replica's own name", async () => {
  await using engine = await startEngine(() => "wrong");
  const { head, reader } = setUp({ mappings });
  const running = rawSeries("vllm:num_requests_running", "gauge", { instance: "vllm-0" });
  const clock = createSteppedClock(t0);
  const feed = createEventFeed();
  const files = [file("job.yaml", known("1h"))];
  const config = Config.parse({
    probes: { files, shipped: false, targets: [{ url: engine.url, instance: "vllm-0", model: "m" }] },
  }).probes;
  await using job = startProbes(config, probeKnowledge(config), { head, clock, feed, telemetry: silentTelemetry });
  let now = t0;
  const minutes = async (count: number): Promise<void> => {
    for (let i = 0; i < count * 4; i++) {
      now += 15_000;
      await framesOf(head, reader, [running], [point(running, now, 3)], now);
      await clock.step(now);
      for (const _ of head.frames(now));
    }
  };
  await minutes(2);
  await until(async () => engine.seen.length === 1);
  const entry = { action: { target: "replica:vllm-0" } };
  await until(async () => {
    const status = job.status();
    return status !== "off" && status.results.length === 1;
  });
  feed.publish({ type: "recovered", at: now, text: "", data: entry });
  feed.publish({ type: "recovered", at: now, text: "", data: { action: { target: "replica:other" } } });
  await until(async () => engine.seen.length === 2);
  await minutes(3);
  const failing = `sum by (entity, parent) (
    increase(homeostat_probe_failures_total{probe="known_answer", gen_ai_request_model="m"}[15m])) > 0`;
  const query = parseQuery(failing);
  if ("errors" in query) throw new Error(JSON.stringify(query.errors));
  const found = await evaluateInstant(query, now, head);
  expect(found).toMatchObject({
    samples: [{ labels: { entity: "replica:vllm-0", parent: head.entities()[0]?.parent } }],
  });
  expect(head.entities()).toHaveLength(1);
  const status = job.status();
  expect(status !== "off" && status.budget).toMatchObject({ share: 0.001, floorPerDay: 10_000 });
});

test("without targets nothing runs", () => {
  const config = Config.parse({}).probes;
  const { head } = setUp({ mappings });
  const deps = { head, clock: createSteppedClock(t0), feed: createEventFeed(), telemetry: silentTelemetry };
  expect(startProbes(config, probeKnowledge(config), deps).status()).toBe("off");
});
