// Whatever happens in whatever order, restarts and a failing ledger included: no unwritten send, no second send under one key, nothing
// that was not approved, nothing after a denial, nothing under the kill switch, and a ledger that verifies.
import fc from "fast-check";
import { expect, test } from "vitest";
import { verifyChain } from "../../src/act/ledger/verify.ts";
import type { LedgerEntry, ReportedOutcome } from "../../src/model/action.ts";
import type { DeliveryOutcome, OutgoingMessage } from "../../src/model/ports/notifier.ts";
import { ada, approver, auto, bench, proposal, start, wordOn } from "./bench.ts";

type Command =
  | { readonly do: "propose"; readonly target: number; readonly probability: number; readonly share: string }
  | { readonly do: "run"; readonly steps: number }
  | { readonly do: "clock"; readonly seconds: number }
  | { readonly do: "kill"; readonly on: boolean }
  | { readonly do: "approve" | "deny"; readonly pick: number; readonly by: string; readonly stale: boolean }
  | { readonly do: "world"; readonly tokens: number | undefined }
  | { readonly do: "receiver" | "ledger"; readonly fails: boolean }
  | { readonly do: "report"; readonly pick: number; readonly outcome: ReportedOutcome }
  | { readonly do: "restart" };

const one = <T extends Command["do"]>(name: T) => fc.constant(name);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: one("propose"),
      target: fc.nat(2),
      probability: fc.constantFrom(0.5, 0.95),
      share: fc.constantFrom("0.1", "0.2"),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: one("run"), steps: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ do: one("clock"), seconds: fc.constantFrom(30, 600, 4000) }) },
  { weight: 1, arbitrary: fc.record({ do: one("kill"), on: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("approve" as const, "approve" as const, "approve" as const, "deny" as const),
      pick: fc.nat(5),
      by: fc.constantFrom("ada", "bob"),
      stale: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: one("world"), tokens: fc.constantFrom(0, 100, undefined) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("receiver" as const, "ledger" as const), fails: fc.boolean() }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: one("report"),
      pick: fc.nat(5),
      outcome: fc.constantFrom("succeeded" as const, "failed" as const, "running" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: one("restart") }) },
);
const failing: DeliveryOutcome = { kind: "failed", reason: "503", attempts: 3 };
const isRequest = ({ type }: OutgoingMessage): boolean => type === "action.requested";

