// Alarms about the stored data, and the file that remembers them over restarts.
import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { messageOf } from "../errors.ts";

const kinds = [
  /** A part found damaged and set aside: its rows are missing from every answer. */
  "detached-part",
  /** A part in use whose bytes are not what was written, and that could not be set aside: answers from it are wrong or fail. */
  "broken-part",
  /** The check of a table ended early, so nothing is known of it. */
  "unchecked",
  /** A table's or database's definition the engine could not read was set aside and made anew. */
  "broken-definition",
  /** Rows the database refused, or died of, were set aside. */
  "refused-rows",
  /** Bytes of the log of received telemetry changed on disk before they were stored. */
  "damaged-log",
] as const;

export interface StoreAlarm {
  readonly kind: (typeof kinds)[number];
  /** Of other databases than the default tenant's with the database before it. */
  readonly table: string;
  /** The part; of an unchecked table, the partition; of set-aside files, where they lie. */
  readonly part: string;
  /** Rows missing from answers, where that is known. */
  readonly rows?: number | undefined;
  /** What was found. */
  readonly says: string;
  /** Unix ms of wall time at which it was first seen, by this run or an earlier one. */
  readonly since: number;
  /** What a person should do. */
  readonly remedy: string;
}

/** An alarm before it is known since when. */
export type Finding = Omit<StoreAlarm, "since">;

/** A table as alarms name it. `main`: the default tenant's database. */
export function tableIn(database: string, table: string, main: string): string {
  return database === main ? table : `${database}.${table}`;
}

export function keyOf({ kind, table, part }: Pick<StoreAlarm, "kind" | "table" | "part">): string {
  return `${kind}/${table}/${part}`;
}

const schema: z.ZodType<StoreAlarm[]> = z.array(
  z.object({
    kind: z.enum(kinds),
    table: z.string(),
    part: z.string(),
    rows: z.number().optional(),
    says: z.string(),
    since: z.number(),
    remedy: z.string(),
  }),
);

/** What an earlier run saw; nothing if the file is missing or damaged, so that alarms are told again rather than never. */
export function readAlarms(file: string): readonly StoreAlarm[] {
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return [];
  }
}

export async function writeAlarms(file: string, alarms: readonly StoreAlarm[], telemetry: Telemetry): Promise<void> {
  try {
    await writeFile(`${file}.new`, JSON.stringify(alarms), { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (error) {
    telemetry.log.warn("store: alarms cannot be remembered", { file, error: messageOf(error) });
  }
}
