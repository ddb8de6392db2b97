// An incident told on a terminal.
import type { Evidence } from "../../model/evidence.ts";
import type { Incident } from "../../model/incident.ts";
import { formatDuration, type Instant } from "../../model/time.ts";
import type { Io } from "../command.ts";
import { budgetText } from "./budget.ts";
import { type Report, words } from "./report.ts";
import { percent } from "./timeline.ts";
import { plain } from "./untrusted.ts";

const evidenceMax = 8;
const causesMax = 4;

export function printReport(report: Report, io: Io): void {
  const { incident, causes, path, undecided, missing, changes, budgets, done } = report;
  const say = (text: string): void => io.out(plain(text));
  const item = (text: string): void => io.out(`  ${plain(text)}`);
  say(`${incident.id}  ${incident.state}, ${incident.severity}, ${formatSpan(report.durationMs)}`);
  say(report.sentence);

  io.out("");
  say("what happened");
  for (const { at, kind, text } of report.timeline) item(`${formatAt(at)}  ${kind.padEnd(9)}  ${text}`);

  io.out("");
  say(causes.length === 0 ? "nothing is diagnosed" : "causes, likeliest first");
  for (const cause of causes.slice(0, causesMax)) {
    const where = cause.everywhere === undefined ? cause.location : `${cause.everywhere}, most on ${cause.location}`;
    item(`${percent(cause.probability).padStart(5)}  ${cause.title} (${cause.code}) on ${where}`);
    for (const one of cause.for.slice(0, evidenceMax)) item(`       + ${said(one)}`);
    for (const one of cause.against.slice(0, evidenceMax)) item(`       - ${said(one)}`);
  }

  if (path.length > 0) {
    io.out("");
    say("how it came about");
    for (const { id, state, evidence } of path)
      item(`${state.padEnd(8)}  ${words(id)}${evidence === undefined ? "" : `: ${said(evidence)}`}`);
  }
  if (report.requests.length > 0) {
    io.out("");
    say("which requests it is");
    for (const one of report.requests) item(one);
  }
  if (undecided !== undefined || missing.length > 0) {
    io.out("");
    say("what cannot be told");
    if (undecided !== undefined)
      item(`whether it is ${undecided.title} instead: not known whether ${undecided.missing.join(", or whether ")}`);
    for (const one of missing) item(`nothing measures whether ${one}`);
  }
  io.out("");
  say(`changes: ${changes.says}`);
  for (const one of budgets) say(`error budget: ${budgetText(one)}`);
  for (const one of report.budgetsMissing) say(`error budget: not known; ${one}`);
  if (report.falsifiedBy !== "") say(`what would prove it wrong: ${report.falsifiedBy}`);
  say(done.length === 0 ? "done: nothing by Homeostat" : "done:");
  for (const one of done) item(one);
  for (const { kind, says, yaml } of report.safeguards) {
    io.out("");
    say(`proposed ${kind}: ${says}`);
    for (const line of yaml.split("\n")) item(line);
  }
}

/** The newest incidents, one a line. */
export function printList(incidents: readonly Incident[], io: Io): void {
  if (incidents.length === 0) io.out("there is no incident on record");
  for (const { id, state, severity, onset, title } of incidents)
    io.out(plain(`${id}  ${formatAt(onset)}  ${state.padEnd(10)}  ${severity.padEnd(8)}  ${title}`));
}

/** `2026-11-23 12:04:05Z` */
export function formatAt(at: Instant): string {
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15
    ? `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z`
    : "at an unknown time";
}

export function formatSpan(ms: number): string {
  return formatDuration(Math.round(ms / 1000) * 1000);
}

function said({ says }: Evidence): string {
  return says;
}
