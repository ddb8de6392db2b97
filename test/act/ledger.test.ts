// The ledger as a chain: whatever is done to it afterwards is told, with its place; whatever the store does, it stays whole.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, type Sealed, seal, type Unsealed } from "../../src/act/ledger/chain.ts";
import { verifyChain } from "../../src/act/ledger/verify.ts";
import type { LedgerEntry } from "../../src/model/action.ts";
import { bench, proposal, start } from "./bench.ts";

function chainOf(length: number): Sealed[] {
  const chain: Sealed[] = [];
  for (let i = 0; i < length; i++) {
    const entry: Unsealed = {
      action: proposal().action,
      state: "held",
      at: start + i,
      by: "mode",
      reason: `because ${i}`,
    };
    chain.push(seal(entry, chain.at(-1) ?? { sequence: 0, hash: "0".repeat(64) }));
  }
  return chain;
}

const reworded = (entry: Sealed): Sealed => ({ ...entry, reason: "all was well" });
const resealed = (entry: Sealed): Sealed =>
  seal(reworded(entry), { sequence: entry.sequence - 1, hash: entry.previous });

describe("a ledger is verified", () => {
  test("and is intact as it was written, in whatever order it is read", () => {
    const chain = chainOf(20);
    const report = verifyChain(chain.toReversed(), { head: chain.at(-1) });
    expect(report).toMatchObject({ intact: true, entries: 20, breaks: [], says: "entries 1 to 20 are intact" });
  });

  const tampered: [string, (chain: Sealed[]) => LedgerEntry[], string, number][] = [
    ["changed", (chain) => chain.with(6, reworded(chain[6]!)), "changed", 7],
    ["changed and hashed anew", (chain) => chain.with(6, resealed(chain[6]!)), "changed", 7],
    ["the first, hashed anew", (chain) => chain.with(0, resealed(chain[0]!)), "changed", 1],
    ["the last, hashed anew", (chain) => chain.with(-1, resealed(chain.at(-1)!)), "changed", 20],
    ["missing", (chain) => chain.toSpliced(6, 3), "missing", 7],
    ["missing at the end", (chain) => chain.slice(0, 15), "missing", 16],
    ["all missing", () => [], "missing", 1],
    ["inserted", (chain) => [...chain, resealed(chain[6]!)], "inserted", 7],
    [
      "inserted without a hash",
      (chain) => [...chain, { ...proposal(), state: "held", at: start + 5, by: "x", reason: "" }],
      "inserted",
      1,
    ],
    [
      "renumbered",
      (chain) => chain.with(6, { ...chain[7]!, sequence: 7 }).with(7, { ...chain[6]!, sequence: 8 }),
      "reordered",
      7,
    ],
  ];
  test.each(tampered)("and tells that it was %s", (_what, tamper, kind, sequence) => {
    const chain = chainOf(20);
    const report = verifyChain(tamper(chain), { head: chain.at(-1) });
    expect(report.intact).toBe(false);
    expect(report.breaks[0]).toMatchObject({ kind, sequence });
  });

  test("and in a file also that lines changed places", () => {
    const chain = chainOf(5);
    const swapped = [chain[0]!, chain[2]!, chain[1]!, chain[3]!, chain[4]!];
    expect(verifyChain(swapped).intact).toBe(true);
    expect(verifyChain(swapped, { inOrder: true }).breaks).toMatchObject([{ kind: "reordered", sequence: 2 }]);
  });

  test("and says what it knows nothing of", () => {
    const chain = chainOf(20);
    const old = { action: proposal().action, state: "held", at: start - 1, by: "mode", reason: "" } as const;
    const report = verifyChain([old, ...chain.slice(4)]);
    expect(report).toMatchObject({ intact: true, entries: 16, unsealed: 1, first: { sequence: 5 } });
    const whole = verifyChain([old, ...chain]);
    expect(whole).toMatchObject({ intact: true, unsealed: 1 });
    expect(whole.says).toContain("1 of a version before the chain");
  });

  test("and no change of one member of one entry goes unnoticed", () => {
    const chain = chainOf(8);
    const change = fc.record({
      at: fc.nat(7),
      member: fc.constantFrom("state", "at", "by", "reason"),
      value: fc.string(),
    });
    fc.assert(
      fc.property(change, ({ at, member, value }) => {
        const report = verifyChain(chain.with(at, { ...chain[at]!, [member]: value }), { head: chain.at(-1) });
        expect(report.breaks.map(({ sequence }) => sequence)).toContain(at + 1);
      }),
    );
  });

  test("canonical JSON is the same after a round trip, whatever the order of members", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(JSON.parse(JSON.stringify(value)))).toBe(canonicalJson(value));
      }),
    );
    expect(canonicalJson({ b: [Number.NaN, undefined], a: undefined, "\u00e9": -0 })).toBe(
      '{"b":[null,null],"\u00e9":0}',
    );
  });
});

