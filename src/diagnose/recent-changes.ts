// The change log as diagnosis reads it: how far back it matters, and no answer instead of an error.
import type { ChangeEvent } from "../model/change.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { ChangeLog } from "../model/ports/change-log.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { startupMs } from "./waking.ts";

export interface RecentChanges {
  /** How far back a change is looked for that a mode could be set off by. */
  readonly backMs: DurationMs;
  /** A new step: what was answered before is asked again, for changes are told late and a log may answer now. */
  begin(): void;
  /** Ends inclusive; undefined when the log does not answer. */
  within(from: Instant, to: Instant): Promise<readonly ChangeEvent[] | undefined>;
}

export function createRecentChanges(
  log: ChangeLog,
  modes: readonly FailureMode[],
  telemetry: Telemetry,
): RecentChanges {
  /** Many scopes of a step ask for the same. */
  let asked: { readonly key: string; readonly answer: Promise<readonly ChangeEvent[] | undefined> } | undefined;

  async function ask(from: Instant, to: Instant): Promise<readonly ChangeEvent[] | undefined> {
    try {
      return (await log.within({ from, to: to + 1 })).filter(changesSomething);
    } catch (error) {
      telemetry.count("homeostat.diagnose.query_errors");
      telemetry.log.error("the change log does not answer", { error: String(error) });
      return undefined;
    }
  }

  const specs = modes.flatMap(({ symptoms, discriminators }) => [...symptoms, ...discriminators]);
  return {
    backMs: Math.max(
      startupMs,
      ...specs.map(({ source }) => (source.kind === "change" || source.kind === "code" ? source.withinMs : 0)),
    ),
    begin() {
      asked = undefined;
    },
    within(from, to) {
      const key = `${from} ${to}`;
      if (asked?.key !== key) asked = { key, answer: ask(from, to) };
      return asked.answer;
    },
  };
}

/** A rollout that says what was before and what is after, and that they are the same, set nothing off. */
function changesSomething({ before, after }: ChangeEvent): boolean {
  if (before === undefined || after === undefined) return true;
  const facts = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...facts].some((fact) => before[fact] !== after[fact]);
}
