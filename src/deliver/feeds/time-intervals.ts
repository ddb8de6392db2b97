// Alertmanager's time intervals: times of day, weekdays, days of the month, months and years, in a place's own time.
import { z } from "zod";
import type { Instant } from "../../model/time.ts";

const weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const months = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, "must be a time such as 09:00");
const ranges = z
  .array(z.union([z.string(), z.number().transform(String)]))
  .min(1)
  .optional();

export const TimeInterval = z.strictObject({
  name: z.string().min(1),
  time_intervals: z.array(
    z.strictObject({
      times: z
        .array(z.strictObject({ start_time: timeOfDay, end_time: timeOfDay }))
        .min(1)
        .optional(),
      weekdays: ranges,
      days_of_month: ranges,
      months: ranges,
      years: ranges,
      location: z.string().default("UTC").describe("Time zone such as Europe/Berlin."),
    }),
  ),
});
export type TimeInterval = z.output<typeof TimeInterval>;
type Spec = TimeInterval["time_intervals"][number];

/** Whether an instant lies in one of the interval's stretches. */
export type InInterval = (at: Instant) => boolean;

/** Throws an error that names the interval and what is wrong in it. */
export function compileInterval(interval: TimeInterval): InInterval {
  try {
    const tests = interval.time_intervals.map(compileSpec);
    return (at) => tests.some((test) => test(at));
  } catch (error) {
    throw new Error(`time interval ${interval.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface Local {
  readonly minute: number;
  readonly weekday: number;
  readonly day: number;
  readonly month: number;
  readonly year: number;
  readonly daysInMonth: number;
}

function compileSpec(spec: Spec): InInterval {
  const local = localTime(spec.location);
  const times = spec.times?.map(({ start_time, end_time }) => [minutes(start_time), minutes(end_time)] as const);
  for (const [from, to] of times ?? []) if (from >= to) throw new Error("start_time is not before end_time");
  const days = spec.weekdays?.map((text) => range(text, weekdays, 0, 6));
  const monthDays = spec.days_of_month?.map((text) => range(text, [], -31, 31));
  const inMonths = spec.months?.map((text) => range(text, ["", ...months], 1, 12));
  const years = spec.years?.map((text) => range(text, [], 1970, 9999));
  const within = (list: readonly (readonly [number, number])[] | undefined, value: number): boolean =>
    list === undefined || list.some(([from, to]) => value >= from && value <= to);
  return (at) => {
    const now = local(at);
    // Negative days count from the month's end; a day the month does not have is its last.
    const fromEnd = (day: number): number =>
      day < 0 ? Math.max(1, now.daysInMonth + day + 1) : Math.min(day, now.daysInMonth);
    return (
      (times === undefined || times.some(([from, to]) => now.minute >= from && now.minute < to)) &&
      within(days, now.weekday) &&
      within(
        monthDays?.map(([from, to]) => [fromEnd(from), fromEnd(to)] as const),
        now.day,
      ) &&
      within(inMonths, now.month) &&
      within(years, now.year)
    );
  };
}

function range(text: string, names: readonly string[], min: number, max: number): readonly [number, number] {
  const [from, to = from, ...more] = text.split(":").map((part) => {
    const place = names.indexOf(part.trim().toLowerCase());
    return place >= 0 && part.trim() !== "" ? place : Number(part.trim() === "" ? Number.NaN : part);
  });
  const bad = (value: number | undefined): boolean => !Number.isInteger(value) || value! < min || value! > max;
  const backwards = from! > to! && from! > 0 === to! > 0;
  if (more.length > 0 || bad(from) || bad(to) || backwards) throw new Error(`${JSON.stringify(text)} is not a range`);
  return [from!, to!];
}

function minutes(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

function localTime(location: string): (at: Instant) => Local {
  const format = new Intl.DateTimeFormat("en-US-u-ca-gregory", {
    timeZone: location === "Local" ? undefined : location,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year, month, day, hour, minute } = parts as Record<"year" | "month" | "day" | "hour" | "minute", number>;
    return {
      minute: hour * 60 + minute,
      weekday: new Date(Date.UTC(year, month - 1, day)).getUTCDay(),
      day,
      month,
      year,
      daysInMonth: new Date(Date.UTC(year, month, 0)).getUTCDate(),
    };
  };
}
