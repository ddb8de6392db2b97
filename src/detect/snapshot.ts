// A detection's whole state as bytes: named parts of bytes beside plain facts.
import type { Telemetry } from "../model/ports/telemetry.ts";

export interface Parts {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly bytes: ReadonlyMap<string, Uint8Array>;
}

const version = 1;

export function packParts(parts: Parts): Uint8Array {
  const lengths = [...parts.bytes].map(([name, bytes]) => [name, bytes.length]);
  const text = new TextEncoder().encode(JSON.stringify({ version, facts: parts.facts, lengths }));
  const out = new Uint8Array(4 + text.length + [...parts.bytes.values()].reduce((sum, bytes) => sum + bytes.length, 0));
  new DataView(out.buffer).setUint32(0, text.length, true);
  out.set(text, 4);
  let offset = 4 + text.length;
  for (const bytes of parts.bytes.values()) {
    out.set(bytes, offset);
    offset += bytes.length;
  }
  return out;
}

/** The parts of an earlier run; bytes that are none are counted and left alone, with a warning. */
export function readParts(bytes: Uint8Array, telemetry: Telemetry): Parts | undefined {
  const parts = unpackParts(bytes);
  if (parts !== undefined) return parts;
  telemetry.count("homeostat.detect.dropped", 1, { reason: "snapshot-unreadable" });
  telemetry.log.warn("the detection snapshot cannot be read: baselines start anew", { bytes: bytes.length });
  return undefined;
}

/** What takes up an earlier run's part of the facts; false if it is none. */
export type Restore = (saved: unknown) => boolean;

/** Hands each part of the facts to whom it belongs to; what is refused is counted and told, and begins fresh. */
export function takeFacts(parts: Parts | undefined, by: Readonly<Record<string, Restore>>, telemetry: Telemetry): void {
  for (const [part, restore] of Object.entries(by)) {
    const saved = parts?.facts[part];
    if (saved === undefined || restore(saved)) continue;
    telemetry.count("homeostat.detect.dropped", 1, { reason: `snapshot-${part}` });
    telemetry.log.warn(`the ${part} in the snapshot of detection cannot be read: they begin fresh`);
  }
}

/** The inverse of {@link packParts}; undefined for bytes of another version or that are not whole. */
export function unpackParts(all: Uint8Array): Parts | undefined {
  if (all.length < 4) return undefined;
  const textLength = new DataView(all.buffer, all.byteOffset).getUint32(0, true);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + textLength)));
  } catch {
    return undefined;
  }
  if (!isHead(parsed)) return undefined;
  const bytes = new Map<string, Uint8Array>();
  let offset = 4 + textLength;
  for (const entry of parsed.lengths) {
    if (!Array.isArray(entry) || typeof entry[0] !== "string" || !Number.isSafeInteger(entry[1])) return undefined;
    const end = offset + Number(entry[1]);
    if (end < offset || end > all.length) return undefined;
    bytes.set(entry[0], all.slice(offset, end));
    offset = end;
  }
  return { facts: parsed.facts, bytes };
}

function isHead(value: unknown): value is { facts: Record<string, unknown>; lengths: unknown[] } {
  if (typeof value !== "object" || value === null) return false;
  if (!("version" in value && value.version === version)) return false;
  if (!("facts" in value && typeof value.facts === "object" && value.facts !== null)) return false;
  return "lengths" in value && Array.isArray(value.lengths);
}
