// The life of a repair: decided on, written down, sent, verified, undone or tried again. Who may start what is next door.
import type { ActionState, LedgerEntry } from "../model/action.ts";
import type { Notifier, OutgoingMessage } from "../model/ports/notifier.ts";
import type { Records } from "../model/ports/records.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { type ConnectorSpec, connectorFor, escalationOf, refuseParameters, requestOf, undoOf } from "./connectors.ts";
import { lookAtTarget } from "./facts.ts";
import { type Policy, policyFor } from "./policy.ts";
import { isUnderWay, numbered, pastOf, type Repair } from "./repairs.ts";
import { passStages } from "./stages.ts";
import { advance, allHold, startVerification } from "./verification.ts";

export interface ActOptions {
  readonly policies: readonly Policy[];
  readonly connectors: readonly ConnectorSpec[];
}

export interface ActDeps {
  readonly notifier: Notifier;
  readonly records: Records;
  readonly source: SeriesSource;
  readonly telemetry: Telemetry;
}

/** Shared with the door of the room: what is in progress, and the switch. */
export interface Desk {
  readonly repairs: Map<string, Repair>;
  killed: boolean;
}

export interface Lifecycle {
  /** First entry of a repair in the ledger. */
  begin(repair: Repair, now: Instant, out: LedgerEntry[]): Promise<void>;
  /** Asks every stage, and sends if none objects. */
  decide(repair: Repair, now: Instant, out: LedgerEntry[]): Promise<void>;
  /** Whatever is next for the repair. */
  goOn(repair: Repair, now: Instant, out: LedgerEntry[]): Promise<void>;
  /** Sends the request of an attempt that is in the ledger as sent already. */
  resend(repair: Repair): void;
  /** Runs work on one repair; a ledger or source that fails holds this repair and nothing else. */
  guarded(repair: Repair, now: Instant, work: () => Promise<void>): Promise<void>;
}

/** A proposal nobody let pass in this time was about another situation. */
export const heldMs = 15 * 60_000;

export function createLifecycle(options: ActOptions, deps: ActDeps, desk: Desk): Lifecycle {
  const { notifier, records, source, telemetry } = deps;

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
        killed: desk.killed,
        ...(repair.approvedBy === undefined ? {} : { approvedBy: repair.approvedBy }),
        repair: repair.key,
        target,
        past: pastOf(desk.repairs.values()),
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
    if (desk.killed) {
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
    if (undo !== undefined && !desk.killed) {
      await write(repair, "undone", "act", "asked the receiver to take it back", now, out);
      if (!desk.killed) dispatchAside(undo);
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
    if (connector !== undefined && !desk.killed) dispatchAside(escalationOf(action, connector, reason));
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

  return {
    begin: (repair, now, out) => write(repair, "proposed", "act", repair.proposal.why, now, out),
    decide,
    goOn,
    guarded,
    resend(repair) {
      const connector = connectorFor(repair.action, options.connectors);
      if (connector !== undefined && !desk.killed) dispatch(repair, requestOf(repair.action, connector));
    },
  };
}
