// Signatures of incoming webhooks, after the Standard Webhooks specification.
import { createHmac, timingSafeEqual } from "node:crypto";

export interface WebhookHeaders {
  readonly id: string | undefined;
  /** Unix seconds. */
  readonly timestamp: string | undefined;
  /** Space-separated `v1,<base64>` entries: several while a secret is being rotated. */
  readonly signature: string | undefined;
}

export type Verification =
  | { readonly kind: "genuine"; readonly id: string }
  | { readonly kind: "forged"; readonly reason: string };

const toleranceMs = 5 * 60_000;
/** Shorter keys can be guessed. */
const keyBytesMin = 16;

/** Throws a RangeError unless the secret is `whsec_` and the base64 of at least 16 bytes. */
export function checkSecret(secret: string): void {
  if (!/^whsec_[A-Za-z0-9+/]+=*$/.test(secret) || keyOf(secret).length < keyBytesMin) {
    throw new RangeError(`the webhook secret must be whsec_ followed by the base64 of at least ${keyBytesMin} bytes`);
  }
}

/** `secret` is `whsec_<base64>`; `nowMs` is wall time. Compares in constant time. */
export function verifyWebhook(headers: WebhookHeaders, body: Buffer, secret: string, nowMs: number): Verification {
  const { id, timestamp, signature } = headers;
  if (!id || !timestamp || !signature) {
    return forged("webhook-id, webhook-timestamp and webhook-signature are needed");
  }
  if (!/^\d{1,12}$/.test(timestamp)) return forged("webhook-timestamp must be Unix seconds");
  if (Math.abs(nowMs - Number(timestamp) * 1000) > toleranceMs) {
    return forged("webhook-timestamp is more than 5 minutes off");
  }
  const expected = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest();
  for (const entry of signature.split(" ").slice(0, 16)) {
    if (!entry.startsWith("v1,")) continue;
    const given = Buffer.from(entry.slice(3), "base64");
    if (given.length === expected.length && timingSafeEqual(given, expected)) return { kind: "genuine", id };
  }
  return forged("no signature matches");
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.replace(/^whsec_/, ""), "base64");
}

function forged(reason: string): Verification {
  return { kind: "forged", reason };
}
