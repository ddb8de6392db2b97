// A repair from proposal to outcome: what is next for it. Everything is written to the ledger before it happens.
import { formatDuration } from "../model/time.ts";
import { approversOf, waitsForPeople } from "./approvals.ts";
import { createBook } from "./book.ts";
import { connectorFor, requestOf } from "./connectors.ts";
import { createDecide } from "./decide.ts";
import { barred, type Desk, type Turn } from "./desk.ts";
import { createDispatch } from "./dispatch.ts";
import { isLater, isUnderWay, type Repair } from "./repairs.ts";
import { createSettle } from "./settle.ts";
import { allHold } from "./verification.ts";

export interface Lifecycle {
  /** First entry of a repair in the ledger. */
  begin(repair: Repair, turn: Turn): Promise<void>;
  /** A person says no: it is over. */
  deny(repair: Repair, by: string, reason: string, turn: Turn): Promise<void>;
  /** Asks every stage, and sends if none objects. */
  decide(repair: Repair, turn: Turn): Promise<void>;
  /** Whatever is next for the repair. */
  goOn(repair: Repair, turn: Turn): Promise<void>;
  /** Runs work on one repair; a ledger or source that fails holds this repair and nothing else. */
  guarded(repair: Repair, turn: Turn, work: () => Promise<void>): Promise<void>;
}

/** A proposal that nothing let pass in this time was about another situation. */
const heldMs = 15 * 60_000;

export function createLifecycle(desk: Desk): Lifecycle {
  const { options, deps, demotions } = desk;
  const { telemetry } = deps;
  const book = createBook(desk);
  const dispatch = createDispatch(deps);
  const decide = createDecide(desk, book, dispatch);
  const settle = createSettle(desk, book, dispatch);

  async function retry(repair: Repair, turn: Turn): Promise<void> {
    const { now } = turn;
    const policy = demotions.policyFor(repair.action);
    const waits = waitsForPeople(repair, policy);
    if (waits && isLater(repair) && (await allHold(repair.action, deps.source, now)))
      return book.recovered(repair, turn);
    const cooling = isLater(repair) ? policy.cooldown : 0;
    if (waits && now - repair.heldSince > policy.approval.ttl + cooling) {
      const { length } = approversOf(repair, policy, now);
      const reason = `not approved within ${formatDuration(policy.approval.ttl)} (${length} of ${policy.approval.quorum})`;
      await book.write(repair, "denied", "expiry", reason, turn);
      repair.over = true;
      return;
    }
    if (!waits && now - repair.heldSince > heldMs + cooling) {
      const reason = `not let pass in time (last held by ${repair.hold?.by ?? "nobody"})`;
      await book.write(repair, "held", "expiry", reason, turn);
      repair.over = true;
      return;
    }
    if (repair.hold === undefined || (repair.hold.retryAt ?? Number.POSITIVE_INFINITY) <= now)
      await decide(repair, turn);
  }

  /** What an earlier run wrote down as sent, as soon as nothing stands against it. */
  function resend(repair: Repair, { now }: Turn): void {
    const connector = connectorFor(repair.action, options.connectors);
    if (connector === undefined || barred(desk, repair.action.target, now) !== undefined) return;
    repair.resend = false;
    dispatch.attempt(repair, requestOf(repair.action, connector));
  }

  return {
    begin: (repair, turn) => book.write(repair, "proposed", "act", repair.proposal.why, turn),
    decide,
    async deny(repair, by, reason, turn) {
      await book.write(repair, "denied", by, reason, turn);
      repair.over = true;
      repair.refusedBy = by;
    },
    async goOn(repair, turn) {
      if (repair.report !== undefined && isUnderWay(repair)) {
        repair.resend = false;
        return settle.reported(repair, turn);
      }
      if (repair.resend) resend(repair, turn);
      if (repair.state === "sent" && repair.outcome !== undefined) await settle.answered(repair, turn);
      else if (repair.state === "accepted" || repair.state === "verifying") await settle.verify(repair, turn);
      else if (repair.state === "held" || repair.state === "proposed") await retry(repair, turn);
    },
    async guarded(repair, { now }, work) {
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
    },
  };
}
