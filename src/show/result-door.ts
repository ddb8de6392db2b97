// Proof of a result that a receiver sends: signed with its key, now, and not something else under an id that was there before.
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { DurationMs, Instant } from "../model/time.ts";
import { header, signedWithTime } from "./webhooks/signatures.ts";

export interface ResultDoor {
  /** Names of the receivers that have a key. */
  readonly signers: readonly string[];
  /** Whether it is for a signature to say who sent it. */
  isSigned(headers: IncomingHttpHeaders): boolean;
  judge(delivery: { readonly headers: IncomingHttpHeaders; readonly body: Buffer }, now: Instant): Proof;
  /** To be called once what it says is durable: from then on the same is known, and something else under its id refused. */
  remember(proof: Proof & { readonly kind: "signed" }, now: Instant): void;
}

export type Proof =
  | {
      readonly kind: "signed";
      /** Receivers that have the key. */
      readonly by: readonly string[];
      readonly id: string;
      readonly digest: string;
      /** The very same was taken before. */
      readonly again: boolean;
    }
  | { readonly kind: "refused"; readonly status: 401 | 409; readonly why: string };

/** How far the signed time may be from this machine's wall clock, either way. */
export const resultToleranceMs: DurationMs = 5 * 60_000;
const idsMax = 10_000;
const names = { id: "webhook-id", timestamp: "webhook-timestamp", signature: "webhook-signature" };

/** `secrets`: `whsec_…` by receiver; several while one is exchanged for the next. */
export function createResultDoor(secrets: Readonly<Record<string, readonly string[]>>): ResultDoor {
  const keyed = Object.entries(secrets).filter(([, its]) => its.length > 0);
  /** By id, for as long as its signature could be sent again. */
  const taken = new Map<string, { readonly digest: string; readonly until: Instant }>();
  return {
    signers: keyed.map(([name]) => name),
    isSigned: (headers) => keyed.length > 0 && header(headers, names.signature) !== undefined,
    judge(delivery, now) {
      const verdicts = keyed.map(([name, its]) => ({
        name,
        verdict: signedWithTime(delivery, names, its, keyOf, now, resultToleranceMs),
      }));
      const by = verdicts.filter(({ verdict }) => verdict.ok).map(({ name }) => name);
      const why = verdicts.map(({ verdict }) => (verdict.ok ? "" : verdict.why)).find((text) => text !== "");
      if (by.length === 0) return { kind: "refused", status: 401, why: why ?? "no receiver has a key" };
      const id = header(delivery.headers, names.id)!;
      const digest = createHash("sha256").update(delivery.body).digest("hex");
      const known = taken.get(id);
      if (known !== undefined && known.until > now && known.digest !== digest)
        return { kind: "refused", status: 409, why: "something else was said under this webhook-id" };
      return { kind: "signed", by, id, digest, again: known !== undefined && known.until > now };
    },
    remember({ id, digest }, now) {
      taken.delete(id);
      taken.set(id, { digest, until: now + 2 * resultToleranceMs });
      if (taken.size > idsMax) taken.delete(taken.keys().next().value!);
    },
  };
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.replace(/^whsec_/, ""), "base64");
}
