// Whatever happens in whatever order: no unwritten send, no second send, nothing in observe mode or under the kill switch.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { DeliveryOutcome, OutgoingMessage } from "../../src/model/ports/notifier.ts";
import type { Principal } from "../../src/model/principal.ts";
import { auto, bench, proposal } from "./bench.ts";

type Command =
  | { readonly do: "propose"; readonly target: number; readonly probability: number }
  | { readonly do: "run"; readonly steps: number }
  | { readonly do: "kill"; readonly on: boolean }
  | { readonly do: "approve"; readonly pick: number }
  | { readonly do: "world"; readonly tokens: number | undefined }
  | { readonly do: "receiver"; readonly fails: boolean }
  | { readonly do: "ledger"; readonly fails: boolean };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("propose" as const),
      target: fc.nat(2),
      probability: fc.constantFrom(0.5, 0.95),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("run" as const), steps: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const), on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("approve" as const), pick: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("world" as const), tokens: fc.constantFrom(0, 100, undefined) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("receiver" as const), fails: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("ledger" as const), fails: fc.boolean() }) },
);
const approver: Principal = { name: "ada", tenant: "default", roles: ["approver"] };
const failing: DeliveryOutcome = { kind: "failed", reason: "503", attempts: 3 };

test("sends are written down first, unique, and never made when they must not be", async () => {
  let requests = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 50, size: "max" }),
      fc.constantFrom("observe", "propose", "approve", "auto", "auto"),
      async (commands, mode) => {
        const { act, records, sent, state, run } = bench([{ ...auto, mode, cooldown: 60_000 }]);
        let killed = false;
        const violations: string[] = [];
        // Collected, not thrown: the room would take an exception here for a failed delivery and carry on.
        const must = (holds: boolean, what: string): void => {
          if (!holds) violations.push(what);
        };
        state.onSend = (message: OutgoingMessage) => {
          must(!killed, "sent under the kill switch");
          must(mode === "approve" || mode === "auto", `sent in mode ${mode}`);
          must(!sent.some(({ id }) => id === message.id), `${message.id} sent twice`);
          if (message.type !== "action.requested") return;
          requests++;
          const key = message.data["idempotencyKey"];
          must(
            !sent.some(({ type, data }) => type === message.type && data["idempotencyKey"] === key),
            "key sent twice",
          );
          const entries = records.all.actions.filter(({ action }) => action.idempotencyKey === key);
          must(entries.at(-1)?.state === "sent", "sent before it was written down");
          const going = records.all.actions
            .map(({ action }) => action.idempotencyKey)
            .filter((one) => underWay(records, one));
          must(new Set(going).size === 1, "two actions at once");
        };
        for (const one of commands) {
          if (one.do === "propose") {
            const target = `replica:vllm-${one.target}`;
            await act.propose(proposal({ target, probability: one.probability }), state.now);
          } else if (one.do === "run") await run(one.steps * 10_000);
          else if (one.do === "kill") {
            killed = one.on;
            act.kill(killed);
          } else if (one.do === "approve") {
            const waiting = act.open();
            const id = waiting[one.pick % Math.max(1, waiting.length)]?.action.id ?? "none";
            await act.approve(id, approver, state.now);
          } else if (one.do === "world") state.tokens = one.tokens;
          else if (one.do === "receiver")
            state.answer = one.fails ? failing : { kind: "delivered", status: 202, attempts: 1 };
          else {
            records.onPut = () => {
              if (one.fails) throw new Error("disk full");
            };
          }
        }
        for (const { action } of records.all.actions) expect(action.idempotencyKey).toMatch(/-[12]$/);
        expect(violations).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
  // Otherwise the property would hold for lack of anything to hold for.
  expect(requests).toBeGreaterThan(50);
});

function underWay(records: ReturnType<typeof bench>["records"], key: string): boolean {
  const state = records.all.actions.filter(({ action }) => action.idempotencyKey === key).at(-1)!.state;
  return state === "sent" || state === "accepted" || state === "verifying";
}
