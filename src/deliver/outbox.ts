// Reading the outbox: what is still on its way, and what did not get through.
import type { LetterQuery } from "../model/ports/outbox.ts";
import type { Delivery, Records } from "../model/ports/records.ts";
import type { TimeRange } from "../model/time.ts";

type Readable = Pick<Records, "list">;

/** What one question answers with at most, and how many are asked for one list. */
const pageMax = 1000;
const pagesMax = 20;
/** Longer than all tries of a message can take: what is older is not on its way any more. */
const underWayMs = 7 * 86_400_000;

/** Messages an earlier run left on their way, oldest first. */
export async function pendingIn(records: Readable, now: number): Promise<readonly Delivery[]> {
  const pending: Delivery[] = [];
  for await (const one of newestFirst(records, undefined)) {
    if (now - one.createdAt > underWayMs) break;
    if (one.state === "pending") pending.push(one);
  }
  return pending.toReversed();
}

/** Newest first. Blind to what lies behind the newest {@link pageMax} times {@link pagesMax} of the range. */
export async function lettersIn(records: Readable, query: LetterQuery): Promise<readonly Delivery[]> {
  const { state, receiver, range, limit } = query;
  const found: Delivery[] = [];
  for await (const one of newestFirst(records, range)) {
    if (found.length >= limit) break;
    if ((state ?? one.state) === one.state && (receiver ?? one.receiver) === one.receiver) found.push(one);
  }
  return found;
}

async function* newestFirst(records: Readable, range: TimeRange | undefined): AsyncGenerator<Delivery> {
  const seen = new Set<string>();
  const from = range?.from ?? 0;
  let to = range?.to;
  for (let page = 0; page < pagesMax; page++) {
    const within = to === undefined ? {} : { range: { from, to } };
    const found = await records.list("deliveries", { ...within, limit: pageMax });
    const fresh = found.filter(({ id }) => !seen.has(id));
    for (const one of fresh) {
      seen.add(one.id);
      yield one;
    }
    const last = found.at(-1);
    if (last === undefined || found.length < pageMax || fresh.length === 0) return;
    // The end is left out, and the last of the page may have others beside it: they are read once more.
    to = last.createdAt + 1;
  }
}
