// One database a tenant: which there are, and bringing one to its schema when it is first needed.
import { defaultTenant, isTenant } from "../model/tenant.ts";
import { type Database, inDatabase } from "./database.ts";
import { quote } from "./engine/sql-text.ts";
import { type StoreError, storeError } from "./errors.ts";

export interface TenantDatabase {
  readonly tenant: string;
  readonly database: Database;
}

export interface Tenants {
  /** Those with a database, the default tenant first, the others by name. */
  all(): readonly TenantDatabase[];
  /**
   * The tenant's database, made and brought to its schema when it is asked for the first time. Rejects with a StoreError
   * `refused` if a database of that name is not this tenant's; then, and while the database cannot be reached, ask again.
   */
  open(tenant: string): Promise<Database>;
  /** Its database was dropped: the next to ask has it made anew. */
  forget(tenant: string): void;
}

export interface TenantsOptions {
  /** The default tenant's, at its schema already. */
  readonly database: Database;
  /** Brings a database to the schema; `comment` marks it as it is made. */
  readonly prepare: (database: Database, comment: string) => Promise<void>;
}

export function createTenants({ database, prepare }: TenantsOptions): Tenants {
  const ready = new Map<string, Database>();
  const opening = new Map<string, Promise<Database>>();

  async function make(tenant: string): Promise<Database> {
    if (!isTenant(tenant)) throw storeError("refused", `${JSON.stringify(tenant)} is not a tenant's name.`);
    const own = inDatabase(database, databaseName(database.name, tenant));
    const comment = commentOf(tenant, database.name);
    if ((await stateOf(own, comment)) === "foreign")
      throw storeError(
        "refused",
        `Database ${own.name} is there already and is not marked as tenant ${tenant} of ${database.name}. ` +
          "Rename that database, the tenant, or store.database.",
      );
    await prepare(own, comment);
    ready.set(tenant, own);
    return own;
  }

  return {
    all() {
      const others = [...ready].map(([tenant, own]) => ({ tenant, database: own }));
      return [{ tenant: defaultTenant, database }, ...others.toSorted((a, b) => (a.tenant < b.tenant ? -1 : 1))];
    },
    async open(tenant) {
      const known = tenant === defaultTenant ? database : ready.get(tenant);
      if (known !== undefined) return known;
      const running = opening.get(tenant) ?? make(tenant).finally(() => opening.delete(tenant));
      opening.set(tenant, running);
      return await running;
    },
    forget: (tenant) => void ready.delete(tenant),
  };
}

/** Tenants this store has databases of, whether or not anything names them now. */
export async function storedTenants(database: Database): Promise<readonly string[]> {
  const prefix = databaseName(database.name, "");
  const rows = await database.select<[string, string]>(
    "SELECT name, comment FROM system.databases WHERE startsWith(name, {prefix:String}) ORDER BY name",
    { prefix },
  );
  return rows
    .map(([name, comment]) => ({ tenant: name.slice(prefix.length), comment }))
    .filter(({ tenant, comment }) => isTenant(tenant) && comment === commentOf(tenant, database.name))
    .map(({ tenant }) => tenant);
}

/** Rejects with a StoreError `refused` for a database that is another Homeostat's tenant: its rows would mix. */
export async function refuseTenantDatabase(database: Database): Promise<void> {
  const [[comment] = [""]] = await database.select<[string]>(
    `SELECT comment FROM system.databases WHERE name = ${quote(database.name)}`,
  );
  if (!comment.startsWith(commentStart)) return;
  throw storeError(
    "refused",
    `Database ${database.name} is marked as "${comment}"; a store of its own needs another store.database.`,
  );
}

export function unknownTenant(tenant: string, tenants: Tenants): StoreError {
  const known = tenants.all().map((one) => one.tenant);
  return storeError("refused", `There is no tenant ${JSON.stringify(tenant)} here; there is ${known.join(", ")}.`);
}

/** What a database of that name is marked with in the store of `parent`; empty if it is no tenant's. */
export function markOf(parent: string, name: string): string {
  const prefix = databaseName(parent, "");
  const tenant = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  return isTenant(tenant) ? commentOf(tenant, parent) : "";
}

const commentStart = "Homeostat tenant ";

function commentOf(tenant: string, parent: string): string {
  return `${commentStart}${tenant} of ${parent}`;
}

/** `homeostat`, `acme` -> `homeostat_acme`. Two stores can come to the same name; the comment tells whose it is. */
function databaseName(parent: string, tenant: string): string {
  return `${parent}_${tenant}`;
}

async function stateOf(database: Database, comment: string): Promise<"absent" | "own" | "foreign"> {
  const [found] = await database.select<[string]>(
    `SELECT comment FROM system.databases WHERE name = ${quote(database.name)}`,
  );
  if (found === undefined) return "absent";
  return found[0] === comment ? "own" : "foreign";
}
