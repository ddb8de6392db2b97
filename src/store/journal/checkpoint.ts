// How far each table is stored, kept beside the log. Losing it costs reading back, never a row.
import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

export interface Checkpoint {
  /** Highest id given out. */
  lastId: bigint;
  /** Rows of a table are stored through this id. */
  readonly tables: Map<string, bigint>;
}

const id = z.string().regex(/^\d{1,20}$/);
const schema = z.object({ lastId: id, tables: z.record(z.string(), id) });

/** What the file says; nothing if it is missing or damaged. */
export function readCheckpoint(directory: string): Checkpoint {
  try {
    const { lastId, tables } = schema.parse(JSON.parse(readFileSync(join(directory, "checkpoint.json"), "utf8")));
    const entries = Object.entries(tables).map(([table, through]) => [table, BigInt(through)] as const);
    return { lastId: BigInt(lastId), tables: new Map(entries) };
  } catch {
    return { lastId: 0n, tables: new Map() };
  }
}

/** `durable`: the file survives a power cut once resolved. */
export async function writeCheckpoint(
  directory: string,
  { lastId, tables }: Checkpoint,
  durable = false,
): Promise<void> {
  const text = JSON.stringify({
    lastId: String(lastId),
    tables: Object.fromEntries([...tables].map(([table, through]) => [table, String(through)])),
  });
  const file = join(directory, "checkpoint.json");
  const handle = await open(`${file}.new`, "w", 0o600);
  try {
    await handle.writeFile(text);
    if (durable) await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
  if (!durable) return;
  const folder = await open(directory, "r");
  await folder.sync().finally(() => folder.close());
}

/** A name for this spool that stays, so that statements it left behind on a server are recognised. */
export function spoolIdOf(directory: string): string {
  const file = join(directory, "id");
  try {
    const found = readFileSync(file, "utf8");
    if (/^[0-9a-f-]{36}$/.test(found)) return found;
  } catch {
    // Made below.
  }
  const fresh = randomUUID();
  const handle = openSync(file, "w", 0o600);
  writeSync(handle, fresh);
  fsyncSync(handle);
  closeSync(handle);
  return fresh;
}
