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
  const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : "";
  const key = Buffer.from(text, "base64");
  const wellFormed = /^[A-Za-z0-9+/]+={0,2}$/.test(text) && key.length >= 16 && key.length <= 64;
  if (!wellFormed) {
    throw new Error(
      `receiver ${receiver}: secret must be ${prefix} followed by 16 to 64 bytes in base64 (24 or more advised)`,
    );
  }
  return key;
}
