// Damage to a tenant's database is mended and told like that to the default one's, and somebody else's tables are refused.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { logs } from "./batches.ts";
import { doors, type Place } from "./doors.ts";

const t0 = Date.UTC(2026, 0, 2);
let place: Place;

afterEach(async () => {
  await place.leave();
});

async function filled(): Promise<Store> {
  const store = await place.open();
  await store.journal.append([logs(["ours"], t0)]);
  await store.journal.append([logs(["x 1", "x 2"], t0)], [], "x");
  await store.flushed();
  return store;
}

const bodies = async (store: Store): Promise<readonly unknown[]> =>
  await store.rows(`SELECT Body AS b FROM ${place.database}_x.otel_logs ORDER BY b`);

it("brings back a tenant's tables, and the tenant, when the engine cannot read their definitions", async () => {
  place = await doors[0]!.enter();
  let store = await filled();
  const [table] = await store.rows<{ path: string }>(
    `SELECT metadata_path AS path FROM system.tables WHERE database = '${place.database}_x' AND name = 'otel_logs'`,
  );
  await place.whileClosed(() => {
    writeFileSync(join(place.directory, "data", table!.path), "garbage");
    writeFileSync(join(place.directory, "data", "metadata", `${place.database}_x.sql`), "garbage");
  });
  for (const times of [1, 2]) {
    store = await place.open();
    expect(store.tenants()).toEqual(["default", "x"]);
    expect(await bodies(store)).toEqual([{ b: "x 1" }, { b: "x 2" }]);
    const alarms = await store.watch();
    expect(alarms.map(({ kind, table }) => `${kind} ${table}`).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "broken-definition ",
      `broken-definition ${place.database}_x.otel_logs`,
    ]);
    await store.journal.append([logs([`after ${times}`], t0 - 86_400_000)]);
    await store.flushed();
    await store[Symbol.asyncDispose]();
  }
});

it("refuses an exporter's tables in a tenant's database as in the default one's, and changes nothing there", async () => {
  place = await doors[1]!.enter();
  const store = await filled();
  await store[Symbol.asyncDispose]();
  const server = await place.bare();
  const made = `CREATE TABLE ${place.database}_x.otel_theirs (Body String) ENGINE = MergeTree ORDER BY Body`;
  await server.command(made);
  await expect(place.open()).rejects.toMatchObject({
    kind: "foreign-tables",
    message: expect.stringContaining("otel_theirs") as string,
  });
  await server.command(`DROP TABLE ${place.database}_x.otel_theirs SYNC`);
  expect(await bodies(await place.open())).toHaveLength(2);
});
