// Moves frames from the log into the tenants' databases: a lane for each tenant and table, in order, in large inserts.
import { setMaxListeners } from "node:events";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { defaultTenant } from "../../model/tenant.ts";
import type { Database } from "../database.ts";
import { engineCode, messageOf } from "../errors.ts";
import type { Inserter, RowRange } from "./inserter.ts";
import type { Frame } from "./log.ts";
import { type Attempt, isAboutData, settle, writeDead } from "./settle.ts";
import { createTurns } from "./turns.ts";

export interface DrainerOptions {
  readonly database: Database;
  /** Of the tenant's database, which may have to be made; rejects while that cannot be done. */
  readonly inserterOf: (tenant: string) => Promise<Inserter>;
  /** Called when a tenant's database turns out to be gone: the next inserter has it made anew. */
  readonly databaseGone: (tenant: string) => void;
  /** Names this spool in its statements, for ever. */
  readonly spoolId: string;
  readonly deadDirectory: string;
  /** How often the engine process was replaced; a frame must not kill it again and again. */
  readonly enginesLost: () => number;
  /** Called when rows of a table of a tenant are stored through this id. */
  readonly onStored: (frame: Pick<Frame, "tenant" | "table" | "id">) => void;
}

export interface Drainer {
  /** `suspect`: an insert of them may have been tried before. */
  offer(frames: readonly Frame[], suspect: boolean): void;
  /** Inserts what waits up to this id without gathering more. */
  hurry(through: bigint): void;
  /** Lowest id that is not stored, of all tenants or of one; undefined when all is. */
  oldest(tenant?: string): bigint | undefined;
  /** With an allowance for what each frame costs in memory, so that a limit on it bounds that too. */
  backlogBytes(): number;
  /** Stops after the inserts that run; those that hang are given up after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

interface Lane {
  readonly tenant: string;
  readonly table: string;
  readonly queue: { readonly frame: Frame; readonly suspect: boolean }[];
  working: boolean;
  cooling: boolean;
  /** Ends the lane's present pause. */
  wake: () => void;
}

const groupRows = 100_000;
const groupBytes = 32 * 1024 * 1024;
/** A waiting frame takes some 400 bytes of memory: a backlog of 2 GiB of the smallest then takes 350 MB. */
const frameAllowanceBytes = 2048;
const gatherMs = 100;
const cooldownMs = 1000;
const backoffMs = { min: 100, max: 5000 };
/** Unknown errors, and deaths of the engine, before the data are suspected. */
const patience = 3;
const insertsAtOnce = 2;

