// The way to somebody else's database: reads only, within limits, and not too often.
import { setTimeout as wait } from "node:timers/promises";
import type { ClickHouseSettings } from "@clickhouse/client";
import type { Database, Parameters } from "../database.ts";
import { engineCode, messageOf, storeError } from "../errors.ts";

export interface ForeignLimits {
  /** Rows a query may look at; default 20 million. */
  readonly rowsRead?: number;
  /** Rows a query may give; default 100,000. */
  readonly rowsGiven?: number;
  /** Default 20. */
  readonly seconds?: number;
  /** Queries begun in any minute; those beyond wait. Default 60. */
  readonly queriesPerMinute?: number;
  /** Queries that may wait; one more is refused. Default 20. */
  readonly waitingMax?: number;
}

export interface Gate {
  /** Throws a StoreError: refused (too much asked at once, or more than the limits allow), unavailable. */
  select<Row>(sql: string, parameters?: Parameters): Promise<Row[]>;
  /** What the server lets us bind ourselves by. */
  readonly guard: "readonly and limits" | "limits" | "none";
}

const minuteMs = 60_000;
/** TOO_MANY_ROWS, TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES. */
const tooMuch = new Set([158, 159, 160, 241, 307, 396]);
/** READONLY, SETTING_CONSTRAINT_VIOLATION, ACCESS_DENIED: the user may not change settings. */
const mayNot = new Set([164, 452, 497]);

/** Finds out which settings the server takes. One query runs at a time; `now` is Unix ms. */
export async function openGate(database: Database, limits: ForeignLimits, now: () => number): Promise<Gate> {
  const { rowsRead = 20_000_000, rowsGiven = 100_000, seconds = 20 } = limits;
  const { queriesPerMinute = 60, waitingMax = 20 } = limits;
  const bounds: ClickHouseSettings = {
    max_rows_to_read: String(rowsRead),
    read_overflow_mode: "throw",
    max_result_rows: String(rowsGiven),
    result_overflow_mode: "throw",
    max_execution_time: seconds,
  };
  const guards = [
    ["readonly and limits", { ...bounds, readonly: "1" }],
    ["limits", bounds],
    ["none", {}],
  ] as const;
  const [guard, settings] = await firstTaken(database, guards);

  const begun: number[] = [];
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  const paced = async (): Promise<void> => {
    for (;;) {
      const at = now();
      while (begun.length > 0 && begun[0]! <= at - minuteMs) begun.shift();
      if (begun.length < queriesPerMinute) {
        begun.push(at);
        return;
      }
      await wait(Math.max(1, Math.min(1000, begun[0]! + minuteMs - at)));
    }
  };
  return {
    guard,
    async select<Row>(sql: string, parameters?: Parameters) {
      if (waiting >= waitingMax)
        throw storeError("refused", `${waiting} queries to ${database.name} wait already; ask again later.`);
      waiting++;
      const mine = last.then(async () => {
        try {
          await paced();
          return await database.select<Row>(sql, parameters, settings);
        } catch (error) {
          throw inWords(error, database.name);
        } finally {
          waiting--;
        }
      });
      last = mine.catch(() => {});
      return await mine;
    },
  };
}

type Guard = readonly [Gate["guard"], ClickHouseSettings];

async function firstTaken(database: Database, guards: readonly Guard[]): Promise<Guard> {
  for (const guard of guards) {
    try {
      await database.select("SELECT 1", undefined, guard[1]);
      return guard;
    } catch (error) {
      if (!mayNot.has(engineCode(error) ?? -1) || guard[0] === "none") throw error;
    }
  }
  throw new Error("the last guard was passed over");
}

function inWords(error: unknown, name: string): unknown {
  const code = engineCode(error);
  if (code === undefined) return error;
  const advice = tooMuch.has(code) ? "Ask for a shorter time, or raise the source's limits." : "Look at the source.";
  return storeError("refused", `A query to ${name} failed: ${messageOf(error).slice(0, 300)} ${advice}`, error);
}
