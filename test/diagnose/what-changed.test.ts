// What changed where there are more facts than are told: what is left out may have changed.
import { expect, test } from "vitest";
import { whatChanged } from "../../src/diagnose/what-changed.ts";
import type { StoredFact } from "../../src/model/what-changed.ts";
import { createFactHistory } from "../../src/store/read/fact-history.ts";
import type { TenantDatabase } from "../../src/store/tenants.ts";

const hour = 3_600_000;
const range = { from: 100 * hour, to: 101 * hour };
const version: StoredFact = {
  ...{ entity: "replica:r0", aspect: "image", name: "service.version", value: "1" },
  ...{ firstAt: 90 * hour, lastAt: range.to },
};

test("facts that were cut off leave an aspect unknown, and change events still tell of it", () => {
  const stateOf = (truncated: boolean, events: Parameters<typeof whatChanged>[0]["events"] = []) =>
    whatChanged({ facts: [version], truncated, events }, range).aspects.find(({ aspect }) => aspect === "image");
  expect(stateOf(false)?.state).toBe("unchanged");
  expect(stateOf(true)).toMatchObject({
    state: "unknown",
    says: expect.stringContaining("more than is looked through"),
  });
  const told = {
    id: "c",
    at: range.from - hour,
    kind: "deploy",
    target: "deployment:d",
    summary: "version 2",
  } as const;
  expect(stateOf(true, [told])?.state).toBe("unchanged");
});

test.each([
  [20_000, false],
  [20_001, true],
])("%i prompts: truncated %s", async (prompts, truncated) => {
  const database = {
    table: (name: string) => name,
    select: async (sql: string) =>
      sql.includes("otel_traces")
        ? Array.from({ length: Math.min(prompts, Number(/LIMIT (\d+)$/.exec(sql)?.[1])) }, (_, i) => [
            "shop",
            "p",
            `${i}`,
            1,
            2,
          ])
        : [],
  };
  const tenants = { all: () => [{ tenant: "default", database }] as unknown as readonly TenantDatabase[] };
  const found = await createFactHistory(tenants).facts(range, hour);
  expect([found.facts.length, found.truncated]).toEqual([20_000, truncated]);
});
