// What became of an attempt: delivered or not, verified or not, and what follows from that.

import type { Book, Details } from "./book.ts";
import { connectorFor, escalationOf, undoOf } from "./connectors.ts";
import { barred, type Desk, type Turn } from "./desk.ts";
import type { Dispatch } from "./dispatch.ts";
import { lookAtTarget } from "./facts.ts";
import { newRepair, numbered, type Repair } from "./repairs.ts";
import { advance, type Progress, readChecks, startVerification } from "./verification.ts";
import { attribute } from "./verify/attribution.ts";

export interface Settle {
  /** Delivery has ended. */
  answered(repair: Repair, turn: Turn): Promise<void>;
  /** The receiver has said what became of it. */
  reported(repair: Repair, turn: Turn): Promise<void>;
  /** Looks at the checks once more. */
  verify(repair: Repair, turn: Turn): Promise<void>;
}

interface Failure extends Details {
  readonly by: "delivery" | "receiver" | "verification";
  readonly reason: string;
  readonly undo: boolean;
  readonly again: boolean;
}

export function createSettle(desk: Desk, book: Book, dispatch: Dispatch): Settle {
  const { options, deps, demotions } = desk;
  const { source } = deps;

  /** People are told in a freeze too; what changes the fleet is not sent then. */
  const mayTell = (): boolean => desk.killSwitch.on() === undefined && deps.elsewhere() === undefined;

  async function failed(repair: Repair, failure: Failure, turn: Turn): Promise<void> {
    const { by, reason, undo, again, ...details } = failure;
    await book.write(repair, "failed", by, reason, turn, details);
    const { action } = repair;
    const connector = connectorFor(action, options.connectors);
    const taking = connector === undefined || !undo ? undefined : undoOf(action, connector);
    const may = (): boolean => barred(desk, action.target, turn.now) === undefined;
    if (taking !== undefined && may()) {
      await book.write(repair, "undone", "act", "asked the receiver to take it back", turn);
      if (may()) dispatch.undo(repair, taking);
    }
    const policy = demotions.policyFor(action);
    if (again && repair.attempt < policy.attempts) return tryAgain(repair, policy.attempts, policy.cooldown, turn);
    repair.over = true;
    if (again) await climb(repair, turn);
    if (connector !== undefined && mayTell()) dispatch.aside(escalationOf(action, connector, reason));
  }

  async function tryAgain(repair: Repair, attempts: number, cooldown: number, turn: Turn): Promise<void> {
    repair.attempt++;
    repair.action = numbered(repair.proposal, repair.attempt);
    repair.approvals.clear();
    repair.verification = undefined;
    repair.heldSince = turn.now;
    await book.write(repair, "proposed", "act", `attempt ${repair.attempt} of ${attempts}`, turn);
    const reason = `waits ${cooldown / 1000} s before the next attempt`;
    await book.hold(repair, { by: "cooldown", reason, retryAt: turn.now + cooldown }, turn);
  }

  /** The next of the ladder, which every stage is asked about like any other; after the pause that its policy sets. */
  async function climb({ action: tried, otherwise: [next, ...otherwise] }: Repair, turn: Turn): Promise<void> {
    if (next === undefined || desk.repairs.has(next.idempotencyKey)) return;
    const rung = newRepair(next, turn.now, { otherwise, follows: true });
    desk.repairs.set(rung.key, rung);
    await book.write(rung, "proposed", "act", `next of the ladder: ${tried.kind} did not help`, turn);
    const { cooldown } = demotions.policyFor(next);
    const reason = `waits ${cooldown / 1000} s to see what ${tried.kind} leaves`;
    await book.hold(rung, { by: "cooldown", reason, retryAt: turn.now + cooldown }, turn);
  }

  /** The checks hold; whether that is the repair's doing, and at nobody's cost, is another question. */
  async function holds(repair: Repair, { reason, since }: Extract<Progress, { kind: "holds" }>, turn: Turn) {
    const { now } = turn;
    const { action } = repair;
    const sentAt = repair.sends.at(-1)?.at ?? repair.verification?.startedAt ?? now;
    const others = [...desk.repairs.values()].filter((other) => other !== repair);
    const touched = new Set(
      others
        .filter(({ sends }) => sends.some(({ at }) => at >= (action.troubleSince ?? at)))
        .map(({ proposal }) => proposal.target),
    );
    const { kind, says, figures } = await attribute(
      { action, sentAt, holdsSince: since, watchMs: demotions.policyFor(action).watch, touched },
      source,
      now,
    );
    if (kind === "early") return;
    const withinMs = Math.max(...action.verify.map((check) => check.withinMs));
    if (kind === "worse" && now - (repair.verification?.startedAt ?? now) < withinMs) return;
    const after = await readChecks(action, source, now);
    const details = { after, ...(figures.length === 0 ? {} : { compared: figures }) };
    const by = "verification";
    if (kind === "worse") {
      repair.verdict = "inconclusive";
      const half = `its checks hold (${reason}), but ${says}`;
      return failed(repair, { by, reason: half, undo: false, again: false, ...details, verdict: "inconclusive" }, turn);
    }
    if (kind === "harmed") {
      repair.verdict = "fail";
      const harm = `its checks hold (${reason}), but ${says}`;
      turn.out.push(...(await demotions.demote(action, harm, now)));
      return failed(repair, { by, reason: harm, undo: true, again: false, ...details, verdict: "fail" }, turn);
    }
    repair.verdict = kind === "shared" ? "inconclusive" : "success";
    const why =
      kind === "shared"
        ? `it is well again, but not shown to be for this: ${says}`
        : kind === "own"
          ? says
          : `not compared: ${says}`;
    await book.write(repair, "verified", by, `${reason}; ${why}`, turn, { ...details, verdict: repair.verdict });
    repair.over = true;
  }

  /** It was taken, so it is judged from now on. Where nothing would judge it, it is over. */
  async function begin(repair: Repair, turn: Turn): Promise<void> {
    if (repair.action.verify.length === 0) {
      repair.over = true;
      return;
    }
    repair.verification = startVerification(turn.now);
    const checks = repair.action.verify.map(({ says }) => says).join("; ");
    await book.write(repair, "verifying", "verification", checks, turn);
  }

  return {
    async reported(repair, turn) {
      const { outcome, reason } = repair.report!;
      const next = { by: "receiver", reason, undo: false, again: true } as const;
      if (outcome === "failed") await failed(repair, next, turn);
      else {
        if (repair.state === "sent") await book.write(repair, "accepted", "receiver", reason, turn);
        await begin(repair, turn);
      }
      repair.report = undefined;
    },
    async answered(repair, turn) {
      const outcome = repair.outcome!;
      if (outcome.kind === "failed")
        return failed(repair, { by: "delivery", reason: outcome.reason, undo: false, again: true }, turn);
      await book.write(
        repair,
        "accepted",
        "delivery",
        `answered ${outcome.status} at attempt ${outcome.attempts}`,
        turn,
      );
      await begin(repair, turn);
    },
    async verify(repair, turn) {
      const { now } = turn;
      const { action } = repair;
      repair.verification ??= startVerification(now);
      const target = await lookAtTarget(action, source, now).catch(() => undefined);
      const { maxEvidenceAge } = demotions.policyFor(action);
      const fresh = target?.newestAt !== undefined && now - target.newestAt <= maxEvidenceAge;
      const progress = await advance(action, repair.verification, fresh, source, now);
      if (progress.kind === "waiting") return;
      if (progress.kind === "holds") return holds(repair, progress, turn);
      const after = await readChecks(action, source, now);
      const { reason } = progress;
      repair.verdict = progress.kind === "failed" ? "fail" : "inconclusive";
      switch (progress.kind) {
        case "failed": {
          turn.out.push(...(await desk.demotions.demote(action, reason, now)));
          const next = { undo: true, again: true, after, verdict: "fail" } as const;
          return failed(repair, { by: "verification", reason, ...next }, turn);
        }
        case "inconclusive": {
          // Blind: neither undoing nor trying again would be founded on anything.
          const next = { undo: false, again: false, after, verdict: "inconclusive" } as const;
          return failed(repair, { by: "verification", reason, ...next }, turn);
        }
      }
    },
  };
}
