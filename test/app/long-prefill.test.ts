// A prompt that is taken in one piece moves no counter for a minute and more, as a hang does: only one of them is a reason to restart.
import { expect, test } from "vitest";
import { play } from "../../src/app/gauntlet/play.ts";
import { parseScenario } from "../../src/simulate/scenario-file.ts";

/** A large model on slow GPUs under some load, with steps that take any prompt whole. */
async function storyOf(fault: string): Promise<readonly string[]> {
  const text = `scenario: { id: one-piece, seed: 5, duration: 480s }
engine: { model: llama3.1-70b, gpu: A100, tp: 4, replicas: 2, max_model_len: 131072, max_num_batched_tokens: 131072 }
workload: { source: azure-conv, scale: 0.3, classes: { chat: 1 } }
faults: [{ id: f1, target: "replica:0", at: 300s, ${fault} }]
telemetry: { scrape: 5s, drop: 0, dcgm_csv: default }
ground_truth: { mode: FM-06, onset: 300s, root: { component: "replica:0" } }`;
  const parsed = parseScenario("one-piece.yaml", text);
  if (!parsed.ok) throw new Error(parsed.mistakes.map(({ says }) => says).join("; "));
  return (await play(parsed.value, { folder: "unused", settings: {}, through: "memory" })).story;
}

const restarts = (story: readonly string[]): readonly string[] =>
  story.filter((line) => /restart-replica of \S+ proposed/.test(line));
const stopped = (story: readonly string[]): boolean => story.some((line) => line.includes("generates no token"));

test("no restart is proposed while a long prompt is processed, though the rule for hangs fires", async () => {
  const story = await storyOf("kind: long_prompt, params: { tokens: 110000, every_seconds: 900 }");
  expect(stopped(story)).toBe(true);
  expect(restarts(story)).toEqual([]);
}, 120_000);

test("of the same replica, hung, a restart is proposed", async () => {
  expect(restarts(await storyOf("kind: engine_hang"))).not.toEqual([]);
}, 120_000);
