// Code evidence of a recorded incident counts when it is thought through again.
import { expect, test } from "vitest";
import type { Bundle } from "../../src/app/incident/bundle.ts";
import { recordedCode } from "../../src/app/incident/replay-code.ts";
import type { CodeQuestion } from "../../src/model/ports/code-history.ts";
import { anomaly, change, modes, start, world } from "../diagnose/fleet.ts";

const t0 = start + 15 * 60_000;
const canary = change("deploy", "replica:vllm-0", t0 - 8000, "image 1 -> 2");
const touch = {
  what: "line",
  file: "core/scheduler.py",
  line: 120,
  commit: "1f2e3d4c5b6a7980",
  at: t0 + 3000,
  says: 'commit 1f2e3d4c5b6a "fix: admit: more" touched core/scheduler.py:120',
  findings: [],
} as const;

test("what a diagnosis had of the code is there from that diagnosis on, of that change and no other", async () => {
  const { run } = world([canary], { touched: () => [touch] });
  await run(15 * 60_000);
  const { diagnoses } = await run(2 * 60_000, {
    values: (name) => (name === "vllm-0" ? { itl: 0.045, ttft: 0.9, running: 25 } : {}),
    anomalies: [anomaly("vllm-0", "itl", "up", t0, 0.045), anomaly("vllm-0", "ttft", "up", t0, 0.9)],
    version: (name) => (name === "vllm-0" ? "2" : "1"),
  });
  const { at } = diagnoses.at(0)!;
  const code = recordedCode({ diagnoses } as unknown as Bundle, modes);
  const ask = (more: Partial<CodeQuestion>) => code.touched({ change: canary, at, files: [], ...more });
  expect(ask({})).toMatchObject([{ what: "line", commit: touch.commit, says: touch.says, at: touch.at }]);
  expect(ask({ at: at - 1 })).toBeUndefined();
  expect(ask({ change: { ...canary, id: "another" } })).toBeUndefined();
});
