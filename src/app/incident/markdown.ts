// A draft of a post-mortem in Markdown, with what is on record filled in and what people have to add named.
import type { RankedCause } from "../../model/incident.ts";
import { budgetText } from "./budget.ts";
import { formatAt, formatSpan } from "./print.ts";
import { type Report, words } from "./report.ts";
import type { Safeguard } from "./safeguards.ts";
import { percent } from "./timeline.ts";
import { markdown as safe } from "./untrusted.ts";

const impactMax = 20;
const causesMax = 4;

/** Text from telemetry, changes and people is escaped: it can neither mark up, nor link, nor mention, nor run. */
export function postMortem(report: Report): string {
  const { incident } = report;
  const ended = incident.resolvedAt === undefined ? "not over" : `over at ${formatAt(incident.resolvedAt)}`;
  return [
    `# Post-mortem (draft): ${safe(incident.title)}`,
    `Incident \`${incident.id.replace(/[^\w.:-]/g, "?")}\`, ${incident.severity}, began ${formatAt(incident.onset)}, ${ended}.`,
    safe(report.sentence),
    "## Impact",
    list([
      `Lasted ${formatSpan(report.durationMs)}, from the first symptom on`,
      `Touched ${incident.entities.map(safe).join(", ") || "nothing that has a name"}`,
      ...report.impact.slice(0, impactMax).map(safe),
      ...report.budgets.map((one) => safe(`Error budget: ${budgetText(one)}`)),
      ...report.budgetsMissing.map((one) => safe(`Error budget: not known; ${one}`)),
      "*To add: how many users noticed, and how*",
    ]),
    "## Timeline",
    table(
      ["when", "what", ""],
      report.timeline.map(({ at, kind, text }) => [formatAt(at), kind, safe(text)]),
    ),
    "## Cause",
    ...causesOf(report),
    ...(report.requests.length === 0 ? [] : ["## Which requests it is", list(report.requests.map(safe))]),
    "## What would prove it wrong",
    safe(report.falsifiedBy) || "Nothing is diagnosed, so there is nothing to refute.",
    "## What was changed before",
    `${safe(report.changes.says)}.`,
    "## What was done",
    report.done.length === 0 ? "Nothing by Homeostat." : list(report.done.map(safe)),
    "*To add: what people did*",
    "## Prevention",
    safe(report.prevention ?? "") || "The catalogue has no advice while the cause is not known.",
    ...report.safeguards.flatMap(safeguardText),
    "## Open questions",
    report.questions.length === 0 ? "None that Homeostat knows of." : list(report.questions.map(safe)),
    "",
  ].join("\n\n");
}

function causesOf({ causes, explanation, path, undecided, missing }: Report): readonly string[] {
  if (causes.length === 0) return ["Not known: nothing in the catalogue explains enough of what was seen."];
  const told = causes.slice(0, causesMax).map((cause, i) => causeText(cause, i === 0 ? explanation : undefined));
  const steps = path.map(({ id, state, evidence }) => {
    return `${safe(words(id))} (${state})${evidence === undefined ? "" : `: ${safe(evidence.says)}`}`;
  });
  const unknown = [
    ...(undecided === undefined
      ? []
      : [`whether it is ${undecided.title}: not known whether ${undecided.missing.join(", or whether ")}`]),
    ...missing.map((one) => `whether ${one}`),
  ];
  return [
    ...told,
    ...(steps.length === 0 ? [] : ["### How it came about", list(steps)]),
    ...(unknown.length === 0 ? [] : ["### What cannot be told from what is measured", list(unknown.map(safe))]),
  ];
}

function causeText(cause: RankedCause, explanation: string | undefined): string {
  const { title, code, probability, location, everywhere } = cause;
  return [
    `### ${percent(probability)}: ${safe(title)} (${safe(code)}) on ${safe(everywhere ?? location)}`,
    ...(explanation === undefined ? [] : [safe(explanation)]),
    list([
      ...cause.for.map(({ says }) => `for: ${safe(says)}`),
      ...cause.against.map(({ says }) => `against: ${safe(says)}`),
    ]),
  ].join("\n\n");
}

/** The text is ours but for names, which are quoted; nothing in it can end the fence. */
function safeguardText({ kind, says, yaml }: Safeguard): readonly string[] {
  return [`**Proposed ${kind}**: ${safe(says)}`, `\`\`\`yaml\n${yaml.replaceAll("`", "'")}\n\`\`\``];
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
