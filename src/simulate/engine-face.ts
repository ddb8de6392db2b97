// What an engine core looks like from outside: to its gateway, to faults and to whoever asks for its metrics.
import type { Condition } from "./condition.ts";
import type { Random } from "./random.ts";
import type { EngineStats } from "./stats.ts";

export interface Engine {
  readonly stats: EngineStats;
  readonly blocksTotal: number;
  /** Held by requests. */
  readonly blocksUsed: number;
  readonly running: number;
  readonly waiting: number;
  /** Virtual milliseconds at which the step under way ends; Infinity while idle or hung. */
  readonly stepEndsAt: number;
  /** Takes a request; `dispatchedAt` must be set. Starts a step if idle. */
  add(slot: number, nowMs: number): void;
  /** Ends the step under way and starts the next. Must be called at `stepEndsAt`. */
  step(): void;
  /** Drops a request the client gave up. False if the engine is stuck and keeps it. */
  abort(slot: number, nowMs: number): boolean;
  /** Drops a request without a word: no counter moves. */
  forget(slot: number): void;
  /** Everything stands still for so much longer: the step under way, or the next. */
  stall(ms: number): void;
  /** Forgets all prefixes that no request holds. */
  resetPrefixCache(): void;
  setHung(hung: boolean, nowMs: number): void;
  readonly hung: boolean;
  /** Every slot it holds, oldest scheduled first. */
  slots(): number[];
  /** Adapters of running and of waiting requests. */
  adapters(): { readonly running: readonly number[]; readonly waiting: readonly number[] };
}

/** Called once for every request that ends by itself, before its slot is released. */
export type OnFinish = (slot: number, nowMs: number, reason: "stop" | "length") => void;

export interface EngineOptions {
  /** Read at every step. */
  readonly condition?: Condition;
  /** How many groups of requests share prefixes. */
  readonly prefixGroups?: number;
  readonly adapters?: number;
  /** Where it writes when its step ends: many engines are looked at at once. */
  readonly deadline?: { readonly all: Float64Array; readonly place: number };
  /** Draws how many drafted tokens are accepted. */
  readonly random?: Random;
}
