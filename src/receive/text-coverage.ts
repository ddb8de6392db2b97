// Notes with each span and log record whether a model's work brought its text, for the request's tally.
import type { Ledger } from "./privacy/ledger.ts";
import type { Request } from "./request.ts";

const RESOURCES_MAX = 64;
const NAME_MAX = 128;
/** Service of what is beyond the limit. */
export const OTHER = "other";
const decoder = new TextDecoder();

/** Counts the span or log record just decoded, if it is a model call or text came in it. */
export function noteTextCoverage(request: Request, ledger: Ledger): void {
  if (!ledger.isModelCall && !ledger.sawText) return;
  const { origin, tally } = request;
  const { textCoverage } = tally;
  let entry = textCoverage.at(-1);
  if (entry === undefined || (entry.serial !== origin.resourceSerial && textCoverage.length < RESOURCES_MAX)) {
    const isLast = textCoverage.length === RESOURCES_MAX - 1;
    const { start, end } = origin.serviceText;
    const service = isLast
      ? OTHER
      : decoder.decode(origin.service.data.subarray(start, Math.min(end, start + NAME_MAX)));
    entry = { service, withText: 0, withoutText: 0, serial: origin.resourceSerial };
    textCoverage.push(entry);
  }
  if (ledger.sawText) entry.withText++;
  else entry.withoutText++;
}
