// Ten-second and one-minute rollups of metrics: whole buckets, made anew from raw points wherever new points came.
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import type { Database } from "./database.ts";
import { freshHoursSql, type RollUpSpan, rawTables, rollUpStatement } from "./rollup-sql.ts";

export interface RollUpReport {
  /** Hours of event time in which buckets were made. */
  readonly hours: number;
  /** New points in buckets that are kept as they are, because raw points of them are gone. */
  readonly tooLate: number;
  /** Buckets are made up to here. */
  readonly upTo: Instant;
}

export interface Rollups {
  /**
   * Makes every bucket before `upTo` (whole minutes) that got points since the last call. Points that come later make
   * their bucket again. Cut short at any place, the next call makes up for it.
   */
  rollUp(upTo: Instant): Promise<RollUpReport>;
  /** Keeps buckets before `at` as they are: their raw points go. */
  freeze(at: Instant): Promise<void>;
}

export interface RollupOptions {
  readonly database: Database;
  /** Every batch up to this one is stored whole. */
  readonly storedThrough: () => bigint;
  /** Days raw points are kept; buckets that reach further back are kept as they are. Absent: for ever. */
  readonly rawDays?: number;
  /** Points worked on in one statement; default 500,000, some 100 MB in the engine. */
  readonly pointsAtOnce?: number;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;
const targets = [
  { table: "metrics_10s", seconds: 10 },
  { table: "metrics_1m", seconds: 60 },
];

interface State {
  readonly through: bigint;
  readonly upTo: Instant;
  readonly notBefore: Instant;
}

/** For the points of one service: batches of another one's log may become visible behind the mark and are then missed. */
export function createRollups(options: RollupOptions, telemetry: Telemetry): Rollups {
  const { database, rawDays, pointsAtOnce = 500_000 } = options;
  const state = database.table("metrics_rollup_state");

  const load = async (): Promise<State> => {
    const [[through, upTo, notBefore] = ["0", 0, 0]] = await database.select<[string, number, number]>(
      `SELECT toString(max(throughBatch)), toFloat64(toUnixTimestamp64Milli(max(upTo))),
        toFloat64(toUnixTimestamp64Milli(max(notBefore))) FROM ${state}`,
    );
    return { through: BigInt(through), upTo, notBefore };
  };
  const save = async ({ through, upTo, notBefore }: State): Promise<void> => {
    await database.command(
      `INSERT INTO ${state} (id, throughBatch, upTo, notBefore) VALUES
        (1, ${through}, fromUnixTimestamp64Milli(${upTo}), fromUnixTimestamp64Milli(${notBefore}))`,
    );
  };
  /** Makes an hour's buckets in pieces small enough for the engine's memory. */
  const makeHour = async (table: string, span: RollUpSpan, points: number): Promise<void> => {
    const pieces = Math.max(1, Math.ceil(points / pointsAtOnce));
    for (let piece = 0; piece < pieces; piece++) {
      for (const target of targets) {
        await database.command(rollUpStatement(database, table, target, span, { piece, pieces }));
      }
    }
  };

  let queue: Promise<unknown> = Promise.resolve();
  /** One at a time: each goes on where the one before stopped. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work);
    queue = result.catch(() => {});
    return result;
  };

  const rollUp = async (asked: Instant): Promise<RollUpReport> => {
    const through = options.storedThrough();
    const before = await load();
    const upTo = Math.max(before.upTo, Math.floor(asked / minuteMs) * minuteMs);
    // The oldest day kept may have lost points already: only days after it are whole.
    const oldestWhole = rawDays === undefined ? 0 : (Math.floor(upTo / dayMs) - rawDays + 1) * dayMs;
    const notBefore = Math.max(before.notBefore, oldestWhole);
    let tooLate = 0;
    const hours = new Set<number>();
    for (const table of rawTables) {
      const fresh = { ...before, from: 0, to: upTo, throughBatch: through };
      for (const [hour, points, freshPoints] of await freshHours(database, table, fresh)) {
        if (hour < notBefore) {
          tooLate += freshPoints;
          continue;
        }
        hours.add(hour);
        await makeHour(table, { ...fresh, from: hour, to: Math.min(hour + hourMs, upTo) }, points);
      }
    }
    if (tooLate > 0) telemetry.count("homeostat.store.dropped", tooLate, { reason: "too-late-for-rollup" });
    if (through !== before.through || upTo !== before.upTo) await save({ through, upTo, notBefore });
    return { hours: hours.size, tooLate, upTo };
  };
  return {
    rollUp: (upTo) => inTurn(() => rollUp(upTo)),
    freeze: (at) =>
      inTurn(async () => {
        const present = await load();
        if (at > present.notBefore) await save({ ...present, notBefore: at });
      }),
  };
}

/** Hours with new points: their start, all their points, and how many of these are new. */
async function freshHours(
  database: Database,
  table: string,
  span: RollUpSpan,
): Promise<readonly (readonly [number, number, number])[]> {
  const rows = await database.select<[number, number]>(freshHoursSql(database, table, span));
  const result: [number, number, number][] = [];
  for (const [hour, fresh] of rows) {
    const start = hour * 1000;
    const [[points] = [0]] = await database.select<[number]>(
      `SELECT toFloat64(count()) FROM ${database.table(table)} WHERE TimeUnix >= fromUnixTimestamp64Milli(${start})
        AND TimeUnix < fromUnixTimestamp64Milli(${start + hourMs})`,
    );
    result.push([start, points, fresh]);
  }
  return result;
}
