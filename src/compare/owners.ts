// Whose requests a replica had: one side's, or both, which is nobody's.
import type { StoredRequest } from "../model/ports/request-history.ts";
import type { Instant } from "../model/time.ts";
import { minuteMs } from "./minutes.ts";

export type Owner = "a" | "b" | "both";

/** In every minute, by {@link ownerKey}. */
export function ownersOf(requests: readonly StoredRequest[]): ReadonlyMap<string, Owner> {
  const owners = new Map<string, Owner>();
  for (const { at, replica, isB } of requests) claim(owners, ownerKey(at, replica), isB);
  return owners;
}

export function ownerKey(at: Instant, replica: string): string {
  return `${Math.floor(at / minuteMs)} ${replica}`;
}

export function claim(owners: Map<string, Owner>, key: string, isB: boolean): void {
  const own = isB ? "b" : "a";
  const before = owners.get(key);
  owners.set(key, before === undefined || before === own ? own : "both");
}
