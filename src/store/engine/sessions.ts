// The engine's connections: each runs one statement at a time, so statements wait here for a free one.
import type { ChdbQueryStream, Session } from "chdb";
import { backquote, quote } from "./sql-text.ts";

export type SessionClass = "read" | "write" | "control";

export interface Job {
  readonly sql: string;
  readonly format: string;
  readonly database: string;
  /** Bound parameters, values as the HTTP protocol carries them. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** A session of one's own until `release`. */
export interface Lease {
  /** Everything at once. `rowsRead` counts rows the engine looked at. */
  run(job: Job): Promise<{ bytes: Uint8Array; rowsRead: number; bytesRead: number }>;
  /** Piece by piece; cancel it to stop it. Call `finished` when the last piece has come. */
  stream(job: Job): Promise<{ pieces: ChdbQueryStream; finished(): void }>;
  release(): void;
}

export interface Sessions {
  /** Waits for a free session of the class. Undefined if `signal` aborts first. */
  lease(of: SessionClass, signal: AbortSignal): Promise<Lease | undefined>;
  /** Ends every running statement whose text contains `marker`, without waiting until it has ended. */
  kill(marker: string): Promise<void>;
  close(): void;
}

interface Seat {
  session: Session;
  database: string;
  /**
   * A statement that fails leaves what it had written in its session's buffer, in front of the next statement's result
   * (chdb 3.4.0). So a session that has seen a failure is replaced; opening one takes a millisecond.
   */
  spoilt: boolean;
}

interface Class {
  readonly free: Seat[];
  readonly waiting: ((seat: Seat) => void)[];
}

/** Opens `counts[class]` sessions of each class with `open`. */
export function openSessions(open: () => Session, counts: Readonly<Record<SessionClass, number>>): Sessions {
  const all: Seat[] = [];
  const classOf = (count: number): Class => ({
    free: Array.from({ length: count }, () => {
      const seat = { session: open(), database: "default", spoilt: false };
      all.push(seat);
      return seat;
    }),
    waiting: [],
  });
  const classes: Record<SessionClass, Class> = {
    control: classOf(counts.control),
    write: classOf(counts.write),
    read: classOf(counts.read),
  };

  const lease = async (of: SessionClass, signal: AbortSignal): Promise<Lease | undefined> => {
    const seat = await takeSeat(classes[of], signal);
    if (seat === undefined) return undefined;
    return leaseOf(seat, () => {
      if (seat.spoilt) {
        // The new one first: the engine shuts down with its last session.
        const old = seat.session;
        Object.assign(seat, { session: open(), database: "default", spoilt: false });
        old.close();
      }
      giveBack(classes[of], seat);
    });
  };
  return {
    lease,
    async kill(marker) {
      const own = await lease("control", new AbortController().signal);
      try {
        // The marker is cut in two so that this statement does not contain it.
        const [head, tail] = [marker.slice(0, 3), marker.slice(3)];
        const where = `position(query, concat(${quote(head)}, ${quote(tail)})) > 0`;
        // ASYNC: the SYNC form waits for ever in the embedded engine.
        const sql = `KILL QUERY WHERE ${where} ASYNC`;
        await own?.run({ sql, format: "Null", database: "default", parameters: new Map() });
      } finally {
        own?.release();
      }
    },
    close() {
      for (const seat of all) seat.session.close();
    },
  };
}

async function takeSeat(of: Class, signal: AbortSignal): Promise<Seat | undefined> {
  if (signal.aborted) return undefined;
  const free = of.free.pop();
  if (free !== undefined) return free;
  return await new Promise((resolve) => {
    const taken = (seat: Seat): void => {
      signal.removeEventListener("abort", left);
      resolve(seat);
    };
    const left = (): void => {
      of.waiting.splice(of.waiting.indexOf(taken), 1);
      resolve(undefined);
    };
    signal.addEventListener("abort", left, { once: true });
    of.waiting.push(taken);
  });
}

function giveBack(of: Class, seat: Seat): void {
  const next = of.waiting.shift();
  if (next === undefined) of.free.push(seat);
  else next(seat);
}

function leaseOf(seat: Seat, giveSeatBack: () => void): Lease {
  let released = false;
  const prepare = async (job: Job): Promise<void> => {
    // Until it is known to have gone well.
    seat.spoilt = true;
    if (seat.database !== job.database) {
      await seat.session.queryAsync(`USE ${backquote(job.database)}`, { format: "Null" });
      seat.database = job.database;
    }
    if (job.parameters.size === 0) return;
    // Parameters are the one thing set on the session: every statement sets all it names, so none sees another's.
    const assignments = [...job.parameters].map(([name, value]) => `param_${name} = ${quote(value)}`);
    await seat.session.queryAsync(`SET ${assignments.join(", ")}`, { format: "Null" });
  };
  return {
    async run(job) {
      await prepare(job);
      const result = await seat.session.queryAsync(job.sql, { format: job.format });
      seat.spoilt = false;
      return { bytes: result.bytes(), rowsRead: result.rowsRead, bytesRead: result.bytesRead };
    },
    async stream(job) {
      await prepare(job);
      const pieces = seat.session.queryStream(job.sql, { format: job.format });
      const finished = (): void => {
        seat.spoilt = false;
      };
      return { pieces, finished };
    },
    release() {
      if (!released) giveSeatBack();
      released = true;
    },
  };
}
