// Messages of span statuses: the column has no attribute key, the policy speaks of it as `span.status_message`.
import type { Bytes } from "../../model/columns/bytes.ts";
import { appendEmpty, appendText } from "../../model/columns/text.ts";
import { limits } from "../limits.ts";
import { redact, type Tally } from "../tally.ts";
import { appendShort, countText } from "../values.ts";
import { appendMasked } from "./mask-value.ts";
import { DROP, HASH, KEEP, type Redactor } from "./redactor.ts";

/** Appends the message as a row, treated as the policy says. */
export function appendMessage(
  column: Bytes,
  source: Bytes,
  message: { readonly start: number; readonly end: number },
  redactor: Redactor,
  tally: Tally,
): void {
  const { start, end } = message;
  const action = redactor.statusMessages;
  if (start === end) appendEmpty(column);
  else if (action === KEEP) countText(appendText(column, source, start, end, limits.nameBytes), tally);
  else if (action === DROP) {
    appendEmpty(column);
    redact(tally, "dropped");
  } else if (action === HASH) {
    appendShort(column, redactor.digest(source.data.subarray(start, end)));
    redact(tally, "hashed");
  } else countText(appendMasked(column, source, start, end, limits.nameBytes, tally), tally);
}
