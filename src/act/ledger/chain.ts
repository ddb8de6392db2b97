// Canonical JSON and SHA-256: how an entry of the ledger is sealed to the one before it.
import { createHash } from "node:crypto";
import type { LedgerEntry } from "../../model/action.ts";
import type { LedgerHead, Seal } from "../../model/ledger.ts";

export type Unsealed = Omit<LedgerEntry, keyof Seal>;
export type Sealed = Unsealed & Seal;

/** Before the first entry. */
export const chainStart: LedgerHead = { sequence: 0, hash: "0".repeat(64) };

/**
 * JSON with members sorted by their names' UTF-16 units and no white space, after RFC 8785 (JSON Canonicalization Scheme). Numbers that
 * JSON cannot write are null, as the API gives them, so that an entry has the same hash in the store and over the wire.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "number") return Number.isFinite(value) ? JSON.stringify(value) : "null";
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `${JSON.stringify(name)}:${canonicalJson(one)}`);
  return `{${members.join(",")}}`;
}

/** SHA-256 of the canonical JSON, 64 hexadecimal digits. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}

export function seal(entry: Unsealed, { sequence, hash: previous }: LedgerHead): Sealed {
  const body = { ...entry, sequence: sequence + 1, previous };
  return { ...body, hash: hashOf(body) };
}

export function isSealed(entry: LedgerEntry): entry is Sealed {
  return typeof entry.sequence === "number" && typeof entry.previous === "string" && typeof entry.hash === "string";
}

/** The hash the entry should have, were it at `sequence`. */
export function sealOf({ hash: _, ...body }: Sealed, sequence = body.sequence): string {
  return hashOf({ ...body, sequence });
}
