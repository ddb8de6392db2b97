// Signatures of the Standard Webhooks specification, version v1 (HMAC-SHA256 over `id.timestamp.body`).
import { createHmac } from "node:crypto";

const prefix = "whsec_";

/**
 * Headers that prove a message's origin and time. Several secrets give several signatures, so that a receiver can be
 * moved from one secret to the next without a gap; none give none. `atMs` is wall time: receivers refuse what is minutes old.
 */
export function signatureHeaders(
  message: { readonly id: string; readonly body: string },
  keys: readonly Uint8Array[],
  atMs: number,
): Record<string, string> {
  const timestamp = Math.floor(atMs / 1000);
  const signed = `${message.id}.${timestamp}.${message.body}`;
  const named = { "webhook-id": message.id, "webhook-timestamp": String(timestamp) };
  if (keys.length === 0) return named;
  return {
    ...named,
    "webhook-signature": keys.map((key) => `v1,${createHmac("sha256", key).update(signed).digest("base64")}`).join(" "),
  };
}

/** Key bytes of a `whsec_…` secret. Throws, without repeating the secret, on one that is not 16 to 64 bytes of base64. */
export function keyOf(secret: string, receiver: string): Uint8Array {
  if (!isSecret(secret)) {
    throw new Error(
      `receiver ${receiver}: secret must be ${prefix} followed by 16 to 64 bytes in base64 (24 or more advised)`,
    );
  }
  return bytesOf(secret);
}

/** Whether this is `whsec_` and 16 to 64 bytes in base64. */
export function isSecret(secret: string): boolean {
  const { length } = bytesOf(secret);
  return /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret) && length >= 16 && length <= 64;
}

function bytesOf(secret: string): Uint8Array {
  return Buffer.from(secret.slice(prefix.length), "base64");
}
