// One scenario through the real service on virtual time: what is sent must be judged when it is sent, not when the engine gets round to it.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gauntlet } from "../../src/app/commands/gauntlet.ts";
import { play } from "../../src/app/gauntlet/play.ts";
import { parseScenario } from "../../src/simulate/scenario-file.ts";
import { temporaryFolder } from "../support/service.ts";

const text = `
scenario: { id: short-hang, seed: 11, duration: 480s }
engine: { model: llama3.1-8b, gpu: H100, tp: 1, replicas: 3, version: "0.10.1", cold_start: 90s }
workload: { source: azure-conv, scale: 0.8, classes: { chat: 1 } }
faults:
  - { id: f1, kind: engine_hang, target: "replica:1", at: 300s }
telemetry: { scrape: 10s, drop: 0, dcgm_csv: default }
ground_truth:
  mode: FM-05
  onset: 300s
  root: { component: "replica:1", change: null }
  causal_path: [engine_core, no_progress, running_frozen, request_timeouts]
`;

test("an engine that hangs is found within two minutes of virtual time, named and placed", {
  timeout: 180_000,
}, async () => {
  using folder = temporaryFolder();
  const parsed = parseScenario("short-hang.yaml", text);
  if (!parsed.ok) throw new Error(parsed.mistakes.map(({ says }) => says).join("; "));
  const { score, story } = await play(parsed.value, { folder: folder.path, settings: {}, through: "service" });
  expect(story.join("\n")).toContain("Stuck engine");
  expect(score).toMatchObject({ detected: true, top1: true, location: true, falseIncidents: 0 });
  expect(score.ttdMs).toBeLessThanOrEqual(120_000);
});

test("what it played in is removed though its output cannot be written", { timeout: 180_000 }, async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "short.yaml");
  writeFileSync(file, text.replace("480s", "60s").replaceAll("300s", "30s"));
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder.path;
  const io = {
    out: () => {
      throw new Error("EPIPE");
    },
    err: () => {},
  };
  try {
    await expect(gauntlet.run(["--scenarios", file, "--processes", "1"], io)).rejects.toThrow("EPIPE");
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
  expect(readdirSync(folder.path)).toEqual(["short.yaml"]);
});
