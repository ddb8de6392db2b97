// Repairs, carefully: proposed, held back by what speaks against them, sent, verified against the time before, undone.
import type { Action, ActionState, LedgerEntry, Proposal } from "../model/action.ts";
import type { LedgerHead } from "../model/ledger.ts";
import type { Principal } from "../model/principal.ts";
import type { Instant } from "../model/time.ts";
import type { ActDeps, ActOptions, Desk, Turn } from "./desk.ts";
import { createLedger } from "./ledger/writer.ts";
import { createLifecycle, heldMs } from "./lifecycle.ts";
import { policyFor } from "./policy.ts";
import { fromLedger, newRepair, numbered } from "./repairs.ts";

export type Approval = { readonly kind: "approved" } | { readonly kind: "refused"; readonly reason: string };

export interface Act {
  /** Takes up a proposal, or thinks again about one that is held. Tells what was written to the ledger. */
  propose(proposal: Proposal, now: Instant): Promise<readonly LedgerEntry[]>;
  /** Goes on with everything in progress: looks at deliveries, verifies, tries again. Event time. */
  step(now: Instant): Promise<readonly LedgerEntry[]>;
  /** Lets one held attempt pass where a person is asked for. `id` is the action's id in the ledger. */
  approve(id: string, principal: Principal, now: Instant): Promise<Approval>;
  /** While on, nothing is sent: no request, no undo, no escalation. */
  kill(on: boolean): void;
  /** Takes up what an earlier run left in the ledger; before the first step. */
  restore(): Promise<void>;
  /** Where the ledger's chain ends. */
  ledgerHead(): LedgerHead;
  /** Repairs that are not over, for people to see. */
  open(): readonly { readonly action: Action; readonly state: ActionState; readonly reason: string }[];
}

const repairsMax = 1000;
const keepMs = 24 * 3_600_000;

export function createAct(options: ActOptions, deps: ActDeps): Act {
  const { records, telemetry } = deps;
  const ledger = createLedger(records, deps.head);
  const desk: Desk = { options, deps, ledger, repairs: new Map(), killed: false };
  const { repairs } = desk;
  const life = createLifecycle(desk);
  /** Written by an approval; told with the next step. */
  let untold: LedgerEntry[] = [];
  let tail: Promise<unknown> = Promise.resolve();

  /** One thing at a time: two decisions about the same fleet must see each other. */
  function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = tail.then(work, work);
    tail = done.catch(() => {});
    return done;
  }

  function forget(now: Instant): void {
    for (const [key, repair] of repairs) if (repair.over && now - repair.touchedAt > keepMs) repairs.delete(key);
  }

  return {
    propose: ({ action }, now) =>
      exclusively(async () => {
        const turn: Turn = { now, out: [] };
        const { out } = turn;
        forget(now);
        const known = repairs.get(action.idempotencyKey);
        // A repair that was never sent and is over (expired) may be proposed anew; one that was tried may not.
        if (known !== undefined && (known.state !== "held" || (known.over && known.sends.length > 0))) return out;
        if (known === undefined && repairs.size >= repairsMax) {
          telemetry.count("homeostat.act.dropped", 1, { reason: "too-many-repairs" });
          return out;
        }
        const repair = known === undefined || known.over ? newRepair(action, now) : known;
        repairs.set(repair.key, repair);
        await life.guarded(repair, turn, async () => {
          if (repair.state === "proposed") await life.begin(repair, turn);
          // Held: the newer thought counts, but an attempt that waits out its pause goes on waiting.
          const cooling = repair.hold?.by === "cooldown" && (repair.hold.retryAt ?? 0) > now;
          repair.proposal = action;
          repair.action = numbered(action, repair.attempt);
          if (!cooling) await life.decide(repair, turn);
        });
        return out;
      }),
    step: (now) =>
      exclusively(async () => {
        const turn: Turn = { now, out: untold };
        untold = [];
        forget(now);
        for (const repair of repairs.values())
          if (!repair.over) await life.guarded(repair, turn, () => life.goOn(repair, turn));
        return turn.out;
      }),
    approve: (id, principal, now) =>
      exclusively(async () => {
        const refuse = (reason: string): Approval => ({ kind: "refused", reason });
        if (!principal.roles.some((role) => role === "approver" || role === "admin")) {
          return refuse(`${principal.name} may not approve actions`);
        }
        const repair = [...repairs.values()].find(({ action, over }) => action.id === id && !over);
        if (repair === undefined) return refuse(`no action ${id} waits`);
        if (repair.state !== "held" || !(repair.hold?.by === "mode" || repair.hold?.by === "safety")) {
          return refuse(`action ${id} does not wait for approval`);
        }
        const { mode } = policyFor(repair.action, options.policies);
        if (mode === "observe" || mode === "propose") return refuse(`the policy for action ${id} is to ${mode} only`);
        if (now - repair.heldSince > heldMs)
          return refuse(`action ${id} has waited too long; the situation is another`);
        repair.approvedBy = principal.name;
        const turn: Turn = { now, out: untold };
        await life.guarded(repair, turn, () => life.decide(repair, turn));
        return { kind: "approved" };
      }),
    kill(on) {
      desk.killed = on;
      telemetry.gauge("homeostat.act.killed", on ? 1 : 0);
      telemetry.log.warn(on ? "kill switch on: nothing is sent" : "kill switch off");
    },
    restore: () =>
      exclusively(async () => {
        const newest = await records.list("actions", { limit: 1000 });
        const written = await ledger.continueAfter(newest);
        for (const repair of fromLedger([...written.toReversed(), ...newest])) {
          repairs.set(repair.key, repair);
          // The same message id: whoever delivered it already does not deliver it twice.
          if (repair.state === "sent") life.resend(repair);
        }
      }),
    ledgerHead: ledger.head,
    open: () =>
      [...repairs.values()]
        .filter(({ over }) => !over)
        .map(({ action, state, hold: held }) => ({ action, state, reason: held?.reason ?? "" })),
  };
}
