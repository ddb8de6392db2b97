// A message as a CloudEvent 1.0 in structured JSON, with all that is thought of its incident.
import type { Diagnosis } from "../model/incident.ts";
import type { OutgoingMessage } from "../model/ports/notifier.ts";

/** What most brokers take; the specification asks them for 64 KiB, and says that more may be taken. */
const bytesMax = 200_000;
/** What is left of a diagnosis that does not fit: the likeliest causes, and the strongest evidence of each. */
const leanest = { causes: 3, evidence: 5 };

/**
 * `id` is the idempotency key of what is asked for, so that `source` and `id` name it once however often it is delivered; everything
 * else is named by its message. `source` is a URI of ours, `subject` what it is about, `type` in reverse-DNS form.
 */
export function cloudEventOf(message: OutgoingMessage, at: number, source: string): string {
  const { id, type, data, diagnosis } = message;
  const { idempotencyKey, target } = data;
  const isRequest = message.change !== undefined && message.change.undo !== true;
  const subject = typeof target === "string" && target !== "" ? { subject: target } : {};
  const event = (content: object): string =>
    JSON.stringify({
      specversion: "1.0",
      id: isRequest && typeof idempotencyKey === "string" && idempotencyKey !== "" ? idempotencyKey : id,
      source,
      type: `io.homeostat.${type}`,
      ...subject,
      time: new Date(at).toISOString(),
      datacontenttype: "application/json",
      data: content,
    });
  if (diagnosis === undefined) return event(data);
  const whole = event({ ...data, diagnosis });
  return Buffer.byteLength(whole) <= bytesMax ? whole : event({ ...data, diagnosis: lean(diagnosis) });
}

function lean(diagnosis: Diagnosis): Diagnosis & { readonly truncated: true } {
  const causes = diagnosis.causes.slice(0, leanest.causes).map(({ path: _path, ...cause }) => ({
    ...cause,
    for: cause.for.slice(0, leanest.evidence),
    against: cause.against.slice(0, leanest.evidence),
  }));
  return { ...diagnosis, causes, truncated: true };
}
