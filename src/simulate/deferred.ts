// Requests that hold their blocks while their cache is to come from elsewhere.
import type { Requests } from "./requests.ts";

export interface Deferred {
  readonly length: number;
  /** Virtual milliseconds at which the first transfer ends; Infinity if none is under way. */
  readonly nextAt: number;
  add(slot: number, untilMs: number): void;
  /** Takes out the first whose time has come; -1 if there is none. */
  due(nowMs: number): number;
  /** False if it was not there. */
  remove(slot: number): boolean;
  slots(): readonly number[];
}

export function createDeferred({ readyAt }: Requests): Deferred {
  const held: number[] = [];
  return {
    get length() {
      return held.length;
    },
    get nextAt() {
      return held.length === 0 ? Number.POSITIVE_INFINITY : readyAt[held[0]!]!;
    },
    add(slot, untilMs) {
      readyAt[slot] = untilMs;
      held.push(slot);
    },
    due: (nowMs) => (held.length > 0 && readyAt[held[0]!]! <= nowMs ? held.shift()! : -1),
    remove(slot) {
      const at = held.indexOf(slot);
      if (at >= 0) held.splice(at, 1);
      return at >= 0;
    },
    slots: () => held,
  };
}
