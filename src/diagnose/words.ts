// Sentences for the person on call.
import type { EntityId } from "../model/entity.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { RankedCause } from "../model/incident.ts";
import type { Instant } from "../model/time.ts";

/** `{{value}}` and `{{percent}}` filled in, told of the entity: `vllm-2: requests are preempted (2.1 per second)`. */
export function sentence(says: string, entity: EntityId, value: number): string {
  const filled = says
    .replaceAll("{{value}}", formatValue(value))
    .replaceAll("{{percent}}", Number.isNaN(value) ? "?" : `${formatValue(value * 100)} %`);
  return `${shortName(entity)}: ${filled}`;
}

/** A symptom without its value: what would be seen, or is not. */
export function plainSentence(says: string): string {
  return says.replace(/\s*\([^()]*\{\{\w+\}\}[^()]*\)/g, "").replace(/\s*\{\{\w+\}\}/g, "");
}

/** Three significant digits, without an exponent where people would not write one. */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return "?";
  if (!Number.isFinite(value)) return value > 0 ? "infinity" : "-infinity";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 1e15 || (rounded !== 0 && Math.abs(rounded) < 1e-6)
    ? rounded.toExponential()
    : String(rounded);
}

/** `replica:vllm-2` -> `vllm-2`: kinds are for programs. */
export function shortName(entity: EntityId): string {
  return entity.slice(entity.indexOf(":") + 1);
}

/** `2026-11-23 12:04:05 UTC` */
export function formatInstant(at: Instant): string {
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15
    ? new Date(at).toISOString().slice(0, 19).replace("T", " ").concat(" UTC")
    : "an unknown time";
}

/** What broke, where, why, since when: one sentence. */
export function summaryOf(cause: RankedCause, scope: EntityId, onset: Instant): string {
  const where =
    cause.location === scope || cause.everywhere !== undefined
      ? shortName(cause.everywhere ?? scope)
      : `${shortName(cause.location)} (${shortName(scope)})`;
  const change = cause.for.find(({ kind, ref }) => kind === "change" && ref === cause.trigger);
  const why = cause.for
    .filter(({ kind }) => kind === "signal" || kind === "anomaly")
    .slice(0, 3)
    .map(({ says }) => says.slice(says.indexOf(": ") + 2));
  const because = why.length === 0 ? "" : `: ${why.join(", ")}`;
  const trigger =
    change === undefined
      ? ""
      : `, set off by a ${change.subject} change at ${formatInstant(change.at)} (${changeText(change.says)})`;
  const code = cause.for.find(({ kind, ref }) => kind === "code" && ref !== undefined);
  const touched = code === undefined ? "" : ` Code: ${changeText(code.says)}.`;
  return `${cause.title} on ${where} since ${formatInstant(onset)}${trigger}${because}.${touched}`;
}

/** What would prove the diagnosis wrong. */
export function falsifiedBy(mode: FailureMode): string {
  const strongest = mode.symptoms
    .filter(({ absent }) => absent < 1)
    .toSorted((a, b) => a.absent - b.absent)
    .slice(0, 2)
    .map(({ says }) => plainSentence(says));
  const others = mode.discriminators.map(({ says, against }) => `${plainSentence(says)} (${against})`);
  const gone = `It is something else if the trouble goes on although this is not true any more: ${strongest.join(", or ")}`;
  return others.length === 0 ? `${gone}.` : `${gone}; or if this turns out to be true: ${others.join(", or ")}.`;
}

function changeText(says: string): string {
  const parts = says.split(": ");
  return parts.slice(2).join(": ");
}
