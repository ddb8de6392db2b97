// Repairs, carefully: proposed, held back by what speaks against them, sent, verified against the time before, undone.
import type { Action, ActionState, LedgerEntry, Proposal } from "../model/action.ts";
import type { EntityId } from "../model/entity.ts";
import type { Notifier, OutgoingMessage } from "../model/ports/notifier.ts";
import type { Records } from "../model/ports/records.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Principal } from "../model/principal.ts";
import type { Instant } from "../model/time.ts";
import { type ConnectorSpec, connectorFor, escalationOf, refuseParameters, requestOf, undoOf } from "./connectors.ts";
import { lookAtTarget } from "./facts.ts";
import { type Policy, policyFor } from "./policy.ts";
import { fromLedger, isUnderWay, newRepair, numbered, pastOf, type Repair } from "./repairs.ts";
import { passStages } from "./stages.ts";
import { advance, allHold, startVerification } from "./verification.ts";

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
  /** Repairs that are not over, for people to see. */
  open(): readonly { readonly action: Action; readonly state: ActionState; readonly reason: string }[];
}

export interface ActDeps {
  readonly notifier: Notifier;
  readonly records: Records;
  readonly source: SeriesSource;
  readonly telemetry: Telemetry;
}

const repairsMax = 1000;
const keepMs = 24 * 3_600_000;
/** A proposal nobody let pass in this time was about another situation. */
const heldMs = 15 * 60_000;

