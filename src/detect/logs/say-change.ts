// A change of log lines in one line for people.
import type { Change } from "./changes.ts";

/** `who` is the service with its version, `text` the template. */
export function sayChange(
  kind: Change["kind"],
  who: string,
  severity: string,
  text: string | undefined,
  [observed, expected]: readonly [observed: number, expected: number],
): string {
  const usual = expected >= 10 ? Math.round(expected) : Math.round(expected * 10) / 10;
  const line = `${severity === "unspecified" ? "" : `${severity} `}line of ${who}: ${text ?? ""}`;
  if (kind === "new") return `new ${line}`;
  if (kind === "vanished") return `silent, usually ${usual} a step: ${line}`;
  if (kind === "burst") return `burst, ${observed} a step instead of ${usual}: ${line}`;
  return `the lines of ${who} are shared out among its templates in another way`;
}
