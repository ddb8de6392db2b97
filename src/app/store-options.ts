// How the configuration opens the store: for the service, and for commands that work on a stopped service's data.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { isStoreError } from "../store/errors.ts";
import { openStore, type Store, type StoreOptions } from "../store/store.ts";
import { userError } from "./command.ts";
import { formatMistakes, loadConfig } from "./config.ts";
import type { Config } from "./config-schema.ts";
import type { AppTelemetry } from "./telemetry.ts";

const mib = 1024 * 1024;

/** `directory`: the resolved data directory. */
export function storeOptions(config: Config, directory: string): StoreOptions {
  const {
    url,
    username,
    password,
    cluster,
    database,
    backlogLimitMib,
    diskFloorMib,
    engineMemoryMib,
    retentionDays,
    budgetMib,
  } = config.store;
  return {
    ...(url === undefined ? {} : { url }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(cluster === undefined ? {} : { cluster }),
    database,
    tenants: namedTenants(config),
    directory: join(directory, "store"),
    backlogLimitBytes: backlogLimitMib * mib,
    diskFloorBytes: diskFloorMib * mib,
    engineMemoryBytes: engineMemoryMib * mib,
    retentionDays: keptDays(retentionDays),
    budgetBytes: inBytes(budgetMib),
    now: Date.now,
  };
}

/** Tenants that credentials and certificates lead to. */
function namedTenants(config: Config): readonly string[] {
  const { credentials, tls } = config.receive;
  return [...new Set([...credentials, ...(tls?.clients ?? [])].map(({ tenant }) => tenant))];
}

/** Those that are named have an end. */
function keptDays(days: Config["store"]["retentionDays"]): NonNullable<StoreOptions["retentionDays"]> {
  const ending = Object.entries(days).flatMap(([signal, kept]) => (kept === "forever" ? [] : [[signal, kept]]));
  return Object.fromEntries(ending);
}

function inBytes(budget: Config["store"]["budgetMib"]): NonNullable<StoreOptions["budgetBytes"]> {
  const set = Object.entries(budget).flatMap(([signal, size]) => (size === undefined ? [] : [[signal, size * mib]]));
  return Object.fromEntries(set);
}

export interface ConfigSources {
  readonly file: string | undefined;
  readonly sets: readonly string[];
}

/** The configuration a command works with. Throws a user's error with every mistake in it. */
export function configured(sources: ConfigSources): Config {
  const loaded = loadConfig(sources);
  if (!loaded.ok) throw userError(`the configuration has mistakes:\n${formatMistakes(loaded.mistakes)}`);
  return loaded.config;
}

/** Opens the store a configuration names, for a command. Throws a user's error while a service has it, or if there is none. */
export async function openConfiguredStore(sources: ConfigSources, telemetry: AppTelemetry): Promise<Store> {
  const config = configured(sources);
  const options = storeOptions(config, resolve(config.dataDirectory));
  if (options.url === undefined && !existsSync(join(options.directory, "data")))
    throw userError(
      `there is no store in ${options.directory}; name the service's --config, or start the service once`,
    );
  try {
    return await openStore(options, telemetry);
  } catch (error) {
    if (!isStoreError(error) || error.kind !== "directory-in-use") throw error;
    throw userError(`a running Homeostat holds ${options.directory}; stop it first, then run this again`);
  }
}
