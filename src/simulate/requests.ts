// All requests in flight, in columns: engines and gateway refer to them by slot.
import type { Asked } from "./traffic.ts";

/** Where a request is. */
export const FREE = 0;
/** Held by the gateway, waiting to be sent. */
export const AT_GATEWAY = 1;
export const AT_ENGINE = 2;
/** The gateway gave it up, but its engine still holds it. */
export const ABANDONED = 3;
/** In the replica's API process, not at the engine core yet. */
export const AT_API = 4;
/** The replica forgot it; its client still waits. */
export const LOST = 5;

/** Marks of a request, in bits. */
/** It never ends by itself, and nobody waits for it. */
export const ZOMBIE = 1;
/** Its answer must follow a grammar. */
export const STRUCTURED = 2;
/** It ends at the most tokens it may have. */
export const CAPPED = 4;
/** Somebody asks the engine itself, past the gateway, and waits for what it says. */
export const DIRECT = 8;

export interface Requests {
  readonly capacity: number;
  readonly state: Uint8Array;
  readonly id: Float64Array;
  readonly promptTokens: Int32Array;
  /** How many tokens the answer will have. */
  readonly outputTokens: Int32Array;
  readonly generated: Int32Array;
  /** Tokens whose keys and values are in the cache. */
  readonly computed: Int32Array;
  readonly blocks: Int32Array;
  /** Tokens given to it in the step under way. */
  readonly scheduled: Int32Array;
  readonly preemptions: Int32Array;
  readonly attempts: Uint8Array;
  readonly marks: Uint8Array;
  /** Most tokens its answer may have. */
  readonly limit: Int32Array;
  /** Place in `requestClasses`. */
  readonly kind: Uint8Array;
  /** Requests of one group begin with the same `prefixTokens`. */
  readonly prefixGroup: Int32Array;
  readonly prefixTokens: Int32Array;
  /** LoRA adapter; 0 = the base model. */
  readonly adapter: Int16Array;
  /** Virtual milliseconds until its cache is here; NaN = it waits for none. */
  readonly readyAt: Float64Array;
  /** Index of the replica it is at. */
  readonly replica: Int8Array;
  /** Virtual milliseconds; NaN = not yet. */
  readonly arrivedAt: Float64Array;
  readonly dispatchedAt: Float64Array;
  readonly scheduledAt: Float64Array;
  readonly firstTokenAt: Float64Array;
  readonly lastTokenAt: Float64Array;
  readonly inUse: number;
  /** One past the highest slot ever taken. */
  readonly highWater: number;
  /** A free slot, or -1 when all are taken. */
  take(): number;
  release(slot: number): void;
  /** Writes what is asked. */
  ask(slot: number, asked: Asked): void;
  /** What `from` asks, asked again by `to`, as old and as often tried. */
  copy(from: number, to: number): void;
  /** Forgets what an engine did for it: it starts from its prompt again. */
  rewind(slot: number): void;
}

export function createRequests(capacity: number): Requests {
  const free = new Int32Array(capacity);
  let freeCount = 0;
  let inUse = 0;
  let highWater = 0;
  const state = new Uint8Array(capacity);
  const generated = new Int32Array(capacity);
  const computed = new Int32Array(capacity);
  const blocks = new Int32Array(capacity);
  const asked = {
    promptTokens: new Int32Array(capacity),
    outputTokens: new Int32Array(capacity),
    limit: new Int32Array(capacity),
    kind: new Uint8Array(capacity),
    prefixGroup: new Int32Array(capacity),
    prefixTokens: new Int32Array(capacity),
    adapter: new Int16Array(capacity),
    marks: new Uint8Array(capacity),
  };
  const columns = Object.keys(asked) as (keyof Asked)[];
  const id = new Float64Array(capacity);
  const arrivedAt = new Float64Array(capacity);
  const scheduled = new Int32Array(capacity);
  const preemptions = new Int32Array(capacity);
  const attempts = new Uint8Array(capacity);
  const replica = new Int8Array(capacity);
  const readyAt = new Float64Array(capacity);
  const dispatchedAt = new Float64Array(capacity);
  const scheduledAt = new Float64Array(capacity);
  const firstTokenAt = new Float64Array(capacity);
  const lastTokenAt = new Float64Array(capacity);

  function rewind(slot: number): void {
    generated[slot] = 0;
    computed[slot] = 0;
    blocks[slot] = 0;
    scheduled[slot] = 0;
    preemptions[slot] = 0;
    replica[slot] = -1;
    readyAt[slot] = Number.NaN;
    dispatchedAt[slot] = Number.NaN;
    scheduledAt[slot] = Number.NaN;
    firstTokenAt[slot] = Number.NaN;
    lastTokenAt[slot] = Number.NaN;
  }

  return {
    ...asked,
    capacity,
    state,
    id,
    arrivedAt,
    generated,
    computed,
    blocks,
    scheduled,
    preemptions,
    attempts,
    readyAt,
    replica,
    dispatchedAt,
    scheduledAt,
    firstTokenAt,
    lastTokenAt,
    get inUse() {
      return inUse;
    },
    get highWater() {
      return highWater;
    },
    take() {
      const slot = freeCount > 0 ? free[--freeCount]! : highWater < capacity ? highWater++ : -1;
      if (slot < 0) return -1;
      inUse++;
      state[slot] = AT_GATEWAY;
      attempts[slot] = 0;
      asked.marks[slot] = 0;
      rewind(slot);
      return slot;
    },
    release(slot) {
      if (state[slot] === FREE) throw new Error(`request slot ${slot} released twice`);
      state[slot] = FREE;
      free[freeCount++] = slot;
      inUse--;
    },
    rewind,
    ask(slot, what) {
      for (const column of columns) asked[column][slot] = what[column];
    },
    copy(from, to) {
      for (const column of columns) asked[column][to] = asked[column][from]!;
      id[to] = id[from]!;
      arrivedAt[to] = arrivedAt[from]!;
      attempts[to] = attempts[from]!;
    },
  };
}