test("sends are written down first, unique, and never made when they must not be", async () => {
  let requests = 0;
  let approved = 0;
  let heard = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 50, size: "max" }),
      fc.constantFrom("observe", "propose", "approve", "approve", "auto", "auto"),
      fc.constantFrom(1, 2),
      fc.constantFrom(0, 0, 300_000),
      async (commands, mode, quorum, thawsMs) => {
        const freeze = { from: start, to: start + thawsMs };
        const world = bench([{ ...auto, mode, cooldown: 60_000, approval: { quorum, ttl: 900_000 } }], {
          windows: [{ id: "x", kind: "freeze", target: "*", reason: "", when: freeze }],
        });
        const { records, sent, state, run } = world;
        let room = world.act;
        let killed = false;
        /** Ids sent by this run of the room. */
        let ours = new Set<string>();
        const asked = new Map<string, Set<string>>();
        const denied = new Set<string>();
        const violations: string[] = [];
        // Collected, not thrown: the room would take an exception here for a failed delivery and carry on.
        const must = (holds: boolean, what: string): void => {
          if (!holds) violations.push(what);
        };
        state.onSend = (message) => {
          must(!killed, "sent under the kill switch");
          must(message.type === "action.escalated" || state.now >= freeze.to, "sent in a freeze");
          must(mode === "approve" || mode === "auto", `sent in mode ${mode}`);
          must(!ours.has(message.id), `${message.id} sent twice`);
          ours.add(message.id);
          if (!isRequest(message)) return;
          requests++;
          const key = String(message.data["idempotencyKey"]);
          const others = sent.filter((other) => isRequest(other) && other.data["idempotencyKey"] === key);
          must(
            others.every(({ id }) => id === message.id),
            "one key under two ids",
          );
          const written = latest(records.all.actions).get(key);
          must(written?.state === "sent", "sent before it was written down");
          must(!denied.has(key), "sent after a denial");
          const going = [...latest(records.all.actions)].filter(([, entry]) => underWay(entry));
          must(going.length === 1, "two actions at once");
          if (mode === "auto") return;
          approved++;
          const what = `${key} ${JSON.stringify(message.data["parameters"])}`;
          must((asked.get(what)?.size ?? 0) >= quorum, "sent without enough approvals of exactly that");
        };
        for (const command of commands) {
          if (command.do === "propose") {
            const { probability, share } = command;
            const target = `replica:vllm-${command.target}`;
            const what = { kind: "shed-load", parameters: { share, seconds: "60" } } as const;
            await room.propose(proposal({ target, probability, ...what }), state.now);
          } else if (command.do === "run") await run(command.steps * 10_000, room);
          else if (command.do === "clock") state.now += command.seconds * 1000;
          else if (command.do === "kill") {
            if (command.on) killed = true;
            const done = await room.people.kill(command.on, ada, "", state.now).then(
              () => true,
              () => false,
            );
            if (done) killed = command.on;
          } else if (command.do === "approve" || command.do === "deny") {
            const { open } = room.status();
            const waiting = open[command.pick % Math.max(1, open.length)];
            const word = wordOn(room, waiting?.action.id ?? "none", approver(command.by));
            if (command.stale)
              await room.people[command.do]({ ...word, hash: "1".repeat(64) }, state.now).catch(() => {});
            else if (waiting !== undefined) {
              const { idempotencyKey: key, parameters } = waiting.action;
              const what = `${key} ${JSON.stringify(parameters)}`;
              if (command.do === "approve") asked.set(what, (asked.get(what) ?? new Set()).add(command.by));
              const answer = await room.people[command.do](word, state.now).catch(() => undefined);
              if (answer?.kind === "denied") denied.add(key);
            }
          } else if (command.do === "report") {
            const { open } = room.status();
            const key = open[command.pick % Math.max(1, open.length)]?.action.idempotencyKey ?? "none-1";
            const from = { signedBy: ["fleet"], signers: ["fleet"], by: undefined };
            const { outcome } = command;
            const told = await room.reports
              .take({ key, outcome, says: "", undo: false, ...from }, state.now)
              .catch(() => {});
            if (told?.kind === "noted") heard++;
          } else if (command.do === "world") state.tokens = command.tokens;
          else if (command.do === "receiver")
            state.answer = command.fails ? failing : { kind: "delivered", status: 202, attempts: 1 };
          else if (command.do === "ledger") {
            records.onPut = () => {
              if (command.fails) throw new Error("disk full");
            };
          } else {
            const next = world.again();
            const restored = await next.restore().then(
              () => true,
              () => false,
            );
            // A room that cannot read its ledger is not put to work.
            if (!restored) continue;
            ours = new Set();
            room = next;
          }
        }
        for (const { state: is, after } of records.all.actions)
          must(
            is !== "verified" || after?.every(({ holds }) => holds === true) === true,
            "verified on somebody's word",
          );
        expect(violations).toEqual([]);
        records.onPut = () => {};
        await room.people.kill(true, ada, "", state.now);
        expect(verifyChain(records.all.actions, { head: room.status().ledger }).breaks).toEqual([]);
      },
    ),
    { numRuns: 600 },
  );
  // Otherwise the property would hold for lack of anything to hold for.
  expect(requests).toBeGreaterThan(100);
  expect(approved).toBeGreaterThan(10);
  expect(heard).toBeGreaterThan(20);
}, 120_000);

/** The last entry of each repair that counts. */
function latest(entries: readonly LedgerEntry[]): ReadonlyMap<string, LedgerEntry> {
  const gone = new Set(entries.map(({ voids }) => voids));
  const states = new Map<string, LedgerEntry>();
  for (const entry of entries) {
    const told = ["void", "approved", "refused", "reported"].includes(entry.state);
    if (!told && !gone.has(entry.sequence)) states.set(entry.action.idempotencyKey, entry);
  }
  return states;
}

function underWay({ state }: LedgerEntry): boolean {
  return state === "sent" || state === "accepted" || state === "verifying";
}
