// The door for change events: checked one by one, so that a bad one never spoils the others.

import type { ChangeEvent } from "../model/change.ts";
import { stableId } from "../model/ids.ts";
import type { ChangeLog } from "../model/ports/change-log.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Principal } from "../model/principal.ts";
import type { Instant } from "../model/time.ts";
import type { Receipt, Receipts } from "./contract.ts";
import { fromStore, placeOf, refuse } from "./problem.ts";
import { changeInput } from "./schemas.ts";

export const changesMax = 100;

/**
 * Stores the posted event or list of events. Status 202 = all taken, 207 = some. Throws a refusal when none was:
 * 400 if they are wrong, 503 if the store failed. What was taken is durable.
 */
export async function takeChanges(
  body: unknown,
  context: {
    readonly changes: ChangeLog;
    readonly principal: Principal;
    readonly now: Instant;
    readonly telemetry: Telemetry;
  },
): Promise<{ readonly status: 202 | 207; readonly receipts: Receipts }> {
  const items: readonly unknown[] = Array.isArray(body) ? body : [body];
  if (items.length === 0) throw refuse(400, "The list of change events is empty. Send at least one.");
  if (items.length > changesMax)
    throw refuse(400, `The list has ${items.length} change events. Send at most ${changesMax} at a time.`);
  const receipts: Receipt[] = [];
  for (const [index, item] of items.entries()) {
    const parsed = changeInput.safeParse(item);
    if (!parsed.success) {
      const detail = parsed.error.issues.slice(0, 5).map(sayIssue).join("; ");
      receipts.push({ index, status: 400, detail });
      context.telemetry.count("homeostat.show.dropped", 1, { reason: "bad-change" });
      continue;
    }
    const event = toEvent(parsed.data, context.principal, context.now);
    try {
      await fromStore(context.telemetry, "storing a change event", () => context.changes.add(event));
      receipts.push({ index, status: 202, id: event.id });
    } catch {
      receipts.push({ index, status: 503, detail: "could not be stored; send it again" });
    }
  }
  const ids = receipts.flatMap((receipt) => (receipt.status === 202 ? [receipt.id!] : []));
  if (ids.length > 0) return { status: ids.length === items.length ? 202 : 207, receipts: { data: receipts, ids } };
  const failed = receipts.filter((receipt) => receipt.status === 503);
  if (failed.length > 0) {
    throw refuse(503, "The store did not take the change events. Send them again.", {
      headers: { "retry-after": "5" },
    });
  }
  const errors = receipts.map((receipt) => ({
    parameter: Array.isArray(body) ? `[${receipt.index}]` : "body",
    detail: receipt.detail!,
  }));
  throw refuse(400, `No change event was taken. ${errors[0]!.parameter}: ${errors[0]!.detail}.`, { errors });
}

type Posted = ReturnType<typeof changeInput.parse>;

function toEvent(posted: Posted, principal: Principal, now: Instant): ChangeEvent {
  const at = posted.at ?? now;
  const by = posted.by ?? principal.name;
  const content = [at, posted.kind, posted.target, posted.summary, sorted(posted.before), sorted(posted.after)];
  return {
    id: posted.id ?? stableId("change", ...content),
    at,
    kind: posted.kind,
    target: posted.target,
    summary: posted.summary,
    by,
    ...(posted.before === undefined ? {} : { before: posted.before }),
    ...(posted.after === undefined ? {} : { after: posted.after }),
  };
}

function sorted(labels: Readonly<Record<string, string>> | undefined): string {
  return JSON.stringify(Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `at: must be …`, with nothing of the posted values in it but key names, shortened. */
function sayIssue(issue: { code: string; path: PropertyKey[]; message: string; keys?: string[] }): string {
  if (issue.code === "unrecognized_keys") {
    const keys = (issue.keys ?? []).slice(0, 5).map((key) => placeOf([key]));
    return `${keys.join(", ")}: is not a known key; leave it out`;
  }
  const place = placeOf(issue.path);
  return place === "" ? `must be an object (${issue.message})` : `${place}: ${issue.message}`;
}
