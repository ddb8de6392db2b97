// homeostat ledger: entries as a service lists them, verified here, from the service and from a file.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Sealed, seal } from "../../src/act/ledger/chain.ts";
import { verifyChain } from "../../src/act/ledger/verify.ts";
import { ledger } from "../../src/app/commands/ledger.ts";
import { ledgerEntries } from "../../src/app/ledger-entries.ts";
import { memoryRecords, openWorld, type World } from "../show/kit.ts";
import { entry } from "../show/samples.ts";

const folder = mkdtempSync(join(tmpdir(), "homeostat-ledger-"));
const chain: Sealed[] = [];
for (let i = 0; i < 2500; i++) {
  const { voids: _, sequence: _s, previous: _p, hash: _h, ...rest } = entry;
  const action = { ...rest.action, probability: i === 3 ? Number.NaN : 0.9 };
  chain.push(
    seal(
      { ...rest, action, at: entry.at + Math.floor(i / 400) },
      chain.at(-1) ?? { sequence: 0, hash: "0".repeat(64) },
    ),
  );
}
const kept = { actions: [...chain] };
let world: World;
beforeAll(async () => {
  const records = memoryRecords(kept);
  const act = {
    ledger: async () => verifyChain(await ledgerEntries(records, 10_000), { head: chain.at(-1) }),
  };
  world = await openWorld({ kept });
  Object.assign(world.deps.act, act);
});
afterAll(async () => {
  await world.show[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  return { code: await ledger.run(args, { out: (line) => void lines.push(line), err: () => {} }), lines };
}

test("lists the newest entries, oldest first", async () => {
  const { code, lines } = await run("--url", world.show.url, "--limit", "3");
  expect(code).toBe(0);
  expect(lines.map((line) => line.trim().split(" ")[0])).toEqual(["2498", "2499", "2500"]);
});

test("verifies what the service lists, and tells at which entry it breaks", async () => {
  expect(await run("verify", "--url", world.show.url)).toMatchObject({
    code: 0,
    lines: ["entries 1 to 2500 are intact", `ends at 2500 with ${chain.at(-1)!.hash}`],
  });
  kept.actions[1200] = { ...chain[1200]!, by: "nobody" };
  const { code, lines } = await run("verify", "--url", world.show.url);
  expect(code).toBe(1);
  expect(lines[1]).toContain("changed at 1201");
  kept.actions.splice(2490);
  expect((await run("verify", "--url", world.show.url, "--json")).lines.join()).toContain(
    "entries 2491 to 2500 are missing",
  );
  kept.actions.splice(0, 5000, ...chain);
});

test("verifies a file, and says which line is none of an entry", async () => {
  const file = join(folder, "ledger.jsonl");
  const { lines } = await run("--url", world.show.url, "--limit", "5000", "--json");
  writeFileSync(file, lines.join("\n"));
  expect((await run("verify", "--file", file)).code).toBe(0);
  writeFileSync(file, lines.toSpliced(4, 2).join("\n"));
  expect(await run("verify", "--file", file)).toMatchObject({
    code: 1,
    lines: expect.arrayContaining([expect.stringContaining("missing at 5")]),
  });
  writeFileSync(file, `${lines[0]}\n{}`);
  await expect(run("verify", "--file", file)).rejects.toThrow(`${file}:2`);
  await expect(run("verify", "--file", join(folder, "none"))).rejects.toThrow("cannot be read");
});

test.each([["list"], ["verify", "x"], ["--file", "x"], ["--limit", "0"]])("%s %s is misused", async (...args) => {
  await expect(run(...args)).rejects.toMatchObject({ name: "UsageError" });
});
