// The address guard: what may be reached, decided after the name is resolved.
import { describe, expect, test } from "vitest";
import { backoffMs } from "../../src/deliver/backoff.ts";
import { createBreaker } from "../../src/deliver/breaker.ts";
import { type Address, createGuard } from "../../src/deliver/guard.ts";
import { meaningOf } from "../../src/deliver/post.ts";

const names: Record<string, string> = {
  localhost: "127.0.0.1",
  "localtest.me": "127.0.0.1",
  "127.0.0.1.nip.io": "127.0.0.1",
  "metadata.google.internal": "169.254.169.254",
  "hooks.example.com": "93.184.216.34",
  "receiver.lan": "10.1.2.3",
};

function resolve(host: string): Promise<Address[]> {
  const address = names[host];
  if (address !== undefined) return Promise.resolve([{ address, family: 4 }]);
  return Promise.reject(Object.assign(new Error("no such host"), { code: "ENOTFOUND" }));
}

describe("an allow-list", () => {
  test.each([
    ["127.0.0.0/8", "http://127.0.0.1:9000/", "ok"],
    ["127.0.0.1", "http://localhost:9000/", "ok"],
    ["localhost", "http://localhost:9000/", "ok"],
    ["localhost", "http://127.0.0.1:9000/", "refused"],
    ["receiver.lan", "http://receiver.lan:8080/", "ok"],
    ["metadata.google.internal", "http://metadata.google.internal/", "refused"],
    ["10.0.0.0/8", "http://receiver.lan:8080/", "ok"],
    ["10.0.0.0/8", "http://192.168.0.1/", "refused"],
    ["::1/128", "http://[::1]:9000/", "ok"],
    ["127.0.0.0/8", "http://[::ffff:127.0.0.1]:9000/", "ok"],
    ["10.0.0.0/8", "ftp://10.0.0.1/", "refused"],
    ["10.0.0.0/8", "http://user:pw@10.0.0.1/", "refused"],
  ])("%s makes %s %s", async (allow, url, kind) => {
    expect((await createGuard({ allow: [allow] }, resolve).check(url)).kind).toBe(kind);
  });

  test("refuses an entry that is nothing at all", () => {
    expect(() => createGuard({ allow: ["http://x/"] }, resolve)).toThrow(/deliver\.allow/);
  });
});

test("only the permitted addresses of a name are handed on, so that a mixed answer cannot lead inside", async () => {
  const mixed = (): Promise<Address[]> =>
    Promise.resolve([
      { address: "127.0.0.1", family: 4 },
      { address: "93.184.216.34", family: 4 },
    ]);
  const target = await createGuard({ allow: [] }, mixed).check("https://rebind.example/");
  expect(target).toMatchObject({ kind: "ok", addresses: [{ address: "93.184.216.34" }] });
});

test("a name that does not resolve now may be tried again", async () => {
  expect(await createGuard({ allow: [] }, resolve).check("https://nowhere.example/")).toMatchObject({
    kind: "unresolved",
    reason: expect.stringContaining("ENOTFOUND"),
  });
});

describe("back-off", () => {
  test("doubles, stays under its limit, and is spread over half its length", () => {
    const at = (attempt: number, share: number): number =>
      backoffMs({ firstMs: 1000, maxMs: 60_000 }, "id", attempt, undefined, () => share);
    expect([1, 2, 3, 10].map((attempt) => at(attempt, 0))).toEqual([500, 1000, 2000, 30_000]);
    expect([1, 2, 3, 10].map((attempt) => at(attempt, 0.999))).toEqual([1000, 1999, 3998, 59_970]);
  });

  test.each([
    ["120", 120_000],
    ["Thu, 01 Jan 1970 00:01:00 GMT", 60_000],
    ["soon", undefined],
    [undefined, undefined],
  ])("Retry-After %s asks for %s ms", (header, ms) => {
    expect(meaningOf(503, header, 0)).toEqual({
      kind: "retry",
      status: 503,
      reason: "answered 503",
      ...(ms === undefined ? {} : { retryAfterMs: ms }),
    });
  });

  test("is never shorter than what the receiver asked for, and never longer than six hours for its sake", () => {
    expect(backoffMs({ firstMs: 1 }, "id", 1, 90_000)).toBe(90_000);
    expect(backoffMs({ firstMs: 1 }, "id", 1, 1e12)).toBe(6 * 3_600_000);
  });
});

test("a breaker opens after failures in a row, lets one probe through, and closes on success", () => {
  const breaker = createBreaker(2, 1000, 4000);
  expect(breaker.admit(0)).toBe(0);
  breaker.failed(0);
  breaker.failed(10);
  expect([breaker.state(), breaker.admit(500)]).toEqual(["open", 1010]);
  expect(breaker.admit(1010)).toBe(1010);
  expect(breaker.admit(1011)).toBeGreaterThan(1011);
  breaker.failed(1020);
  expect(breaker.admit(1500)).toBe(3020);
  expect(breaker.admit(3020)).toBe(3020);
  breaker.succeeded();
  expect([breaker.state(), breaker.admit(3021)]).toEqual(["closed", 3021]);
});