export function createAct(
  options: { readonly policies: readonly Policy[]; readonly connectors: readonly ConnectorSpec[] },
  { notifier, records, source, telemetry }: ActDeps,
): Act {
  const repairs = new Map<string, Repair>();
  let killed = false;
  let tail: Promise<unknown> = Promise.resolve();

  /** One thing at a time: two decisions about the same fleet must see each other. */
  function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = tail.then(work, work);
    tail = done.catch(() => {});
    return done;
  }

  /** Written down before anything happens because of it; a ledger that fails stops the action. */
  async function write(
    repair: Repair,
    state: ActionState,
    by: string,
    reason: string,
    at: Instant,
    out: LedgerEntry[],
  ): Promise<void> {
    const action = repair.target === undefined ? repair.action : { ...repair.action, domain: repair.target.domain };
    const entry: LedgerEntry = { action, state, at, by, reason };
    await records.put("actions", [entry]);
    repair.state = state;
    repair.touchedAt = at;
    out.push(entry);
    telemetry.count("homeostat.act.entries", 1, { state, by });
  }

  async function hold(
    repair: Repair,
    by: string,
    reason: string,
    retryAt: Instant | undefined,
    now: Instant,
    out: LedgerEntry[],
  ): Promise<void> {
    const told = repair.state === "held" && repair.hold?.by === by;
    repair.hold = { by, reason, ...(retryAt === undefined ? {} : { retryAt }) };
    if (!told) await write(repair, "held", by, reason, now, out);
  }

  /** Asks every stage, and sends if none objects. */
  async function decide(repair: Repair, now: Instant, out: LedgerEntry[]): Promise<void> {
    const { action } = repair;
    const connector = connectorFor(action, options.connectors);
    if (connector === undefined)
      return hold(repair, "connector", `no connector serves ${action.kind}`, undefined, now, out);
    const refused = refuseParameters(action, connector);
    if (refused !== undefined) return hold(repair, "parameters", refused, undefined, now, out);
    const target = await lookAtTarget(action, source, now);
    repair.target = target;
    const verdict = passStages(
      action,
      {
        policy: policyFor(action, options.policies),
        killed,
        ...(repair.approvedBy === undefined ? {} : { approvedBy: repair.approvedBy }),
        repair: repair.key,
        target,
        past: pastOf(repairs.values()),
      },
      now,
    );
    if (verdict.kind === "hold") return hold(repair, verdict.by, verdict.reason, verdict.retryAt, now, out);
    if (repair.attempt > 1 && (await allHold(action, source, now))) {
      repair.over = true;
      return write(repair, "held", "recovered", "all is well again without another attempt", now, out);
    }
    repair.hold = undefined;
    repair.outcome = undefined;
    const by = repair.approvedBy ?? "act";
    await write(repair, "sent", by, `attempt ${repair.attempt} to receiver ${connector.receiver}`, now, out);
    repair.sends.push({ at: now, domain: target.domain });
    // The switch may have been thrown while the ledger was written: what is not out yet stays in.
    if (killed) {
      repair.sends.pop();
      return hold(repair, "kill-switch", "the kill switch is on", now + 10_000, now, out);
    }
    dispatch(repair, requestOf(action, connector));
  }

  /** Delivery may take hours; its outcome is picked up by a later step. */
  function dispatch(repair: Repair, message: OutgoingMessage): void {
    const { attempt } = repair;
    notifier.send(message).then(
      (outcome) => {
        if (repair.attempt === attempt) repair.outcome = outcome;
      },
      (error: unknown) => {
        if (repair.attempt === attempt) repair.outcome = { kind: "failed", reason: String(error), attempts: 0 };
      },
    );
  }

  async function goOn(repair: Repair, now: Instant, out: LedgerEntry[]): Promise<void> {
    if (repair.state === "sent" && repair.outcome !== undefined) await answered(repair, now, out);
    else if (repair.state === "accepted" || repair.state === "verifying") await verify(repair, now, out);
    else if (repair.state === "held" || repair.state === "proposed") await retry(repair, now, out);
  }

  async function answered(repair: Repair, now: Instant, out: LedgerEntry[]): Promise<void> {
    const outcome = repair.outcome!;
    if (outcome.kind === "failed")
      return failed(repair, "delivery", outcome.reason, { undo: false, again: true }, now, out);
    await write(repair, "accepted", "delivery", `answered ${outcome.status} at attempt ${outcome.attempts}`, now, out);
    if (repair.action.verify.length === 0) {
      repair.over = true;
      return;
    }
    repair.verification = startVerification(now);
    await write(repair, "verifying", "verification", repair.action.verify.map(({ says }) => says).join("; "), now, out);
  }

  async function verify(repair: Repair, now: Instant, out: LedgerEntry[]): Promise<void> {
    repair.verification ??= startVerification(now);
    const target = await lookAtTarget(repair.action, source, now).catch(() => undefined);
    const { maxEvidenceAge } = policyFor(repair.action, options.policies);
    const fresh = target?.newestAt !== undefined && now - target.newestAt <= maxEvidenceAge;
    const progress = await advance(repair.action, repair.verification, fresh, source, now);
    switch (progress.kind) {
      case "waiting":
        return;
      case "holds":
        repair.over = true;
        return write(repair, "verified", "verification", progress.reason, now, out);
      case "failed":
        return failed(repair, "verification", progress.reason, { undo: true, again: true }, now, out);
      case "inconclusive":
        // Blind: neither undoing nor trying again would be founded on anything.
        return failed(repair, "verification", progress.reason, { undo: false, again: false }, now, out);
    }
  }

  async function failed(
    repair: Repair,
    by: string,
    reason: string,
    next: { readonly undo: boolean; readonly again: boolean },
    now: Instant,
    out: LedgerEntry[],
  ): Promise<void> {
    await write(repair, "failed", by, reason, now, out);
    const { action } = repair;
    const connector = connectorFor(action, options.connectors);
    const undo = connector === undefined || !next.undo ? undefined : undoOf(action, connector);
    if (undo !== undefined && !killed) {
      await write(repair, "undone", "act", "asked the receiver to take it back", now, out);
      if (!killed) dispatchAside(undo);
    }
    const policy = policyFor(action, options.policies);
    if (next.again && repair.attempt < policy.attempts) {
      repair.attempt++;
      repair.action = numbered(repair.proposal, repair.attempt);
      repair.approvedBy = undefined;
      repair.verification = undefined;
      repair.heldSince = now;
      await write(repair, "proposed", "act", `attempt ${repair.attempt} of ${policy.attempts}`, now, out);
      return hold(
        repair,
        "cooldown",
        `waits ${policy.cooldown / 1000} s before the next attempt`,
        now + policy.cooldown,
        now,
        out,
      );
    }
    repair.over = true;
    if (connector !== undefined && !killed) dispatchAside(escalationOf(action, connector, reason));
  }

  /** Messages whose outcome changes nothing here. */
  function dispatchAside(message: OutgoingMessage): void {
    notifier.send(message).then(
      (outcome) => {
        if (outcome.kind === "failed")
          telemetry.log.warn("message not delivered", { id: message.id, reason: outcome.reason });
      },
      (error: unknown) => telemetry.log.error("message not delivered", { id: message.id, error: String(error) }),
    );
  }

  async function retry(repair: Repair, now: Instant, out: LedgerEntry[]): Promise<void> {
    const cooling = repair.attempt > 1 ? policyFor(repair.action, options.policies).cooldown : 0;
    if (now - repair.heldSince > heldMs + cooling) {
      repair.over = true;
      return write(
        repair,
        "held",
        "expiry",
        `not let pass in time (last held by ${repair.hold?.by ?? "nobody"})`,
        now,
        out,
      );
    }
    if (repair.hold === undefined || (repair.hold.retryAt ?? Number.POSITIVE_INFINITY) <= now)
      await decide(repair, now, out);
  }

  /** Runs work on one repair; a ledger or source that fails holds this repair and nothing else. */
  async function guarded(repair: Repair, now: Instant, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      telemetry.count("homeostat.act.errors");
      telemetry.log.error("an action waits: ledger or telemetry do not answer", {
        id: repair.action.id,
        error: String(error),
      });
      if (!isUnderWay(repair)) repair.hold = { by: "error", reason: String(error), retryAt: now + 10_000 };
    }
  }

  function forget(now: Instant): void {
    for (const [key, repair] of repairs) if (repair.over && now - repair.touchedAt > keepMs) repairs.delete(key);
  }

  return {
    propose: ({ action }, now) =>
      exclusively(async () => {
        const out: LedgerEntry[] = [];
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
        await guarded(repair, now, async () => {
          if (repair.state === "proposed") await write(repair, "proposed", "act", action.why, now, out);
          // Held: the newer thought counts, but an attempt that waits out its pause goes on waiting.
          const cooling = repair.hold?.by === "cooldown" && (repair.hold.retryAt ?? 0) > now;
          repair.proposal = action;
          repair.action = numbered(action, repair.attempt);
          if (!cooling) await decide(repair, now, out);
        });
        return out;
      }),
    step: (now) =>
      exclusively(async () => {
        const out: LedgerEntry[] = [];
        forget(now);
        for (const repair of repairs.values())
          if (!repair.over) await guarded(repair, now, () => goOn(repair, now, out));
        return out;
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
        await guarded(repair, now, () => decide(repair, now, []));
        return { kind: "approved" };
      }),
    kill(on) {
      killed = on;
      telemetry.gauge("homeostat.act.killed", on ? 1 : 0);
      telemetry.log.warn(on ? "kill switch on: nothing is sent" : "kill switch off");
    },
    restore: () =>
      exclusively(async () => {
        for (const repair of fromLedger(await records.list("actions", { limit: 1000 }))) {
          repairs.set(repair.key, repair);
          const connector = connectorFor(repair.action, options.connectors);
          // The same message id: whoever delivered it already does not deliver it twice.
          if (repair.state === "sent" && connector !== undefined && !killed)
            dispatch(repair, requestOf(repair.action, connector));
        }
      }),
    open: () =>
      [...repairs.values()]
        .filter(({ over }) => !over)
        .map(({ action, state, hold: held }) => ({ action, state, reason: held?.reason ?? "" })),
  };
}
