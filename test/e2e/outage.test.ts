// The database away while the load goes on, in short; `npm run torture -- --outage SECONDS` is the long one.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { outage } from "../../bench/torture/outage.ts";
import { seededRandom } from "../../src/math/random.ts";

const folder = mkdtempSync(join(tmpdir(), "homeostat-outage-"));
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

test("a ClickHouse server that refuses, hangs and is cut off: all that was acknowledged is stored once, in bounded memory, and a full backlog refuses", async () => {
  const outcome = await outage({
    directory: join(folder, "data"),
    seconds: 13,
    backlogLimitMib: 2,
    draw: seededRandom(3),
  });
  expect(outcome).toMatchObject({ lost: 0, duplicated: 0, wrong: 0, torn: 0, unindexed: 0 });
  expect(outcome.acknowledgedAway).toBeGreaterThan(0);
  expect(outcome.refused).toBeGreaterThan(0);
  expect(outcome.refusedWithoutRetryAfter).toBe(0);
  expect(outcome.backlogPeakBytes).toBeGreaterThan(1.5 * 2 ** 20);
  // What runs at the moment of refusal may come on top.
  expect(outcome.backlogPeakBytes).toBeLessThan(8 * 2 ** 20);
  expect(outcome.residentPeakBytes - outcome.residentBytes).toBeLessThan(128 * 2 ** 20);
}, 300_000);
