// All requests in flight, in columns: engines and gateway refer to them by slot.

/** Where a request is. */
export const FREE = 0;
/** Held by the gateway, waiting to be sent. */
export const AT_GATEWAY = 1;
export const AT_ENGINE = 2;
/** The gateway gave it up, but its engine still holds it. */
export const ABANDONED = 3;

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
  const scheduled = new Int32Array(capacity);
  const preemptions = new Int32Array(capacity);
  const attempts = new Uint8Array(capacity);
  const replica = new Int8Array(capacity);
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
    dispatchedAt[slot] = Number.NaN;
    scheduledAt[slot] = Number.NaN;
    firstTokenAt[slot] = Number.NaN;
    lastTokenAt[slot] = Number.NaN;
  }

  return {
    capacity,
    state,
    id: new Float64Array(capacity),
    promptTokens: new Int32Array(capacity),
    outputTokens: new Int32Array(capacity),
    generated,
    computed,
    blocks,
    scheduled,
    preemptions,
    attempts,
    replica,
    arrivedAt: new Float64Array(capacity),
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
  };
}
