// Repairs that are not over, as people who decide about them see them.
import type { OpenAction } from "../model/ports/act-desk.ts";
import { bindingOf, waitsForPeople } from "./approvals.ts";
import type { Desk } from "./desk.ts";

export function openActions({ repairs, demotions }: Desk): readonly OpenAction[] {
  return [...repairs.values()]
    .filter(({ over }) => !over)
    .map((repair) => {
      const { action, state, hold, approvals, heldSince } = repair;
      const { approval, ...policy } = demotions.policyFor(action);
      const hash = bindingOf(action);
      const approvedBy = [...approvals].filter(([, { binding }]) => binding === hash).map(([name]) => name);
      const waits = { approvedBy, needed: approval.quorum, until: heldSince + approval.ttl };
      return {
        ...{ action, state, reason: hold?.reason ?? "", hash },
        ...(hold === undefined ? {} : { heldBy: hold.by }),
        ...(waitsForPeople(repair, { ...policy, approval }) ? { waits } : {}),
      };
    });
}
