// homeostat compare over a whole service and its real store: spans and metrics of two versions in, a verdict out.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compare as command } from "../../src/app/commands/compare.ts";
import type { Comparison } from "../../src/model/comparison.ts";
import { serviceIn, temporaryFolder } from "../support/service.ts";
import { sendVersions } from "../support/versions.ts";

const folder = temporaryFolder();
let service: Awaited<ReturnType<typeof serviceIn>>;
let range: { readonly from: number; readonly to: number };
beforeAll(async () => {
  service = await serviceIn(folder.path);
  range = await sendVersions(service.otlpUrl, { seed: 7, factor: 1.3, minutes: 11, endAt: Date.now() });
  await service.store.flushed();
}, 240_000);
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  folder.remove();
});

const sides = ["--a", "version=0.10.2", "--b", "version=0.11.0"];

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const io = { out: (line: string) => void lines.push(line), err: () => {} };
  const times = ["--from", new Date(range.from).toISOString(), "--to", new Date(range.to).toISOString()];
  return { code: await command.run([...args, ...times, "--url", service.apiUrl], io), text: lines.join("\n") };
}

describe("homeostat compare", () => {
  test("finds the version whose every step is slower, in all it should show in and nowhere else", async () => {
    const found = JSON.parse((await run(...sides, "--json")).text) as Comparison;
    expect(found.verdict).toBe("worse");
    const verdicts = Object.fromEntries(found.measures.map(({ measure, verdict }) => [measure, verdict]));
    expect(verdicts).toMatchObject({ ttft: "worse", itl: "worse", tokens_per_gpu: "worse" });
    expect(verdicts["output_length"]).not.toBe("different");
    const itl = found.measures.find(({ measure }) => measure === "itl")!;
    expect(itl.effect).toBeGreaterThan(0.25);
    expect(itl.effect).toBeLessThan(0.36);
    expect(itl.source).toBe("requests");
    expect(found.a.replicas).toEqual(["vllm-2", "vllm-3"]);
    expect(found.a.requests).toBeGreaterThan(300);
    expect(found.notes.join()).toContain("GPUs of 4 replicas are not known");
    expect(found.notes.join()).not.toContain("batch is not known");
    expect(found.confounders.join()).toContain("A is vllm-2, vllm-3 alone");
  });

  test("tells it to people, and fails a pipeline that asks for that", async () => {
    const { code, text } = await run(...sides, "--fail-if-worse");
    expect(code).toBe(1);
    expect(text).toMatch(/^B is worse by ttft, itl, tokens_per_gpu/m);
    expect(text).toMatch(/^Time to first token: worse; B is [\d.]+ % higher/m);
  });

  test("compares by any attribute: two nodes of one version are the same or undecided, never worse", async () => {
    const found = JSON.parse(
      (await run("--a", "version=0.10.2,replica=vllm-2", "--b", "version=0.10.2,k8s.pod.name=vllm-3", "--json")).text,
    ) as Comparison;
    expect(["same", "undecided"]).toContain(found.verdict);
    expect(found.measures.map(({ verdict }) => verdict)).not.toContain("worse");
    expect(found.b.replicas).toEqual(["vllm-3"]);
  });

  test("says undecided where there is nothing, and names what is missing", async () => {
    const found = JSON.parse((await run("--a", "version=0.10.2", "--b", "version=9", "--json")).text) as Comparison;
    expect(found.verdict).toBe("undecided");
    expect(found.measures.every(({ verdict }) => verdict === "undecided")).toBe(true);
    expect(found.measures[0]!.says).toContain("nothing tells of it for B");
  });

  test("answers what cannot be asked with what to write instead", async () => {
    const asked = [
      ["a=version&b=version%3D1", "a is not a side; write NAME=VALUE"],
      ["a=version%3D1&b=version%3D1", "b is the same side as a"],
      ["a=gpu%3DH100&b=gpu%3DA100", "names a GPU that no node is known to have"],
      ["a=version%3D1&b=version%3D%0A", "b has no value of 1 to 256 plain characters for version"],
      ["a=version%3D1&b=version%3D2&margin=9", "margin must be a share between"],
      ["a=version%3D1&b=version%3D2&from=-90d", "from is more than 31 days before"],
      ["a=version%3D1", "b "],
      ["a=tenant%3DACME!&b=version%3D2", "a names a tenant that cannot be one"],
    ] as const;
    for (const [query, detail] of asked) {
      const answer = await fetch(`${service.apiUrl}/api/v1/compare?${query}`);
      expect(answer.status, query).toBe(400);
      expect(((await answer.json()) as { detail: string }).detail).toContain(detail);
    }
    await expect(run("--a", "version=1", "--b", "version=1")).rejects.toThrow("b is the same side as a");
    await expect(run("--a", "version=1")).rejects.toThrow("say what to compare");
    // Quotes and braces stay values: no text becomes part of a statement.
    const odd = await run("--a", "x'] OR 1=1 --=1", "--b", "version=2").catch((error: Error) => error.message);
    expect(odd).toContain("is not a side");
    expect((await run("--a", "version=')) OR (1=1", "--b", "version={a0v:String}", "--json")).code).toBe(0);
  });
});
