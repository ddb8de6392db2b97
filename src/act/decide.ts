// Whether an action may run now: every stage is asked anew right before it is sent.

import { formatDuration, type Instant } from "../model/time.ts";
import { approversOf } from "./approvals.ts";
import type { Book } from "./book.ts";
import { connectorFor, refuseParameters, requestOf } from "./connectors.ts";
import { barred, type Desk, type Turn } from "./desk.ts";
import type { Dispatch } from "./dispatch.ts";
import { type Facts, lookAtTarget } from "./facts.ts";
import { isLater, pastOf, type Repair } from "./repairs.ts";
import { passStages } from "./stages.ts";
import { allHold, readChecks } from "./verification.ts";

/** Asks every stage, and sends if none objects. */
export type Decide = (repair: Repair, turn: Turn) => Promise<void>;

export function createDecide(desk: Desk, book: Book, dispatch: Dispatch): Decide {
  const { options, deps, demotions } = desk;
  const { source } = deps;

  async function factsOf(repair: Repair, { now }: Turn): Promise<Facts> {
    const { action } = repair;
    repair.target = await lookAtTarget(action, source, now);
    const policy = demotions.policyFor(action);
    const killed = desk.killSwitch.on();
    const elsewhere = deps.elsewhere();
    const storm = stormAt(now);
    const others = [...desk.repairs.values()].filter((other) => !other.over && other !== repair);
    return {
      policy,
      ...(killed === undefined ? {} : { killed }),
      ...(elsewhere === undefined ? {} : { elsewhere }),
      ...(storm === undefined ? {} : { storm }),
      windows: options.windows,
      place: deps.placeOf(action.target),
      troubled: new Set(others.map((other) => other.proposal.target)),
      approvers: approversOf(repair, policy, now),
      repair: repair.key,
      target: repair.target,
      past: pastOf(desk.repairs.values(), deps.placeOf),
    };
  }

  function stormAt(now: Instant): string | undefined {
    const { maxIncidents, calm } = options.storm;
    const open = deps.openIncidents();
    if (open > maxIncidents) desk.stormUntil = now + calm;
    if (now >= desk.stormUntil) return undefined;
    return `${open} incidents are open, and more than ${maxIncidents} are a storm until it has been calm for ${formatDuration(calm)}`;
  }

  return async (repair, turn) => {
    const { action } = repair;
    const { now } = turn;
    const connector = connectorFor(action, options.connectors);
    if (connector === undefined)
      return book.hold(repair, { by: "connector", reason: `no connector serves ${action.kind}` }, turn);
    const refused = refuseParameters(action, connector);
    if (refused !== undefined) return book.hold(repair, { by: "parameters", reason: refused }, turn);
    const facts = await factsOf(repair, turn);
    const verdict = passStages(action, facts, now);
    if (verdict.kind === "hold") return book.hold(repair, verdict, turn);
    if (isLater(repair) && (await allHold(action, source, now))) return book.recovered(repair, turn);
    repair.hold = undefined;
    repair.outcome = undefined;
    const by = facts.approvers.length === 0 ? "act" : facts.approvers.join(" and ");
    const before = await readChecks(action, source, now);
    await book.write(repair, "sent", by, `attempt ${repair.attempt} to receiver ${connector.receiver}`, turn, {
      before,
    });
    repair.sends.push({ at: now, domain: facts.target.domain });
    // The switch may have been thrown while the ledger was written: what is not out yet stays in.
    const bar = barred(desk, action.target, now);
    if (bar !== undefined) {
      repair.sends.pop();
      return book.hold(repair, { ...bar, retryAt: now + 10_000 }, turn);
    }
    dispatch.attempt(repair, requestOf(action, connector));
  };
}
