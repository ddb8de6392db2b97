// Who lets a held action pass: people with the role, other than its author, as many as the policy asks for, in time, and for
// exactly what is sent.
import type { Action } from "../model/action.ts";
import type { Refused } from "../model/ports/act-desk.ts";
import type { Records } from "../model/ports/records.ts";
import type { Principal } from "../model/principal.ts";
import type { Instant } from "../model/time.ts";
import { hashOf } from "./ledger/chain.ts";
import type { Policy } from "./policy.ts";
import type { Repair } from "./repairs.ts";

/** What is approved is exactly what runs: kind, target and parameters. */
export function bindingOf({ kind, target, parameters }: Action): string {
  return hashOf({ kind, target, parameters });
}

/** Names of those whose approval counts now, in the order they gave it. */
export function approversOf(repair: Repair, { approval }: Policy, now: Instant): readonly string[] {
  const binding = bindingOf(repair.action);
  return [...repair.approvals]
    .filter(([, given]) => given.binding === binding && now - given.at <= approval.ttl)
    .map(([name]) => name);
}

/** Whether the action waits for people. */
export function waitsForPeople({ state, over, hold, action }: Repair, { mode }: Policy): boolean {
  const asks = hold?.by === "mode" || hold?.by === "safety";
  return !over && state === "held" && asks && (mode === "approve" || mode === "auto") && action.safety !== "N";
}

export function mayDecide(principal: Principal): boolean {
  return principal.roles.some((role) => role === "approver" || role === "admin");
}

/** Why this person cannot approve what the hash stands for; undefined if they can. */
export async function refuseApproval(
  { principal, hash }: { readonly principal: Principal; readonly hash: string },
  repair: Repair,
  policy: Policy,
  records: Records,
  now: Instant,
): Promise<Refused | undefined> {
  const { action } = repair;
  const conflict = (reason: string): Refused => ({ kind: "refused", why: "conflict", reason });
  if (policy.mode === "observe" || policy.mode === "propose")
    return conflict(`the policy for action ${action.id} is to ${policy.mode} only`);
  if (!waitsForPeople(repair, policy)) return conflict(`action ${action.id} does not wait for approval`);
  if (hash !== bindingOf(action))
    return conflict(`what was approved is not what would run: the hash of action ${action.id} is another`);
  if (now - repair.heldSince > policy.approval.ttl)
    return conflict(`action ${action.id} has waited too long; the situation is another`);
  const authors = await authorsOf(action, records);
  if (authors.some((author) => sameName(author, principal.name)))
    return {
      ...{ kind: "refused", why: "forbidden" },
      reason: `${principal.name} is the author of what action ${action.id} is about: somebody else has to approve`,
    };
  if (approversOf(repair, policy, now).some((name) => sameName(name, principal.name)))
    return conflict(`${principal.name} has approved action ${action.id} already`);
  return undefined;
}

/** Of the proposal, and of the change that would be taken back. Rejects when the changes cannot be read. */
async function authorsOf(action: Action, records: Records): Promise<readonly string[]> {
  const change = action.parameters["change"];
  const found = change === undefined ? [] : await records.list("changes", { id: change, limit: 1 });
  return [action.author, ...found.map(({ by }) => by)].filter((name) => name !== undefined);
}

function sameName(a: string, b: string): boolean {
  return a.trim().toLowerCase() === b.trim().toLowerCase();
}