describe("the writer", () => {
  test("seals what happened, with the policy, the checks before and after, and the verdict", async () => {
    const { act, run, state, records } = bench();
    await act.propose(proposal(), start);
    state.tokens = 100;
    await run(60_000);
    const { actions } = records.all;
    expect(verifyChain(actions, { head: act.status().ledger })).toMatchObject({
      intact: true,
      entries: actions.length,
    });
    expect(actions[1]).toMatchObject({
      state: "sent",
      policy: { id: "all", mode: "auto" },
      before: [{ check: "tokens flow", holds: false }],
    });
    expect(actions.at(-1)).toMatchObject({ verdict: "success", after: [{ check: "tokens flow", holds: true }] });
  });

  test("keeps the chain whole where the store fails, and says which entries are void", async () => {
    const outcomes = fc.array(fc.constantFrom("stored", "refused", "stored, but said to be refused"), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(outcomes, async (outcomes) => {
        const { act, again, records, run, state } = bench();
        let i = 0;
        let lost = false;
        records.onPut = (_kind, entries) => {
          const outcome = outcomes[i++] ?? "stored";
          lost = outcome !== "stored";
          if (outcome === "stored, but said to be refused") records.all.actions.push(...(entries as LedgerEntry[]));
          if (lost) throw new Error("disk full");
        };
        await act.propose(proposal(), start);
        await run(100_000);
        state.tokens = 100;
        await run(100_000);
        // Killed here: the next run goes on where the store and the kept head say that the chain ends.
        let room = again();
        while (
          await room.restore().then(
            () => false,
            () => true,
          )
        )
          room = again();
        await room.propose(proposal({ target: "replica:vllm-1", incident: "i2" }), state.now);
        await run(400_000, room);
        const report = verifyChain(records.all.actions, { head: room.status().ledger });
        expect(report.breaks).toEqual([]);
        const sent = records.all.actions.filter(({ state: one }) => one === "sent").map(({ sequence }) => sequence);
        const voided = new Set(records.all.actions.map(({ voids }) => voids));
        const counted = new Set(sent.filter((one) => !voided.has(one)));
        expect(counted.size).toBeLessThanOrEqual(2);
      }),
      { numRuns: 60 },
    );
  });

  test("that ended before it knew whether an entry was stored has it put once more, void, by the next run", async () => {
    for (const stored of [true, false]) {
      const { act, again, records, kept, sent, state } = bench();
      records.onPut = (_kind, [entry]) => {
        if ((entry as Sealed).state !== "sent") return;
        if (stored) records.all.actions.push(entry as Sealed);
        throw new Error("killed");
      };
      await act.propose(proposal(), start);
      expect(kept.head?.pending).toHaveLength(1);
      records.onPut = () => {};
      const room = again();
      await room.restore();
      expect(sent).toEqual([]);
      await room.step(state.now);
      const { actions } = records.all;
      const report = verifyChain(actions, { head: room.status().ledger });
      expect(report).toMatchObject({ breaks: [], repeats: stored ? 1 : 0 });
      expect(actions.find(({ voids }) => voids === 2)?.state).toBe("void");
    }
  });

  test("goes on after the kept head where the store does not show its newest entries yet", async () => {
    const { act, again, records } = bench();
    await act.propose(proposal(), start);
    const hidden = records.all.actions.splice(1);
    const room = again();
    await room.restore();
    await room.propose(proposal({ target: "replica:vllm-1" }), start);
    expect(verifyChain(records.all.actions).breaks).toMatchObject([{ kind: "missing", sequence: 2 }]);
    records.all.actions.push(...hidden);
    expect(verifyChain(records.all.actions, { head: room.status().ledger }).intact).toBe(true);
  });
});
