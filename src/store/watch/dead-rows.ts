// Files in which rows lie that could not be stored: one alarm a table, however many there are.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "./alarms.ts";

/** Nothing if the directory is not there. */
export async function deadRows(directory: string): Promise<readonly Finding[]> {
  const names = (await readdir(directory).catch(() => [])).toSorted();
  const tables = new Map<string, string[]>();
  for (const name of names) {
    const table = /^\d+-(\w+)\.json$/.exec(name)?.[1];
    if (table !== undefined) tables.set(table, [...(tables.get(table) ?? []), name]);
  }
  const refused = [...tables].map(async ([table, files]): Promise<Finding> => {
    const reason = await reasonIn(join(directory, files.at(-1)!));
    return {
      kind: "refused-rows",
      table,
      part: directory,
      says: `rows of ${files.length} batches for ${table} could not be stored and are set aside, lately because: ${reason}`,
      remedy: `Look at ${directory}/*-${table}.json (why, and which rows) and .native (the rows). Delete the files to end this alarm.`,
    };
  });
  const damaged = names.filter((name) => name.startsWith("damaged-"));
  if (damaged.length === 0) return await Promise.all(refused);
  return [
    ...(await Promise.all(refused)),
    {
      kind: "damaged-log",
      table: "",
      part: directory,
      says: `${damaged.length} pieces of the log of received telemetry were damaged on disk; rows in them are lost`,
      remedy: `Check the disk. The pieces lie in ${directory}/damaged-*; delete them to end this alarm.`,
    },
  ];
}

async function reasonIn(file: string): Promise<string> {
  try {
    const { reason } = JSON.parse(await readFile(file, "utf8")) as { readonly reason?: unknown };
    return String(reason).slice(0, 300);
  } catch {
    return "the reason cannot be read";
  }
}
