// Host memory of a replica's container.
import type { Replica } from "./replica.ts";

export const memoryLimitBytes = 64 * 2 ** 30;
/** What an engine's processes hold once they are warm. */
const warmBytes = 14 * 2 ** 30;

export function residentBytes({ leakedBytes }: Pick<Replica, "leakedBytes">): number {
  return warmBytes + leakedBytes;
}
