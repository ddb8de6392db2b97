// The embedded engine's own files that say what a database and its tables are. One that cannot be read keeps the whole
// data directory from opening, so it is set aside; where tables lie is remembered, so that their rows can be reached again.
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { quote } from "./sql-text.ts";

export interface SetAside {
  readonly database: string;
  /** Absent: the database's own definition, which has been written anew already. */
  readonly table?: string | undefined;
  /** Folder of the table's rows in the engine's data, if that is known. */
  readonly uuid?: string | undefined;
  /** What the engine said. */
  readonly reason: string;
  /** Rows it had when its table was made anew over them; `none`: the table was made anew without its rows. */
  readonly remade?: number | "none" | undefined;
}

const schema: z.ZodType<SetAside> = z.object({
  database: z.string(),
  table: z.string().optional(),
  uuid: z.string().optional(),
  reason: z.string(),
  remade: z.union([z.number(), z.literal("none")]).optional(),
});
const uuidPattern = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

export interface Definitions {
  /** Sets aside the definition the engine's failure names; false if it names none. */
  setAside(failure: string): Promise<boolean>;
  /** Everything set aside whose file is still there, by the file. */
  list(): Promise<ReadonlyMap<string, SetAside>>;
  remade(file: string, rows: number | "none"): Promise<void>;
  /** Remembers where these tables' rows lie. */
  remember(database: string, tables: Readonly<Record<string, string>>): Promise<void>;
  /** True if the engine's data have a folder of that name. */
  hasRows(uuid: string): boolean;
}

/**
 * `path`: the engine's data directory; `directory`: where to set aside; `commentOf`: the comment a database is to have when
 * its definition is written anew.
 */
export function createDefinitions(
  path: string,
  directory: string,
  commentOf: (database: string) => string = () => "",
): Definitions {
  const memory = join(directory, "tables.json");
  const about = (file: string): string => file.replace(/\.sql$/, ".json");
  const remembered = (): Record<string, Record<string, string>> => {
    try {
      return z.record(z.string(), z.record(z.string(), z.string())).parse(JSON.parse(readFileSync(memory, "utf8")));
    } catch {
      return {};
    }
  };
  const keep = async (file: string, text: string): Promise<void> => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
  };

  return {
    async setAside(failure) {
      const named = /\b(?:store\/\w{3}\/[\w-]{36}|metadata)\/[\w%.-]+\.sql\b/.exec(failure)?.[0];
      const definition = join(path, named ?? "");
      if (named === undefined || !existsSync(definition)) return false;
      const name = decodeURIComponent(basename(definition, ".sql"));
      const text = await readFile(definition, "latin1");
      const isDatabase = named.startsWith("metadata/");
      const database = isDatabase ? name : databaseOf(path, dirname(named));
      const uuid = isDatabase ? folderOf(path, name) : (remembered()[database]?.[name] ?? uuidPattern.exec(text)?.[0]);
      const entry: SetAside = {
        database,
        reason: failure.replace(/\s+/g, " ").slice(0, 400),
        ...(isDatabase ? {} : { table: name }),
        ...(uuid === undefined ? {} : { uuid }),
      };
      const file = freeName(directory, isDatabase ? name : `${database}.${name}`);
      await keep(about(file), JSON.stringify(entry));
      await rename(definition, file);
      if (isDatabase && uuid !== undefined)
        await writeFile(definition, databaseDefinition(uuid, commentOf(name)), { mode: 0o600 });
      return true;
    },
    async list() {
      const found = new Map<string, SetAside>();
      for (const name of existsSync(directory) ? readdirSync(directory).toSorted() : []) {
        if (!name.endsWith(".sql")) continue;
        const file = join(directory, name);
        found.set(file, schema.parse(JSON.parse(await readFile(about(file), "utf8"))));
      }
      return found;
    },
    async remade(file, rows) {
      const entry = schema.parse(JSON.parse(await readFile(about(file), "utf8")));
      await keep(about(file), JSON.stringify({ ...entry, remade: rows }));
    },
    async remember(database, tables) {
      const all = remembered();
      if (JSON.stringify(all[database]) === JSON.stringify(tables)) return;
      await keep(memory, JSON.stringify({ ...all, [database]: tables }));
      await rm(`${memory}.new`, { force: true });
    },
    hasRows: (uuid) => uuidPattern.test(uuid) && existsSync(join(path, "store", uuid.slice(0, 3), uuid)),
  };
}

function databaseDefinition(uuid: string, comment: string): string {
  const marked = comment === "" ? "" : `COMMENT ${quote(comment)}\n`;
  return `ATTACH DATABASE _ UUID '${uuid}'\nENGINE = Atomic\n${marked}`;
}

/** The database whose tables' definitions lie in that folder; empty if none says so. */
function databaseOf(path: string, folder: string): string {
  const uuid = basename(folder);
  for (const name of readdirSync(join(path, "metadata"))) if (folderOf(path, name) === uuid) return name;
  return "";
}

/** The name of the folder a database's entry leads to. */
function folderOf(path: string, database: string): string | undefined {
  try {
    return uuidPattern.exec(basename(readlinkSync(join(path, "metadata", database))))?.[0];
  } catch {
    return undefined;
  }
}

function freeName(directory: string, name: string): string {
  for (let i = 1; ; i++) {
    const file = join(directory, `${name}-${i}.sql`);
    if (!existsSync(file)) return file;
  }
}
