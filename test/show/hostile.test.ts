// Strings and bodies collected by others to break programs, through every door of the API; and any text at all.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseInstant, parseListQuery } from "../../src/show/query.ts";
import { now, openWorld, postJson, type World } from "./kit.ts";
import { samples } from "./samples.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const stringsFile = "../shared/data/badinput/blns/blns.json";
const bodiesFolder = "../shared/data/badinput/json_test_suite/test_parsing";
const haveStrings = existsSync(join(root, stringsFile));
const haveBodies = existsSync(join(root, bodiesFolder));

describe("hostile input", () => {
  let world: World;
  beforeAll(async () => {
    const limits = { requestsPerSecond: 1e6, requestsBurst: 1e6 };
    world = await openWorld({ kept: samples(), options: { limits } });
  });
  afterAll(() => world.show[Symbol.asyncDispose]());

  /** No answer is a failure of ours, and every refusal is a problem document that quotes no markup. */
  async function expectPoliteness(answer: Response, what: string): Promise<number> {
    const text = await answer.text();
    expect(answer.status, what).toBeLessThan(500);
    if (answer.status >= 400) {
      expect(answer.headers.get("content-type"), what).toMatch(/^application\/problem\+json/);
      expect(JSON.parse(text), what).toMatchObject({ status: answer.status });
      expect(text.length, what).toBeLessThan(5000);
    }
    expect(answer.headers.get("x-content-type-options"), what).toBe("nosniff");
    return answer.status;
  }

  test("a name that was posted is echoed at every door harmless and short", async () => {
    const name = `<b>${"x".repeat(100)}`;
    const echoed = `?b?${"x".repeat(61)}`;
    const told = async (path: string, init?: RequestInit) =>
      ((await (await world.get(path, init)).json()) as { errors: { parameter: string; detail: string }[] }).errors[0];
    const change = { kind: "deploy", target: "replica:a", summary: "s" };
    const silence = { matchers: [{ name: "a", op: "=", value: "b" }], duration: "1h", comment: "c", [name]: 1 };
    const expected = [
      [await told("/api/v1/changes", postJson({ ...change, after: { [name]: 1 } })), `after.${echoed}: `],
      [await told("/api/v1/changes", postJson({ ...change, [name]: 1 })), `${echoed}: is not a known key`],
      [await told(`/api/v1/incidents?${encodeURIComponent(name)}=1`), `${echoed} is not a parameter`],
      [await told("/api/v1/silences", postJson(silence)), "body Unrecognized key: key"],
    ] as const;
    for (const [error, says] of expected) expect(`${error?.parameter} ${error?.detail}`).toContain(says);
  });

  test.each([
    ["/api/v1/code/sarif", "The body is no JSON in UTF-8"],
    ["/api/v1/changes/argocd", "body: is no JSON in UTF-8"],
  ])("%s: bytes that are no text, and no body at all, are refused", async (path, says) => {
    const headers = { "content-type": "application/json" };
    for (const body of [new Uint8Array([0x22, 0xff, 0x22]), new Uint8Array()]) {
      const answer = await world.get(path, { method: "POST", headers, body });
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(says)]);
    }
  });

  test.skipIf(!haveStrings)(`naughty strings as parameters, ids and change events (needs ${stringsFile})`, async () => {
    const strings = JSON.parse(readFileSync(join(root, stringsFile), "utf8")) as string[];
    expect(strings.length).toBeGreaterThan(400);
    for (const text of strings) {
      const escaped = encodeURIComponent(Buffer.from(text).toString());
      for (const parameter of ["from", "to", "limit", "after"])
        await expectPoliteness(await world.get(`/api/v1/incidents?${parameter}=${escaped}`), `${parameter}=${text}`);
      await expectPoliteness(await world.get(`/api/v1/incidents?${escaped}`), `parameter ${text}`);
      await expectPoliteness(await world.get(`/api/v1/incidents/${escaped}`), `id ${text}`);
      const change = { kind: "deploy", target: `replica:${text}`, summary: text, after: { [text]: text } };
      const before = world.changes.length;
      const status = await expectPoliteness(await world.get("/api/v1/changes", postJson(change)), `change ${text}`);
      expect(world.changes.length - before).toBe(status === 202 ? 1 : 0);
      // What is taken is taken whole.
      if (status === 202) expect(world.changes.at(-1)).toMatchObject({ target: `replica:${text}`, summary: text });
    }
  });

  test.skipIf(!haveBodies)(`bodies that are JSON or nearly so (needs ${bodiesFolder})`, async () => {
    const files = readdirSync(join(root, bodiesFolder));
    expect(files.length).toBeGreaterThan(300);
    for (const file of files) {
      const body = readFileSync(join(root, bodiesFolder, file));
      const init = { method: "POST", headers: { "content-type": "application/json" }, body: new Uint8Array(body) };
      const status = await expectPoliteness(await world.get("/api/v1/changes", init), file);
      // None of them is a change event.
      expect(status, file).toBe(400);
    }
  });

  test("any text at all as a query is answered or refused by name, never by accident", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom("from", "to", "limit", "after", ""), (text, name) => {
        const refused = refusalOf(() => parseListQuery(`/x?${name}=${text}`, now));
        expect(refused === undefined || (refused.status === 400 && refused.errors!.length > 0)).toBe(true);
      }),
    );
  });

  test("an instant survives being written in each way it may be written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10_000_000_000, max: 4_102_444_799_999 }), (at) => {
        expect(parseInstant("from", String(at), now)).toBe(at);
        expect(parseInstant("from", new Date(at).toISOString(), now)).toBe(at);
        const ago = Math.abs(now - at);
        expect(parseInstant("from", `-${ago}ms`, now)).toBe(Math.max(0, now - ago));
      }),
    );
  });
});

function refusalOf(work: () => unknown): { status: number; errors?: readonly unknown[] } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if ((error as { refused?: boolean }).refused !== true) throw error;
    return error as { status: number; errors?: readonly unknown[] };
  }
}
