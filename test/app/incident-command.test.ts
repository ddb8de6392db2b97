// homeostat incident: told to people, as JSON and as the draft of a post-mortem, from a running API.
import { afterEach, describe, expect, test } from "vitest";
import { incident } from "../../src/app/commands/incident.ts";
import { markdown, plain } from "../../src/app/incident/untrusted.ts";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { Diagnosis } from "../../src/model/incident.ts";
import { type Kept, now, openWorld, type World } from "../show/kit.ts";
import { change, diagnosis, entry, samples } from "../show/samples.ts";

let world: World | undefined;
afterEach(() => world?.show[Symbol.asyncDispose]());

async function run(kept: Kept, ...args: string[]): Promise<string> {
  world = await openWorld({ kept });
  const lines: string[] = [];
  const code = await incident.run([...args, "--url", world.show.url], {
    out: (l) => void lines.push(l),
    err: () => {},
  });
  expect(code).toBe(0);
  return lines.join("\n");
}

const top = diagnosis.causes[0]!;
const before: Diagnosis = {
  ...diagnosis,
  id: "diagnosis-0",
  at: now - 20_000,
  summary: "A burst of traffic on vllm-2.",
  causes: [{ ...top, failureMode: "traffic-burst", title: "Traffic burst", probability: 0.6 }],
};
const unsure: Diagnosis = {
  ...diagnosis,
  causes: [{ ...top, probability: 0.55, unknown: ["the GPU idles while requests wait"] }],
  undecided: { failureMode: "cpu-bottleneck", title: "CPU bottleneck", missing: ["the GPU idles"] },
  path: [
    { id: "kv_blocks", state: "seen", evidence: top.for[0]! },
    { id: "recompute_prefill", state: "presumed" },
  ],
};

describe("an incident", () => {
  test("is told in the order of time, with what was thought better of and how repairs ended", async () => {
    const verified = { ...entry, state: "verified" as const, at: now - 100, reason: "checks hold" };
    const text = await run({ ...samples(), diagnoses: [before, diagnosis], actions: [entry, verified] }, "incident-1");
    const kinds = [...text.matchAll(/^ {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}(\w+)/gm)].map((match) => match[1]);
    expect(kinds).toEqual([
      ...["change", "onset", "anomaly", "alert", "log", "opened"],
      ...["diagnosis", "diagnosis", "action", "action", "resolved"],
    ]);
    expect(text).toContain("60 %: A burst of traffic on vllm-2.");
    expect(text).toContain(`thought better of it, 93 %: ${diagnosis.summary}`);
    expect(text).toContain("   93 %  KV-cache saturation (FM-01) on replica:vllm-2");
    expect(text).toContain("changes: 1 change in the");
    expect(text).toMatch(/^done:\n {2}.* verified by policy: checks hold$/m);
  });

  test("is told with what cannot be told, which signal is missing, and what was only presumed", async () => {
    const text = await run({ ...samples(), diagnoses: [unsure] }, "incident-1");
    expect(text).toContain("nothing measures whether the GPU idles while requests wait");
    expect(text).toContain("whether it is CPU bottleneck instead");
    expect(text).toMatch(/^ {2}seen {6}kv blocks: /m);
    expect(text).toMatch(/^ {2}presumed {2}recompute prefill$/m);
  });

  test("that nobody diagnosed is told all the same", async () => {
    const text = await run({ ...samples(), diagnoses: [], actions: [] }, "incident-1");
    expect(text).toContain("nothing is diagnosed");
    expect(text).toContain("done: nothing by Homeostat");
  });

  const other = (at: number): ChangeEvent => ({ ...change, id: `other-${at}`, at });
  test.each<[string, ChangeEvent[], RegExp]>([
    ["nobody ever reported", [], /no change is on record .* no change event ever came before/],
    ["were last reported long ago", [other(now - 9 * 86_400_000)], /no change is on record .* came \S+ earlier/],
    ["are reported and none was", [other(now - 5 * 3_600_000)], /nothing changed in the .*: changes are reported/],
    [
      "are only our own silences",
      [{ ...other(now - 5 * 3_600_000), target: "service:homeostat" }],
      /no change is on record .* no change event ever came before/,
    ],
  ])("whose changes %s", async (_what, changes, says) => {
    expect(await run({ ...samples(), changes }, "incident-1")).toMatch(says);
  });

  test("as JSON is one document with the timeline, the causes and the questions", async () => {
    const report = JSON.parse(await run({ ...samples(), diagnoses: [unsure] }, "incident-1", "--json"));
    expect(report).toMatchObject({ incident: { id: "incident-1" }, sentence: diagnosis.summary, durationMs: 60_000 });
    expect(report.causes[0].failureMode).toBe("kv-cache-saturation");
    expect(report.prevention).toContain("KV-cache use below 90 %");
    expect(report.questions.join(" ")).toMatch(/55 % sure.*CPU bottleneck instead.*recompute prefill/);
  });

  test("as a post-mortem has every part, and text from outside stays text", async () => {
    const hostile =
      "<script>alert(1)</script> [x](http://evil.example) ![i](//evil) | # `rm` @admin\n# Heading\u001b[31m";
    const kept = samples();
    const text = await run(
      { ...kept, incidents: [{ ...kept.incidents![0]!, title: hostile }], changes: [{ ...change, summary: hostile }] },
      "incident-1",
      "--markdown",
    );
    const parts = [...text.matchAll(/^## (.*)$/gm)].map((match) => match[1]);
    expect(parts).toEqual([
      ...[
        "Impact",
        "Timeline",
        "Cause",
        "Which requests it is",
        "What would prove it wrong",
        "What was changed before",
      ],
      ...["What was done", "Prevention", "Open questions"],
    ]);
    expect(text).not.toMatch(/<script|(?<!\\)\[x|(?<!\\):\/\/evil|(?<!\\)`rm|@admin|^# Heading/m);
    expect(text).not.toContain("\u001b");
    expect(text).toContain("&lt;script&gt;alert\\(1\\)&lt;/script&gt;");
  });

  test("that is not there, and words that are none, are said so with what to do", async () => {
    await expect(run(samples(), "warp")).rejects.toThrow(/there is no incident "warp"; homeostat incident lists/);
    await expect(run(samples(), "a", "b")).rejects.toThrow(/it takes one id/);
    await expect(run(samples(), "--markdown")).rejects.toThrow(/needs the id/);
  });
});

test("the newest incidents are listed; none is said so", async () => {
  expect(await run(samples())).toMatch(
    /^incident-1 {2}2026-03-01 11:59:00Z {2}open .*KV cache of replica:vllm-2 is full$/,
  );
  expect(await run({})).toBe("there is no incident on record");
});

test.each([
  ["\u202Egpj.exe\u202C", " gpj.exe"],
  ["a\r\nb\tc", "a b c"],
  ["x".repeat(2000), `${"x".repeat(1000)}…`],
])("control characters and length (case %#)", (text, shown) => {
  expect(plain(text)).toBe(shown);
});

test.each([
  ["1. not a list", "1\\. not a list"],
  ["- not a list", "\\- not a list"],
  ["# no heading", "\\# no heading"],
  ["a|b", "a\\|b"],
  ["see #42", "see \\#42"],
  ["KV cache is full (99 %), 1.5 s", "KV cache is full \\(99 %\\), 1.5 s"],
])("%j in Markdown is %j", (text, shown) => {
  expect(markdown(text)).toBe(shown);
});