export function createDrainer(options: DrainerOptions, telemetry: Telemetry): Drainer {
  const lanes = new Map<string, Lane>();
  const stopped = new AbortController();
  // Every lane may be pausing: as many listeners as there are tenants and tables.
  setMaxListeners(0, stopped.signal);
  let hurriedThrough = 0n;
  let backlog = 0;
  let statements = 0;
  const turn = createTurns(insertsAtOnce);

  const pause = async (lane: Lane | undefined, ms: number): Promise<void> => {
    if (stopped.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        stopped.signal.removeEventListener("abort", over);
        resolve();
      };
      const timer = setTimeout(over, ms);
      stopped.signal.addEventListener("abort", over);
      if (lane !== undefined) lane.wake = over;
    });
  };

  /** Tries until stored or refused. Stops with an error when the drainer is closed. */
  const attempt = async (
    frames: readonly Frame[],
    known: boolean,
    range?: RowRange,
    deathsMax = patience,
  ): Promise<Attempt> => {
    let suspect = known;
    let failures = 0;
    let deaths = 0;
    for (let delayMs = backoffMs.min; ; delayMs = Math.min(delayMs * 2, backoffMs.max)) {
      const marker = `homeostat-insert:${options.spoolId}:${++statements};`;
      // One tenant's failing inserts pause outside, where they keep nobody else out. Once the engine died during one,
      // nothing else is inserted beside it: that must not be blamed as well.
      const leave = await turn(deaths > 0);
      const lostBefore = options.enginesLost();
      try {
        if (stopped.signal.aborted) throw new Error("closed");
        const inserter = await inserterFor(frames[0]!);
        if (inserter !== undefined) {
          if (suspect) await inserter.insertMissing(frames, marker, range);
          else await inserter.insertNew(frames, marker);
          return { kind: "stored" };
        }
      } catch (error) {
        if (stopped.signal.aborted) throw error;
        suspect = true;
        const { tenant, table } = frames[0]!;
        telemetry.count("homeostat.store.insert_failures", 1, { reason: String(engineCode(error) ?? "unreachable") });
        telemetry.log.warn("store: an insert failed", { tenant, table, error: messageOf(error) });
        await untilOver(marker, delayMs);
        if (isGone(error)) options.databaseGone(tenant);
        if (isAboutData(error)) return { kind: "refused", reason: messageOf(error), fatal: false };
        const unknown = engineCode(error) !== undefined && !isPassing(error);
        if (unknown && ++failures >= patience) return { kind: "refused", reason: messageOf(error), fatal: false };
        if (options.enginesLost() > lostBefore && ++deaths >= deathsMax)
          return { kind: "refused", reason: `the engine died of it: ${messageOf(error)}`, fatal: true };
      } finally {
        leave();
      }
      await pause(undefined, delayMs);
    }
  };
  /** Undefined while the tenant has no database: that is not the data's fault, so they wait for as long as it takes. */
  const inserterFor = async ({ tenant, table }: Frame): Promise<Inserter | undefined> => {
    try {
      return await options.inserterOf(tenant);
    } catch (error) {
      telemetry.count("homeostat.store.insert_failures", 1, { reason: "no-database" });
      telemetry.log.warn("store: the tenant's database cannot be opened", { tenant, table, error: messageOf(error) });
      return undefined;
    }
  };
  /** Returns when no statement of the marker runs any more, however long the database cannot be asked. */
  const untilOver = async (marker: string, delayMs: number): Promise<void> => {
    for (;;) {
      if (stopped.signal.aborted) throw new Error("closed");
      try {
        await options.database.quiet(marker, () => pause(undefined, 20));
        return;
      } catch {
        await pause(undefined, delayMs);
      }
    }
  };
  const setAside = (frame: Frame, ranges: readonly RowRange[], reason: string): Promise<void> =>
    writeDead(options.deadDirectory, frame, ranges, reason, telemetry);

  const storeNext = async (lane: Lane): Promise<void> => {
    const { frames, suspect } = nextGroup(lane);
    const started = performance.now();
    const result = await attempt(frames, suspect);
    // Of several frames one death is enough to look closer; nothing is set aside for less than `patience`.
    const probe = (some: readonly Frame[], range?: RowRange): Promise<Attempt> =>
      attempt(some, true, range, some.length > 1 ? 1 : patience);
    if (result.kind === "refused") await settle(frames, probe, setAside);
    telemetry.record("homeostat.store.insert_seconds", (performance.now() - started) / 1000);
    telemetry.count(
      "homeostat.store.rows",
      frames.reduce((sum, frame) => sum + frame.rows, 0),
      { table: lane.table },
    );
    lane.queue.splice(0, frames.length);
    for (const frame of frames) {
      backlog -= weightOf(frame);
      frame.done();
    }
    options.onStored({ tenant: lane.tenant, table: lane.table, id: frames.at(-1)!.id });
  };
  const work = async (lane: Lane): Promise<void> => {
    while (lane.queue.length > 0 && !stopped.signal.aborted) {
      const hurried = lane.queue[0]!.frame.id <= hurriedThrough;
      if (!hurried && !isFull(lane)) await pause(lane, lane.cooling ? cooldownMs : gatherMs);
      lane.cooling = true;
      const cooled = setTimeout(() => {
        lane.cooling = false;
        lane.wake();
      }, cooldownMs);
      cooled.unref();
      if (!stopped.signal.aborted) await storeNext(lane);
    }
  };
  const start = (lane: Lane): void => {
    if (lane.working || stopped.signal.aborted) return;
    lane.working = true;
    work(lane)
      .catch((error: unknown) => {
        if (!stopped.signal.aborted) telemetry.log.error("store: a lane failed", { error: messageOf(error) });
      })
      .finally(() => {
        lane.working = false;
        if (lane.queue.length > 0) start(lane);
      });
  };

  return {
    offer(frames, suspect) {
      for (const frame of frames) {
        const name = laneName(frame);
        let lane = lanes.get(name);
        if (lane === undefined) {
          const { tenant, table } = frame;
          lane = { tenant, table, queue: [], working: false, cooling: false, wake: () => {} };
          lanes.set(name, lane);
        }
        lane.queue.push({ frame, suspect });
        backlog += weightOf(frame);
        start(lane);
      }
      for (const lane of lanes.values()) if (isFull(lane)) lane.wake();
    },
    hurry(through) {
      hurriedThrough = through;
      for (const lane of lanes.values()) if ((lane.queue[0]?.frame.id ?? through + 1n) <= through) lane.wake();
    },
    oldest(of) {
      let oldest: bigint | undefined;
      for (const { tenant, queue } of lanes.values()) {
        if (of !== undefined && tenant !== of) continue;
        const id = queue[0]?.frame.id;
        if (id !== undefined && (oldest === undefined || id < oldest)) oldest = id;
      }
      return oldest;
    },
    backlogBytes: () => backlog,
    async close(graceMs) {
      stopped.abort();
      for (let waitedMs = 0; waitedMs < graceMs && [...lanes.values()].some((lane) => lane.working); waitedMs += 20) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

/** What a lane is called where it must be remembered. Names of the default tenant's are those from before tenants. */
export function laneName({ tenant, table }: Pick<Frame, "tenant" | "table">): string {
  return tenant === defaultTenant ? table : `${tenant}/${table}`;
}

function nextGroup(lane: Lane): { frames: readonly Frame[]; suspect: boolean } {
  const first = lane.queue[0]!;
  const frames: Frame[] = [];
  let rows = 0;
  let bytes = 0;
  for (const { frame, suspect } of lane.queue) {
    if (suspect !== first.suspect || !sameColumns(frame, first.frame)) break;
    if (frames.length > 0 && (rows + frame.rows > groupRows || bytes + frame.bytes > groupBytes)) break;
    frames.push(frame);
    rows += frame.rows;
    bytes += frame.bytes;
  }
  return { frames, suspect: first.suspect };
}

function weightOf(frame: Frame): number {
  return frame.bytes + frameAllowanceBytes;
}

function sameColumns(one: Frame, other: Frame): boolean {
  return one.columns === other.columns || JSON.stringify(one.columns) === JSON.stringify(other.columns);
}

function isFull(lane: Lane): boolean {
  let rows = 0;
  let bytes = 0;
  // Looks no further than a group reaches.
  for (const { frame } of lane.queue) {
    rows += frame.rows;
    bytes += frame.bytes;
    if (rows >= groupRows || bytes >= groupBytes) return true;
  }
  return false;
}

/** No such table, no such database. */
function isGone(error: unknown): boolean {
  return [60, 81].includes(engineCode(error) ?? 0);
}

/** Errors that pass by themselves or when a person helps: memory, disk, parts, timeouts, shutdown, replication. */
function isPassing(error: unknown): boolean {
  return [3, 60, 81, 159, 164, 202, 203, 209, 210, 225, 236, 241, 242, 243, 252, 285, 319, 394, 439, 999].includes(
    engineCode(error) ?? 0,
  );
}
