// Times on the command line, as the API takes them.
import { parseDuration } from "../model/time.ts";
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
