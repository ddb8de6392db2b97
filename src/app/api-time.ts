// Times on the command line, as the API takes them.
import { type Instant, parseDuration, type TimeRange } from "../model/time.ts";
import { usageError } from "./command.ts";

/** `6h` (ago), `now`, RFC 3339 or Unix ms, as a query parameter. Throws a usage error that names the option. */
export function apiTime(option: string, text: string): string {
  const ago = text.replace(/^-/, "");
  if (parseDuration(ago) !== undefined && !/^\d+$/.test(ago)) return `-${ago}`;
  if (text === "now" || /^\d{13}$/.test(text)) return text;
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw usageError(`${option}: ${JSON.stringify(text)} is no time; write 2026-11-24T08:00:00Z or 6h`);
  return String(at);
}

export const rangeHelp = `  --from TIME       first instant: 2026-11-24T08:00:00Z, or how long ago: 6h, 3d (default 24h)
  --to TIME         end (default now)`;

export const rangeOptions = { from: { type: "string" }, to: { type: "string" } } as const;

/** `from` and `to` as parameters, those that were given. */
export function rangeParameters(values: { readonly from?: string | undefined; readonly to?: string | undefined }) {
  return {
    ...(values.from === undefined ? {} : { from: apiTime("--from", values.from) }),
    ...(values.to === undefined ? {} : { to: apiTime("--to", values.to) }),
  };
}

/** The same for a command that reads history itself. Throws a usage error. */
export function rangeOf(from: string | undefined, to: string | undefined, now: Instant): TimeRange {
  if (from === undefined) throw usageError("say from when: --from 2026-11-24T08:00:00Z, or --from 6h");
  const range = { from: instantOf("--from", from, now), to: to === undefined ? now : instantOf("--to", to, now) };
  if (range.from >= range.to) throw usageError("--from must be before --to");
  return range;
}

function instantOf(option: string, text: string, now: Instant): Instant {
  if (text === "now") return now;
  const ago = parseDuration(text.replace(/^-/, ""));
  const at = ago === undefined ? Date.parse(text) : now - ago;
  if (Number.isNaN(at))
    throw usageError(`${option}: ${JSON.stringify(text)} is no time; write 2026-11-24T08:00:00Z or 6h`);
  return at;
}
