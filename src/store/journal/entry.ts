// What the log is made of: one entry for each append, whole or not there at all.
import { crc32 } from "node:zlib";
import { z } from "zod";
import { defaultTenant, tenantPattern } from "../../model/tenant.ts";
import { encodeBlock, type Rows } from "./native-block.ts";

/** Rows of one table inside an entry. */
export interface FrameInfo {
  readonly id: bigint;
  readonly tenant: string;
  readonly table: string;
  readonly rows: number;
  /** Name and type, `_batch` and `_i` left out. */
  readonly columns: readonly (readonly [string, string])[];
  /** Where the Native block lies, from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface Entry {
  /** Unix ms of wall time. */
  readonly at: number;
  /** Request keys with the wall time they were promised at. */
  readonly keys: readonly (readonly [string, number])[];
  readonly frames: readonly FrameInfo[];
}

/** Bytes of a file that are no entry. */
export interface Damage {
  readonly start: number;
  readonly end: number;
  /** Torn: the write that made the end of the file never finished, so nobody was promised anything. */
  readonly kind: "torn" | "corrupt";
}

const magic = 0x314c5348; // "HSL1"
/** "HSL2": as HSL1, of another tenant than the default one. A version that knows no tenants must not take it for its own. */
const tenantMagic = 0x324c5348;
const headBytes = 12;

const metaSchema = z.object({
  at: z.number(),
  keys: z.array(z.tuple([z.string(), z.number()])),
  frames: z.array(
    z.object({
      id: z.string().regex(/^\d{1,20}$/),
      tenant: z.string().regex(tenantPattern).default(defaultTenant),
      table: z.string(),
      rows: z.number(),
      columns: z.array(z.tuple([z.string(), z.string()])),
      bytes: z.number(),
    }),
  ),
});

/**
 * Offsets of the frames are from the start of the entry. `[magic, length, crc32, [length of facts, facts as JSON, Native
 * block…]]`, integers little-endian of 32 bits. The two magics differ in two bits: the checksum of HSL2 begins at its magic,
 * so that neither can be taken for the other.
 */
export function encodeEntry(
  at: number,
  keys: readonly (readonly [string, number])[],
  batches: readonly Rows[],
  ids: readonly bigint[],
  tenant: string = defaultTenant,
): { readonly bytes: Buffer; readonly frames: readonly FrameInfo[] } {
  const blocks = batches.map((batch, i) => encodeBlock(batch, ids[i]!));
  const frames = batches.map((batch, i) => ({
    id: ids[i]!,
    tenant,
    table: batch.table,
    rows: batch.rows,
    columns: batch.columns.map((column) => [column.name, column.type] as const),
    bytes: blocks[i]!.length,
  }));
  const meta = Buffer.from(
    JSON.stringify({
      at,
      keys,
      frames: frames.map((frame) => ({
        ...frame,
        id: String(frame.id),
        tenant: tenant === defaultTenant ? undefined : tenant,
      })),
    }),
  );
  const size = headBytes + 4 + meta.length + blocks.reduce((sum, block) => sum + block.length, 0);
  const out = Buffer.allocUnsafe(size);
  out.writeUInt32LE(tenant === defaultTenant ? magic : tenantMagic, 0);
  out.writeUInt32LE(size - headBytes, 4);
  out.writeUInt32LE(meta.length, 12);
  meta.copy(out, 16);
  let offset = 16 + meta.length;
  const placed = frames.map((frame, i) => {
    const start = offset;
    offset += blocks[i]!.copy(out, offset);
    return { ...frame, offset: start };
  });
  out.writeUInt32LE(checksum(out, 0, size), 8);
  return { bytes: out, frames: placed };
}

/** Every whole entry of a file in order, whatever lies between them. `base` is added to the offsets of frames. */
export function decodeEntries(
  file: Buffer,
  base = 0,
): { readonly entries: readonly Entry[]; readonly damage: readonly Damage[] } {
  const entries: Entry[] = [];
  const damage: Damage[] = [];
  let at = 0;
  while (at < file.length) {
    const found = entryAt(file, at, base);
    if (found !== undefined) {
      entries.push(found.entry);
      at = found.end;
      continue;
    }
    const next = nextEntry(file, at + 1, base);
    // An unfinished write can only be the last one, and it lacks bytes; a whole one with a wrong checksum was changed.
    const kind = next === undefined && isUnfinished(file, at) ? "torn" : "corrupt";
    damage.push({ start: at, end: next ?? file.length, kind });
    at = next ?? file.length;
  }
  return { entries, damage };
}

/** Start of the next whole entry at or behind `from`. */
function nextEntry(file: Buffer, from: number, base: number): number | undefined {
  const starts = [magic, tenantMagic].flatMap((kind) => {
    const mark = Buffer.alloc(4);
    mark.writeUInt32LE(kind);
    for (let at = file.indexOf(mark, from); at >= 0; at = file.indexOf(mark, at + 1)) {
      if (entryAt(file, at, base) !== undefined) return [at];
    }
    return [];
  });
  return starts.length === 0 ? undefined : Math.min(...starts);
}

function isUnfinished(file: Buffer, at: number): boolean {
  if (file.length - at < headBytes) return true;
  // Some file systems give a grown file zeros where the write had not got to.
  if (file.subarray(at).every((byte) => byte === 0)) return true;
  return isMagic(file, at) && at + headBytes + file.readUInt32LE(at + 4) > file.length;
}

function isMagic(file: Buffer, at: number): boolean {
  const found = file.readUInt32LE(at);
  return found === magic || found === tenantMagic;
}

function checksum(file: Buffer, at: number, end: number): number {
  const kind = file.readUInt32LE(at);
  return crc32(file.subarray(at + headBytes, end), kind === magic ? 0 : kind);
}

function entryAt(file: Buffer, at: number, base: number): { entry: Entry; end: number } | undefined {
  if (file.length - at < headBytes + 4 || !isMagic(file, at)) return undefined;
  const end = at + headBytes + file.readUInt32LE(at + 4);
  if (end > file.length || checksum(file, at, end) !== file.readUInt32LE(at + 8)) return undefined;
  const metaEnd = at + 16 + file.readUInt32LE(at + headBytes);
  if (metaEnd > end) return undefined;
  const meta = parseMeta(file.toString("utf8", at + 16, metaEnd));
  if (meta === undefined) return undefined;
  let offset = base + metaEnd;
  const frames = meta.frames.map((frame) => {
    const placed = { ...frame, id: BigInt(frame.id), offset };
    offset += frame.bytes;
    return placed;
  });
  return { entry: { at: meta.at, keys: meta.keys, frames }, end };
}

function parseMeta(text: string): z.infer<typeof metaSchema> | undefined {
  try {
    return metaSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
