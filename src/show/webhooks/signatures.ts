// Proofs of who sent a webhook: HMAC-SHA256 in the forms its senders use, and shared tokens, compared in constant time.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Delivery, Verdict } from "./sender.ts";

const ok: Verdict = { ok: true };
const refused = (why: string): Verdict => ({ ok: false, why });

export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** `<prefix><hex>` over the body: GitHub's X-Hub-Signature-256, Flux's X-Signature, Databricks's. */
export function signedBody(
  { headers, body }: Delivery,
  name: string,
  prefix: string,
  secrets: readonly string[],
): Verdict {
  const given = header(headers, name);
  if (given === undefined) return refused(`the header ${name} is missing; set the secret at the sender`);
  const fits = secrets.map((secret) => same(given, prefix + createHmac("sha256", secret).update(body).digest("hex")));
  return fits.includes(true) ? ok : refused(`${name} does not fit the body and the configured secret`);
}

/** The token itself in a header. */
export function sharedToken({ headers }: Delivery, name: string, secrets: readonly string[]): Verdict {
  const given = header(headers, name);
  if (given === undefined) return refused(`the header ${name} is missing; set the secret at the sender`);
  const fits = secrets.map((secret) => same(given, secret));
  return fits.includes(true) ? ok : refused(`${name} is not the configured secret`);
}

/**
 * `v1,<base64>` over `id.timestamp.body`, as the Standard Webhooks specification has it and GitLab and MLflow do: an old delivery
 * cannot be sent again. `keyOf` makes the key of a secret: senders differ in that.
 */
export function signedWithTime(
  { headers, body }: Delivery,
  names: { readonly id: string; readonly timestamp: string; readonly signature: string },
  secrets: readonly string[],
  keyOf: (secret: string) => string | Buffer,
  nowMs: number,
  toleranceMs: number,
): Verdict {
  const id = header(headers, names.id);
  const timestamp = header(headers, names.timestamp);
  const given = header(headers, names.signature);
  if (id === undefined || timestamp === undefined || given === undefined)
    return refused(`${names.id}, ${names.timestamp} and ${names.signature} are needed; set the secret at the sender`);
  if (!/^\d{1,12}$/.test(timestamp)) return refused(`${names.timestamp} is no Unix time in seconds`);
  if (Math.abs(nowMs - Number(timestamp) * 1000) > toleranceMs)
    return refused(`${names.timestamp} is too far from this machine's time; check both clocks`);
  const offered = given.split(" ");
  const fits = secrets.map((secret) => {
    const digest = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest("base64");
    return offered.some((one) => same(one, `v1,${digest}`));
  });
  return fits.includes(true) ? ok : refused(`${names.signature} does not fit the body and the configured secret`);
}

/** Hashed first, so that neither content nor length is told by how long it takes. */
function same(a: string, b: string): boolean {
  return timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());
}
