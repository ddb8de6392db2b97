// What receivers say of what they were asked for: written down, and heard by the next step. Only telemetry says that it helped.
import type { LedgerEntry, ReportedOutcome } from "../model/action.ts";
import type { Refused, Report, Reported } from "../model/ports/act-desk.ts";
import type { Instant } from "../model/time.ts";
import { connectorFor } from "./connectors.ts";
import type { Desk } from "./desk.ts";
import { isUnderWay, type Repair } from "./repairs.ts";

export interface Reports {
  /** Rejects when the ledger does not take it: then nothing was heard. */
  take(report: Report, now: Instant): Promise<Reported>;
}

interface Room {
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  tell(entries: readonly LedgerEntry[]): void;
  turnedAway(who: string, reason: string, now: Instant): Promise<void>;
}

/** Words of a receiver about one attempt that are written down. */
const heardMax = 8;

export function createReports(desk: Desk, room: Room): Reports {
  const { ledger, repairs, options } = desk;

  function find(key: string): { readonly repair: Repair; readonly isCurrent: boolean } | undefined {
    const attempt = /^(.+)-(\d{1,4})$/.exec(key);
    const repair = attempt === null ? undefined : repairs.get(attempt[1]!);
    if (repair === undefined || Number(attempt![2]) > repair.attempt) return undefined;
    return { repair, isCurrent: repair.action.idempotencyKey === key };
  }

  async function judge(report: Report, who: string, now: Instant): Promise<Reported> {
    const { key, outcome, says, undo, signedBy, signers } = report;
    const found = find(key);
    if (found === undefined) return refuse("unknown", `no action has the idempotency key ${key}`);
    const { repair, isCurrent } = found;
    const { action } = repair;
    const receiver = connectorFor(action, options.connectors)?.receiver;
    if (receiver !== undefined && signedBy.length > 0 && !signedBy.includes(receiver))
      return refuse("forbidden", `${who} was not asked for action ${action.id}`);
    if (receiver !== undefined && signedBy.length === 0 && signers.includes(receiver))
      return refuse("forbidden", `what ${receiver} says of action ${action.id} has to be signed with its key`);
    if (!undo) {
      if (!isCurrent) return { kind: "over", says: `attempt ${key} is over; attempt ${repair.attempt} is on` };
      if (repair.over) return { kind: "over", says: `action ${action.id} is over: ${repair.state}` };
      if (!isUnderWay(repair)) return refuse("conflict", `action ${action.id} was not sent`);
    }
    const word = `${undo ? "undo " : ""}${outcome}`;
    const heard = repair.heard.filter((one) => one.startsWith(`${key} `)).map((one) => one.slice(key.length + 1));
    if (heard.includes(word) || heard.length >= heardMax) return { kind: "known", says: `${word} is known already` };
    const last = heard.find((one) => !undo && (one === "succeeded" || one === "failed"));
    if (last !== undefined) return refuse("conflict", `${who} said before that action ${action.id} ${last}`);
    const reason = `${word}${says === "" ? "" : `: ${says}`}`;
    const reports = undo ? {} : { reports: outcome };
    const entry = await ledger.write({ action, state: "reported", at: now, by: who, reason, ...reports });
    repair.heard.push(`${key} ${word}`);
    if (!undo && outcome !== "running") repair.report = { outcome, reason: `${who} says ${reason}` };
    room.tell([entry]);
    return { kind: "noted", says: nextOf[undo ? "running" : outcome] };
  }

  return {
    take: (report, now) =>
      room.exclusively(async () => {
        const who = report.signedBy[0] ?? report.by ?? "somebody unknown";
        const answer = await judge(report, who, now);
        if (answer.kind === "refused") await room.turnedAway(who, answer.reason, now);
        return answer;
      }),
  };
}

const nextOf: Readonly<Record<ReportedOutcome, string>> = {
  running: "noted",
  failed: "the attempt is over",
  succeeded: "whether it helped is judged by telemetry from now on",
};

function refuse(why: Refused["why"], reason: string): Refused {
  return { kind: "refused", why, reason };
}
