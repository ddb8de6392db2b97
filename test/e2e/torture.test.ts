// A short run of the durability torture; `npm run torture` is the long one.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { killLoop } from "../../bench/torture/kills.ts";
import { seededRandom } from "../../src/math/random.ts";

const folder = mkdtempSync(join(tmpdir(), "homeostat-torture-"));
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

test("kill -9 of the service and its engine under load: nothing that was acknowledged is lost or stored twice", async () => {
  const outcome = await killLoop({ directory: join(folder, "data"), kills: 6, draw: seededRandom(20) });
  expect(outcome).toMatchObject({ lost: 0, duplicated: 0, wrong: 0, torn: 0, unindexed: 0 });
  expect(outcome.acknowledged).toBeGreaterThan(500);
  expect(outcome.kills.engine + outcome.kills.both).toBeGreaterThan(0);
  expect(outcome.kills.main + outcome.kills.both).toBeGreaterThan(0);
  expect(outcome.resentUnanswered).toBeGreaterThan(0);
  expect(outcome.resentAcknowledged).toBeGreaterThan(0);
}, 400_000);
