// What a change brought into the code that fails moves the ranking, and is told when it is known.
import { expect, test } from "vitest";
import type { CodeQuestion, CodeTouch } from "../../src/model/ports/code-history.ts";
import { anomaly, calmMs, change, type How, t0, world } from "./fleet.ts";

const canary = change("deploy", "replica:vllm-0", t0 - 8000, "image 1 -> 2");
const slow = { itl: 0.045, ttft: 0.9, running: 25 };
/** A canary that gets slower, and full as well: another mode comes into question. */
const trouble: How = {
  values: (name) => (name === "vllm-0" ? { ...slow, kv_usage: 0.98, preemptions: 0.4, waiting: 6 } : {}),
  anomalies: [anomaly("vllm-0", "kv_usage", "up", t0, 0.98), anomaly("vllm-0", "ttft", "up", t0, 0.9)],
};
const touch = (what: CodeTouch["what"], more: Partial<CodeTouch> = {}): CodeTouch => ({
  what,
  file: "core/scheduler.py",
  line: 120,
  commit: "1f2e3d4c5b6a7980",
  at: t0 + 3000,
  says: 'commit 1f2e3d4c5b6a "Admit more" touched core/scheduler.py:120, the frame at the top of the trace seen 40 times since 12:03 UTC',
  findings: ["lint (error) says of core/scheduler.py:121: E1: may be None"],
  ...more,
});

async function diagnosed(touched?: (question: CodeQuestion) => readonly CodeTouch[] | undefined, how: How = trouble) {
  const { run } = world([canary], touched === undefined ? undefined : { touched });
  await run(calmMs);
  const { diagnoses } = await run(3 * 60_000, how);
  const causes = diagnoses.at(-1)!.causes;
  const of = (mode: string) => causes.find(({ failureMode }) => failureMode === mode);
  return { diagnoses, regression: of("upgrade-regression"), full: of("kv-cache-saturation") };
}

test("a commit that touched the failing line makes the new version likelier than one that touched its file, or nothing", async () => {
  const share = async (touched?: (question: CodeQuestion) => readonly CodeTouch[] | undefined) =>
    (await diagnosed(touched)).regression?.probability ?? 0;
  const unknown = await share();
  const none = await share(() => []);
  const file = await share(() => [touch("file")]);
  const line = await share(() => [touch("line")]);
  expect(await share(() => undefined)).toBe(unknown);
  expect(none).toBeLessThan(unknown);
  expect(file).toBeGreaterThan(none);
  expect(line).toBeGreaterThan(file);
  expect(line).toBeGreaterThan(unknown);
  const odds = (p: number): number => p / (1 - p);
  expect(odds(line) / odds(unknown)).toBeGreaterThan(2);
});

test("the evidence names commit, place and trace; static analysis stands beside it", async () => {
  const { regression, full, diagnoses } = await diagnosed(() => [touch("line")]);
  expect(regression!.for).toContainEqual({
    kind: "code",
    says: expect.stringMatching(
      /^vllm-0: a commit of the change touched the line that fails since: commit 1f2e3d4c5b6a "Admit more" touched/,
    ),
    at: t0 + 3000,
    entity: "replica:vllm-0",
    subject: "core/scheduler.py:120",
    ref: "1f2e3d4c5b6a7980",
  });
  expect(regression!.for.map(({ says }) => says)).toContain(
    "lint (error) says of core/scheduler.py:121: E1: may be None",
  );
  expect(full?.for.some(({ kind }) => kind === "code") ?? false).toBe(false);
  if (diagnoses.at(-1)!.causes[0] === regression)
    expect(diagnoses.at(-1)!.summary).toMatch(/Code: commit 1f2e3d4c5b6a "Admit more" touched core\/scheduler\.py:120/);
});

test("what is found later is told with the next diagnosis, and once", async () => {
  const slower: How = {
    values: (name) => (name === "vllm-0" ? slow : {}),
    anomalies: [anomaly("vllm-0", "itl", "up", t0, 0.045), anomaly("vllm-0", "ttft", "up", t0, 0.9)],
    version: (name) => (name === "vllm-0" ? "2" : "1"),
  };
  const late = ({ at }: CodeQuestion) => (at < t0 + 90_000 ? undefined : [touch("line", { says: `seen at ${at}` })]);
  const { diagnoses } = await diagnosed(late, slower);
  const withCode = diagnoses.map(({ causes }) => causes[0]!.for.some(({ kind }) => kind === "code"));
  expect(withCode[0]).toBe(false);
  expect(withCode.filter((told) => told)).toEqual([true]);
  expect(diagnoses.every(({ causes }) => causes[0]!.failureMode === "upgrade-regression")).toBe(true);
  // That nothing is known of the code is no gap of telemetry.
  expect(diagnoses[0]!.causes[0]!.unknown ?? []).not.toContainEqual(expect.stringContaining("commit"));
});

test("asked is of the change and of the files that firing rules name", async () => {
  const questions: CodeQuestion[] = [];
  const alert = {
    id: "a",
    rule: "Slow",
    group: "g",
    state: "firing" as const,
    labels: {},
    annotations: { code: "./core/scheduler.py, deploy/" },
    failureMode: "upgrade-regression",
    entity: "replica:vllm-0",
    activeAt: t0,
    value: 1,
  };
  await diagnosed(
    (question) => {
      questions.push(question);
      return undefined;
    },
    { ...trouble, alerts: [alert] },
  );
  expect(questions.at(-1)).toMatchObject({ change: { id: canary.id }, files: ["core/scheduler.py", "deploy"] });
});
