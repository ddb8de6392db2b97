// What thinking an incident through again changed, told on a terminal.
import type { Io } from "../command.ts";
import type { CauseShift, Replayed } from "./replay.ts";
import { percent } from "./timeline.ts";
import { plain } from "./untrusted.ts";

export function printReplay({ incident, before, after, changed, causes }: Replayed, io: Io): void {
  const name = (slug: string | undefined): string => slug ?? "nothing";
  const verdict = changed
    ? `first cause changed: ${name(before)} -> ${name(after)}`
    : `first cause the same: ${name(after)}`;
  io.out(plain(`${incident}: ${verdict}`));
  for (const cause of causes)
    io.out(plain(`  ${oddsOf(cause.before)} -> ${oddsOf(cause.after)}  ${cause.title}${placeOf(cause)}`));
}

function oddsOf(side: CauseShift["before"]): string {
  return (side === undefined ? "-" : percent(side.probability)).padStart(5);
}

function placeOf({ before, after }: CauseShift): string {
  const [was, is] = [before?.location, after?.location];
  if (was === undefined || is === undefined || was === is) return ` on ${is ?? was}`;
  return `: on ${was} -> on ${is}`;
}
