// Cron expressions for clocks that are stepped: which instants match. node-cron wakes the live clock; it cannot be asked this.
import type { Instant } from "../../model/time.ts";

/** Sets of matching values, a field each: second, minute, hour, day of month, month, day of week. */
export type Cron = readonly [Field, Field, Field, Field, Field, Field];
type Field = ReadonlySet<number>;

const ranges: readonly (readonly [min: number, max: number])[] = [
  [0, 59],
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
];

/**
 * Parses six fields (seconds first) of `*`, numbers, `a-b`, lists and `/step`. Names of months and days are not taken.
 * Throws a RangeError that says which field is wrong: expressions come from our own code and checked config.
 */
export function parseCron(text: string): Cron {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 6)
    throw new RangeError(`cron "${text}": expected 6 fields (second first), found ${fields.length}`);
  return fields.map((field, i) => parseField(field, ranges[i]!, text)) as unknown as Cron;
}

/** First matching whole second after `after`; undefined if there is none within four years. UTC. */
export function nextMatch(cron: Cron, after: Instant): Instant | undefined {
  const [seconds, minutes, hours, days, months, weekdays] = cron;
  let at = Math.floor(after / 1000) * 1000 + 1000;
  const end = after + 4 * 366 * 86_400_000;
  while (at <= end) {
    const date = new Date(at);
    if (!months.has(date.getUTCMonth() + 1) || !days.has(date.getUTCDate()) || !weekdays.has(date.getUTCDay())) {
      at = Math.floor(at / 86_400_000) * 86_400_000 + 86_400_000;
    } else if (!hours.has(date.getUTCHours())) {
      at = Math.floor(at / 3_600_000) * 3_600_000 + 3_600_000;
    } else if (!minutes.has(date.getUTCMinutes())) {
      at = Math.floor(at / 60_000) * 60_000 + 60_000;
    } else if (seconds.has(date.getUTCSeconds())) {
      return at;
    } else {
      at += 1000;
    }
  }
  return undefined;
}

function parseField(field: string, [min, max]: readonly [number, number], text: string): Field {
  const values = new Set<number>();
  for (const part of field.split(",")) {
    const match = /^(\*|\d+(?:-\d+)?)(?:\/(\d+))?$/.exec(part);
    const step = Number(match?.[2] ?? 1);
    if (match === null || step === 0) throw new RangeError(`cron "${text}": cannot read "${part}"`);
    const [from, to] = bounds(match[1]!, match[2] !== undefined, min, max);
    if (from < min || to > max || from > to) throw new RangeError(`cron "${text}": "${part}" is outside ${min}-${max}`);
    for (let value = from; value <= to; value += step) values.add(max === 7 ? value % 7 : value);
  }
  return values;
}

function bounds(text: string, hasStep: boolean, min: number, max: number): readonly [number, number] {
  if (text === "*") return [min, max === 7 ? 6 : max];
  const [from, to] = text.split("-").map(Number);
  return [from!, to ?? (hasStep ? max : from!)];
}
